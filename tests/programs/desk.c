// A small interactive program, for tests at a terminal: adds up the numbers of each line, keeps a
// sum, and ends at `quit` or at the end of its input. Built by
//   zig cc -target wasm32-freestanding -nostdlib -O2 -Wl,--no-entry -Wl,--strip-all \
//       -o desk.wasm desk.c
#define IMPORT(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(name)))

struct buffer {
    char *bytes;
    unsigned length;
};

IMPORT("fd_read") int fd_read(int, struct buffer *, int, unsigned *);
IMPORT("fd_write") int fd_write(int, const struct buffer *, int, unsigned *);
IMPORT("fd_fdstat_get") int fd_fdstat_get(int, unsigned char *);
IMPORT("proc_exit") _Noreturn void proc_exit(int);

static void say(const char *text) {
    unsigned length = 0, written;
    while (text[length])
        length++;
    struct buffer buffer = {(char *)text, length};
    fd_write(1, &buffer, 1, &written);
}

static void say_number(long number) {
    char digits[24], *place = digits + sizeof digits;
    unsigned long rest = number < 0 ? -(unsigned long)number : (unsigned long)number;
    *--place = 0;
    do
        *--place = '0' + rest % 10;
    while (rest /= 10);
    if (number < 0)
        *--place = '-';
    say(place);
}

static int is_quit(const char *line) {
    for (const char *word = "quit"; *word; word++, line++)
        if (*line != *word)
            return 0;
    return *line == '\n';
}

static long sum;

static void add(const char *line) {
    while (*line != '\n') {
        long sign = 1, number = 0;
        if (*line == '-')
            sign = -1, line++;
        if (*line < '0' || *line > '9') {
            say("? only numbers\n");
            return;
        }
        while (*line >= '0' && *line <= '9')
            number = number * 10 + (*line++ - '0');
        sum += sign * number;
        while (*line == ' ')
            line++;
    }
    say("= ");
    say_number(sum);
    say("\n");
}

__attribute__((export_name("_start"))) void _start(void) {
    unsigned char stat[24];
    fd_fdstat_get(0, stat);
    say(stat[0] == 2 ? "at a terminal\n" : "not at a terminal\n");
    for (;;) {
        static char line[256];
        unsigned length = 0;
        say("> ");
        while (length == 0 || (line[length - 1] != '\n' && length < sizeof line - 1)) {
            struct buffer buffer = {line + length, 1};
            unsigned read = 0;
            if (fd_read(0, &buffer, 1, &read) || read == 0) {
                say("bye\n");
                proc_exit(0);
            }
            length += read;
        }
        line[length - 1] = '\n';
        if (is_quit(line))
            proc_exit(sum == 0 ? 0 : 3);
        add(line);
    }
}
