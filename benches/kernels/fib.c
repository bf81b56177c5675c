// Recursive calls.
static unsigned fib(unsigned n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
__attribute__((noinline)) static unsigned enter(unsigned n) { return fib(n); }
unsigned run(unsigned n) { return enter(n); }
