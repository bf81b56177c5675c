// Counts the words of its standard input: a program with the C library in it.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct word { char *text; unsigned count; };
static struct word *words;
static size_t used, room;

static int by_count(const void *a, const void *b) {
  const struct word *x = a, *y = b;
  if (x->count != y->count) return x->count < y->count ? 1 : -1;
  return strcmp(x->text, y->text);
}

static void count(const char *text) {
  for (size_t i = 0; i < used; i++)
    if (!strcmp(words[i].text, text)) { words[i].count++; return; }
  if (used == room) words = realloc(words, (room = room ? room * 2 : 64) * sizeof *words);
  words[used++] = (struct word){strdup(text), 1};
}

int main(int argc, char **argv) {
  char buffer[256];
  size_t length = 0;
  for (int c; (c = getchar()) != EOF;) {
    if (isalnum(c) && length < sizeof buffer - 1) buffer[length++] = (char)tolower(c);
    else if (length) { buffer[length] = 0; count(buffer); length = 0; }
  }
  if (length) { buffer[length] = 0; count(buffer); }
  qsort(words, used, sizeof *words, by_count);
  size_t limit = argc > 1 ? strtoul(argv[1], NULL, 10) : 10;
  for (size_t i = 0; i < used && i < limit; i++) printf("%6u %s\n", words[i].count, words[i].text);
  printf("%zu words, %.2f%% of them shown\n", used, used ? 100.0 * (limit < used ? limit : used) / used : 0.0);
  return 0;
}
