/*
 * What a program needs of its toolchain when the compiler turns setjmp and longjmp into calls by
 * the host, in Emscripten's way: each call after a setjmp goes by an `invoke_` function of the
 * host, which catches what `_emscripten_throw_longjmp` throws. See crates/wasi/src/emscripten.rs.
 */

#include <stdint.h>

/* What a jmp_buf holds: whose call of setjmp it was, and which of them. */
struct Point {
    const void *frame;
    uint32_t label;
};

/* The names are the compiler's. */
uintptr_t __THREW__;
int __threwValue;

__attribute__((import_module("env"), import_name("_emscripten_throw_longjmp"), noreturn)) void
throw_longjmp(void);

static int upper_half;

void setTempRet0(int value) { upper_half = value; }

int getTempRet0(void) { return upper_half; }

__attribute__((export_name("setThrew"))) void setThrew(uintptr_t threw, int value) {
    if (__THREW__ == 0) {
        __THREW__ = threw;
        __threwValue = value;
    }
}

void __wasm_setjmp(struct Point *point, uint32_t label, const void *frame) {
    point->frame = frame;
    point->label = label;
}

uint32_t __wasm_setjmp_test(const struct Point *point, const void *frame) {
    return point->frame == frame ? point->label : 0;
}

_Noreturn void emscripten_longjmp(struct Point *point, int value) {
    setThrew((uintptr_t)point, value == 0 ? 1 : value);
    throw_longjmp();
}

__asm__(".globaltype __stack_pointer, i32\n");

__attribute__((export_name("stackSave"))) void *stack_save(void) {
    void *stack;
    __asm__("global.get __stack_pointer\nlocal.set %0" : "=r"(stack));
    return stack;
}

__attribute__((export_name("stackRestore"))) void stack_restore(void *stack) {
    __asm__("local.get %0\nglobal.set __stack_pointer" : : "r"(stack));
}
