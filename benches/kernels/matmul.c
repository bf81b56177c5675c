// Dense f64 arithmetic over arrays.
static double a[160][160], b[160][160], c[160][160];
unsigned run(unsigned n) {
  for (unsigned i = 0; i < n; i++)
    for (unsigned j = 0; j < n; j++) {
      a[i][j] = (double)(i * 3 + j) / n;
      b[i][j] = (double)(i + 2 * j) / n;
    }
  for (unsigned i = 0; i < n; i++)
    for (unsigned j = 0; j < n; j++) {
      double sum = 0;
      for (unsigned k = 0; k < n; k++) sum += a[i][k] * b[k][j];
      c[i][j] = sum;
    }
  double total = 0;
  for (unsigned i = 0; i < n; i++)
    for (unsigned j = 0; j < n; j++) total += c[i][j];
  return (unsigned)(total / n);
}
