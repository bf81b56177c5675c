// A byte-code loop: br_table and dependent loads.
enum { PUSH, ADD, SUB, MUL, DUP, SWAP, JNZ, DEC, LOAD, STORE, HALT };
static const int program[] = {PUSH, 0, STORE, 0, LOAD, 1, DUP, MUL, LOAD, 0, ADD, STORE, 0,
                              LOAD, 1, DEC, DUP, STORE, 1, JNZ, 4, LOAD, 0, HALT};
unsigned run(unsigned n) {
  unsigned stack[16], vars[2] = {0, n}, sp = 0, pc = 0, t;
  for (;;) switch (program[pc++]) {
    case PUSH: stack[sp++ & 15] = (unsigned)program[pc++]; break;
    case ADD: sp--; stack[(sp - 1) & 15] += stack[sp & 15]; break;
    case SUB: sp--; stack[(sp - 1) & 15] -= stack[sp & 15]; break;
    case MUL: sp--; stack[(sp - 1) & 15] *= stack[sp & 15]; break;
    case DUP: stack[sp & 15] = stack[(sp - 1) & 15]; sp++; break;
    case SWAP: t = stack[(sp - 1) & 15]; stack[(sp - 1) & 15] = stack[(sp - 2) & 15]; stack[(sp - 2) & 15] = t; break;
    case JNZ: sp--; if (stack[sp & 15]) pc = (unsigned)program[pc]; else pc++; break;
    case DEC: stack[(sp - 1) & 15]--; break;
    case LOAD: stack[sp++ & 15] = vars[program[pc++]]; break;
    case STORE: vars[program[pc++]] = stack[--sp & 15]; break;
    case HALT: return stack[0];
  }
}
