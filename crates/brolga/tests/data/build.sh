#!/usr/bin/env bash
# Builds debug.c with both versions of DWARF that toolchains write, by the C compiler of the PyPI
# package `ziglang`. The prefix map keeps the folder it happened in out of the modules.
set -euo pipefail
cd "$(dirname "$0")"
for version in 4 5; do
    python3 -m ziglang cc -target wasm32-freestanding -mcpu=generic -g -gdwarf-$version -O1 \
        -fno-builtin -fno-sanitize=all -nostdlib -Wl,--no-entry -Wl,--export-memory \
        -Wl,--export=trap_plain -Wl,--export=trap_inlined -Wl,--export=cells -Wl,--export=mark \
        -ffile-prefix-map="$PWD"=/src -fdebug-compilation-dir=/src \
        -o dwarf$version.wasm debug.c
done
