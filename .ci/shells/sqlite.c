/* A line, its answer, the next line: SQLite by hand. Its own such program is not in the package. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sqlite3.h"

static int print_row(void *unused, int count, char **values, char **columns) {
    (void)unused;
    (void)columns;
    for (int i = 0; i < count; i++) {
        printf("%s%s", i == 0 ? "" : "|", values[i] == NULL ? "NULL" : values[i]);
    }
    putchar('\n');
    return 0;
}

int main(int argc, char **argv) {
    static char typed[65536];
    size_t length = 0;
    sqlite3 *database;
    if (sqlite3_open(argc > 1 ? argv[1] : ":memory:", &database) != SQLITE_OK) {
        fprintf(stderr, "%s\n", sqlite3_errmsg(database));
        return 1;
    }
    printf("SQLite %s\n", sqlite3_libversion());
    for (;;) {
        fputs(length == 0 ? "sqlite> " : "   ...> ", stdout);
        fflush(stdout);
        if (fgets(typed + length, (int)(sizeof typed - length), stdin) == NULL) {
            break;
        }
        int quit;
        if (length == 0 && sscanf(typed, ".exit %d", &quit) == 1) {
            sqlite3_close(database);
            exit(quit);
        }
        length += strlen(typed + length);
        if (!sqlite3_complete(typed) && length + 1 < sizeof typed) {
            continue;
        }
        length = 0;
        char *message = NULL;
        if (sqlite3_exec(database, typed, print_row, NULL, &message) != SQLITE_OK) {
            printf("error: %s\n", message);
            sqlite3_free(message);
        }
    }
    sqlite3_close(database);
    puts("bye");
    return 0;
}
