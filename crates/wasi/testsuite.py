#!/usr/bin/env python3
"""Runs the preview 1 programs of WebAssembly/wasi-testsuite with brolga.

    cargo build --release -p brolga-cli
    git clone --branch prod/testsuite-base https://github.com/WebAssembly/wasi-testsuite SUITE
    crates/wasi/testsuite.py SUITE

Nothing of the suite is part of this repository: each program runs on a copy of its folder, so that
the checkout stays as it is. Exits with 0 if all programs do what their JSON file says.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
# What the suite's folders of preview 1 are called.
TARGET = "wasm32-wasip1"
TIMEOUT_SECONDS = 120


def brolga(given):
    """The program to run: the one given, or the newest that was built here."""
    if given:
        return pathlib.Path(given).resolve()
    built = [ROOT / "target" / profile / "brolga" for profile in ("release", "debug")]
    built = [path for path in built if path.exists()]
    if not built:
        sys.exit("no brolga: build it with `cargo build --release -p brolga-cli`, or see --brolga")
    return max(built, key=lambda path: path.stat().st_mtime)


def programs(suite, names):
    """The wasm files of preview 1, all or those named."""
    found = sorted(path for path in suite.rglob("*.wasm") if TARGET in path.parts)
    if not found:
        sys.exit(f"{suite} has no {TARGET} programs: take the branch prod/testsuite-base")
    return [path for path in found if not names or path.stem in names]


def command(program, wasm, expected):
    """How brolga runs `wasm` in its own folder."""
    words = [program, "run"]
    for key, value in expected.get("env", {}).items():
        words += ["--env", f"{key}={value}"]
    if "root" in expected:
        words += ["--dir", f"{expected['root']}::/"]
    for directory in expected.get("dirs", []):
        words += ["--dir", f"{directory}::{directory}"]
    return words + [wasm.name] + expected.get("args", [])


def differences(expected, ran):
    """What the program did otherwise than expected."""
    found = []
    if ran.returncode != expected.get("exit_code", 0):
        found.append(f"exit code {ran.returncode}, not {expected.get('exit_code', 0)}")
    for stream in ("stdout", "stderr"):
        text = getattr(ran, stream).decode(errors="replace")
        if stream in expected and text != expected[stream]:
            found.append(f"{stream} is {text!r}, not {expected[stream]!r}")
    if found and ran.stderr:
        found.append(ran.stderr.decode(errors="replace").strip())
    return found


def run(program, wasm):
    """Runs one program on a copy of its folder. Returns what is wrong."""
    description = wasm.with_suffix(".json")
    expected = json.loads(description.read_text()) if description.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "copy"
        shutil.copytree(wasm.parent, copy, symlinks=True)
        for left in copy.rglob("*.cleanup"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        try:
            ran = subprocess.run(
                command(program, wasm, expected),
                cwd=copy,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=TIMEOUT_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return [f"still running after {TIMEOUT_SECONDS} seconds"]
    return differences(expected, ran)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suite", type=pathlib.Path, help="a checkout of the suite")
    parser.add_argument("names", nargs="*", help="programs to run, without .wasm; default: all")
    parser.add_argument("--brolga", help="the program; default: the newest built in this checkout")
    flags = parser.parse_intermixed_args()
    program = brolga(flags.brolga)
    chosen = programs(flags.suite.resolve(), flags.names)
    failed = 0
    for wasm in chosen:
        wrong = run(program, wasm)
        failed += bool(wrong)
        for line in wrong:
            print(f"{wasm.parent.parent.parent.name}/{wasm.stem}: {line}")
    print(f"{len(chosen) - failed} of {len(chosen)} passed")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
