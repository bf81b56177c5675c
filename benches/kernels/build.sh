#!/usr/bin/env bash
# Builds the kernels' .wasm from their .c with the C compiler of the PyPI package `ziglang`.
set -euo pipefail
cd "$(dirname "$0")"
for source in *.c; do
    python3 -m ziglang cc -target wasm32-freestanding -mcpu=generic+simd128+bulk_memory -O2 \
        -fno-builtin -fno-sanitize=all -nostdlib -Wl,--no-entry -Wl,--export=run -Wl,--strip-all \
        -o "${source%.c}.wasm" "$source"
done
