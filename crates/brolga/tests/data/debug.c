// Traps on known lines, some of them in code that is inlined into its caller.
// Built by build.sh; the line numbers are named in tests/debug.rs.

int cells[4] = {10, 20, 30, 40};
char mark[] = "core dump mark";

__attribute__((always_inline)) static inline int divide(int a, int b) {
    return a / b;
}

__attribute__((always_inline)) static inline int divide_cell(int at, int b) {
    return divide(cells[at & 3], b) + 1;
}

__attribute__((noinline)) static int plain(int a) {
    if (a == 7)
        __builtin_trap();
    return a * 3;
}

int trap_plain(int a) {
    return plain(a) + 1;
}

int trap_inlined(int at, int b) {
    cells[1] = at + 1000;
    return divide_cell(at, b) * 2;
}
