// Bytes, hashing and open addressing: words of a text counted in a hash table.
static char text[1 << 16];
static struct { unsigned hash, count; } slots[4096];
unsigned run(unsigned n) {
  unsigned seed = 7, distinct = 0, check = 0, length = sizeof text;
  for (unsigned i = 0; i < length; i++) {
    seed = seed * 1664525 + 1013904223;
    unsigned r = seed >> 24;
    text[i] = r < 90 ? ' ' : (char)('a' + r % 5);
  }
  for (unsigned round = 0; round < n; round++) {
    for (unsigned i = 0; i < 4096; i++) slots[i].hash = slots[i].count = 0;
    distinct = 0;
    unsigned i = 0;
    while (i < length) {
      while (i < length && text[i] == ' ') i++;
      unsigned hash = 2166136261u;
      while (i < length && text[i] != ' ') hash = (hash ^ (unsigned char)text[i++]) * 16777619u;
      unsigned at = hash & 4095;
      while (slots[at].count && slots[at].hash != hash) at = (at + 1) & 4095;
      if (!slots[at].count) { if (distinct == 4000) continue; slots[at].hash = hash; distinct++; }
      slots[at].count++;
    }
    for (unsigned k = 0; k < 4096; k++) check = check * 31 + slots[k].count;
  }
  return check + distinct;
}
