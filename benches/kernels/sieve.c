// Byte stores in strides: primes below n.
static unsigned char composite[1 << 20];
unsigned run(unsigned n) {
  unsigned count = 0;
  for (unsigned i = 0; i < n; i++) composite[i] = 0;
  for (unsigned i = 2; i < n; i++) {
    if (composite[i]) continue;
    count++;
    for (unsigned j = i * 2; j < n; j += i) composite[j] = 1;
  }
  return count;
}
