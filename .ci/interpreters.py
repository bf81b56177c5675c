"""Talks to interpreters that `brolga run` runs, through a terminal, as people do.

    interpreters.py BROLGA FOLDER

BROLGA is the program, FOLDER has lua.wasm, quickjs.wasm and sqlite.wasm.
"""

import fcntl
import os
import pty
import re
import select
import struct
import sys
import tempfile
import termios
import time

# How long a program may stay silent before this gives it up: compiling it takes a debug build
# some seconds.
PATIENCE = 120
CTRL_C = "\x03"
CTRL_D = "\x04"
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A program at a terminal of its own. What it says is waited for, never a time."""

    def __init__(self, *command):
        self.said = ""
        self.seen = 0
        self.process, self.descriptor = pty.fork()
        if self.process == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
            environment = dict(os.environ, TERM="xterm")
            os.execve(command[0], command, environment)

    def read(self):
        """Adds to what was said. False at the end."""
        ready, _, _ = select.select([self.descriptor], [], [], PATIENCE)
        if not ready:
            raise SystemExit(f"silent for {PATIENCE} s, after: {self.said[-2000:]}")
        try:
            data = os.read(self.descriptor, 65536)
        except OSError:  # The other side is closed.
            data = b""
        self.said += data.decode(errors="replace")
        return data != b""

    def wait_for(self, text):
        """Waits until it has said `text`, after what was waited for before."""
        while True:
            plain = ESCAPES.sub("", self.said)
            place = plain.find(text, self.seen)
            if place >= 0:
                self.seen = place + len(text)
                return
            if not self.read():
                raise SystemExit(f"it did not say {text!r}, but: {plain[-2000:]}")

    def type_in(self, text):
        os.write(self.descriptor, text.encode())

    def says(self, line, answer):
        """Types a line, which the terminal shows as it is typed, and waits for the answer."""
        self.type_in(line + "\n")
        self.wait_for(line + "\r\n")
        self.wait_for(answer)

    def end(self, code):
        """Waits for the end, which is to be with this code."""
        while self.read():
            pass
        found = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
        os.close(self.descriptor)
        if found != code:
            raise SystemExit(f"it ended with {found}, not {code}: {self.said[-2000:]}")


def expect_file(folder, name, begins):
    with open(os.path.join(folder, name), "rb") as file:
        found = file.read(len(begins))
    if found != begins:
        raise SystemExit(f"{name} begins with {found}, not with {begins}")


def lua(run, folder):
    terminal = run("lua.wasm")
    terminal.wait_for("Lua 5.4")
    terminal.wait_for("\r\n> ")
    terminal.says("6 * 7", "42\r\n> ")
    terminal.says("squares = {} for i = 1, 5 do squares[i] = i * i end", "> ")
    terminal.says("table.concat(squares, ',')", "1,4,9,16,25\r\n> ")
    terminal.says("function twice(x)", ">> ")
    terminal.says("return 2 * x end", "> ")
    terminal.says("twice('21')", "42\r\n> ")
    # What is typed wrong is taken back before it is sent; the terminal does that.
    terminal.type_in("1 + 2\x7f3\n")
    terminal.wait_for("4\r\n> ")
    terminal.says("nothing.here", "attempt to index a nil value (global 'nothing')\r\n> ")
    terminal.says("pcall(error, 'caught')", "false\tcaught\r\n> ")
    terminal.says("function numbers() for i = 1, 3 do coroutine.yield(i) end end", "> ")
    terminal.says("count = coroutine.wrap(numbers)", "> ")
    terminal.says("count() + count()", "3\r\n> ")
    terminal.says("f = io.open('notes.txt', 'w') f:write('from Lua') f:close()", "> ")
    terminal.says("io.open('/etc/passwd')", "nil\t/etc/passwd: ")
    terminal.wait_for("\r\n> ")
    terminal.type_in(CTRL_D)
    terminal.end(0)
    expect_file(folder, "notes.txt", b"from Lua")

    terminal = run("lua.wasm")
    terminal.wait_for("> ")
    terminal.says("os.exit(7)", "")
    terminal.end(7)

    terminal = run("lua.wasm")
    terminal.wait_for("> ")
    terminal.says("print('begun') while true do end", "begun\r\n")
    terminal.type_in(CTRL_C)
    terminal.end(130)


def quickjs(run, folder):
    terminal = run("quickjs.wasm")
    terminal.wait_for("QuickJS")
    terminal.wait_for("qjs > ")
    terminal.says("[1, 2, 3].map((x) => x ** 2)", "[ 1, 4, 9 ]\r\nqjs > ")
    terminal.says("let f = std.open('notes.txt', 'w')", "qjs > ")
    terminal.says("f.puts('from QuickJS'); f.close()", "qjs > ")
    terminal.says("nothing.here", "ReferenceError: nothing is not defined")
    terminal.wait_for("qjs > ")
    terminal.says("Promise.resolve(6).then((x) => print('later', 7 * x))", "later 42\r\n")
    terminal.says("std.exit(5)", "")
    terminal.end(5)
    expect_file(folder, "notes.txt", b"from QuickJS")

    terminal = run("quickjs.wasm")
    terminal.wait_for("qjs > ")
    terminal.type_in(CTRL_C)
    terminal.end(130)


def sqlite(run, folder):
    terminal = run("sqlite.wasm", "birds.db")
    terminal.wait_for("SQLite 3.")
    terminal.wait_for("sqlite> ")
    terminal.says("create table bird (name text, height real);", "sqlite> ")
    terminal.says("insert into bird values ('brolga', 1.3),", "   ...> ")
    terminal.says("('emu', 1.9);", "sqlite> ")
    terminal.says("select upper(name) from bird where height > 1.5;", "EMU\r\nsqlite> ")
    terminal.says("select * from fish;", "error: no such table: fish\r\nsqlite> ")
    terminal.type_in(CTRL_D)
    terminal.wait_for("bye\r\n")
    terminal.end(0)
    expect_file(folder, "birds.db", b"SQLite format 3\0")

    terminal = run("sqlite.wasm", "birds.db")
    terminal.wait_for("sqlite> ")
    terminal.says("select count(*), sum(height) from bird;", "2|3.2\r\nsqlite> ")
    terminal.says(".exit 3", "")
    terminal.end(3)

    terminal = run("sqlite.wasm")
    terminal.wait_for("sqlite> ")
    terminal.type_in(CTRL_C)
    terminal.end(130)


def main():
    brolga, programs = (os.path.abspath(it) for it in sys.argv[1:])
    for talk in [lua, quickjs, sqlite]:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            given = ["--dir", f"{folder}::.", f"--cache={folder}/.cache"]

            def run(program, *args):
                return Terminal(brolga, "run", *given, os.path.join(programs, program), *args)

            talk(run, folder)
        print(f"ok: {talk.__name__}, {time.monotonic() - began:.1f} s")


main()
