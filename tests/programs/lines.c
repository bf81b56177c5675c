// A program that fails three functions deep, for tests of source lines. Built by
//   zig cc -target wasm32-freestanding -nostdlib -g -O1 -Wl,--no-entry \
//       -ffile-prefix-map=$PWD=. -o lines.wasm lines.c
static volatile int depth = 2;

__attribute__((noinline)) static void fail(int code) {
    if (code > 1)
        __builtin_trap();
    depth = code;
}

__attribute__((noinline)) static void work(void) {
    fail(depth);
    depth = 0;
}

__attribute__((export_name("_start"))) void _start(void) {
    work();
    depth = 1;
}
