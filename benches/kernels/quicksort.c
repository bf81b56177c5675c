// Recursion, swaps, unpredictable branches.
static int values[1 << 16];
static void sort(int *v, int lo, int hi) {
  while (lo < hi) {
    int pivot = v[(lo + hi) / 2], i = lo, j = hi;
    while (i <= j) {
      while (v[i] < pivot) i++;
      while (v[j] > pivot) j--;
      if (i <= j) { int t = v[i]; v[i] = v[j]; v[j] = t; i++; j--; }
    }
    if (j - lo < hi - i) { sort(v, lo, j); lo = i; } else { sort(v, i, hi); hi = j; }
  }
}
unsigned run(unsigned n) {
  unsigned seed = 1, sum = 0;
  for (unsigned i = 0; i < n; i++) { seed = seed * 1103515245 + 12345; values[i] = (int)(seed >> 8); }
  sort(values, 0, (int)n - 1);
  for (unsigned i = 1; i < n; i++) if (values[i - 1] > values[i]) return 0;
  for (unsigned i = 0; i < n; i += 97) sum = sum * 31 + (unsigned)values[i];
  return sum;
}
