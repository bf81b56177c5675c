// Calls through a table of functions: call_indirect.
typedef unsigned (*op)(unsigned, unsigned);
static unsigned add(unsigned a, unsigned b) { return a + b; }
static unsigned xor_(unsigned a, unsigned b) { return a ^ b; }
static unsigned mul(unsigned a, unsigned b) { return a * (b | 1); }
static unsigned rot(unsigned a, unsigned b) { return (a << (b & 31)) | (a >> ((32 - b) & 31)); }
static op ops[4] = {add, xor_, mul, rot};
unsigned run(unsigned n) {
  volatile op *table = ops;
  unsigned acc = 1;
  for (unsigned i = 0; i < n; i++) acc = table[(acc ^ i) & 3](acc, i);
  return acc;
}
