/* Programs started as children: their output is read by us, and they never outlive us. */
#ifndef EXAMPLE_SUPPORT_CHILD_H
#define EXAMPLE_SUPPORT_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define CHILD_PATH_LEN_MAX 4096
#define CHILD_URL_LEN_MAX  256

/* Zeroed: no process. */
struct child {
  pid_t pid;
  FILE *output; /* what it writes to stdout */
};

/* Writes the path of the program `name` that lies in `directory`, seen from the directory of the
 * running program ("." for beside it). False if it would be too long. */
bool child_find(const char *directory, const char *name, char out_path[CHILD_PATH_LEN_MAX]);

/* Start argv[0] with the NULL-terminated `argv`. What it writes to stderr is appended to the file
 * `log`; NULL: it goes where ours goes. It is killed when the thread that called this ends, so call
 * it from the main thread. False with errno set if that fails. */
bool child_start(const char *const argv[], const char *log, struct child *out_child);

/* Wait for the line "listening on URL" and store the URL. False if the child ends its output. */
bool child_read_url(struct child *child, char out_url[CHILD_URL_LEN_MAX]);

/* The number after "name": in a line of JSON without blanks that a child wrote; 0 if it is not
 * there. */
uint64_t child_number(const char *line, const char *name);

/* It has ended by itself; child_end then returns at once. */
bool child_has_ended(struct child *child);

/* Send `signal` (0: none) and wait for the end. Returns the exit status, or 128 + the signal that
 * ended it. The output stays readable until child_fini. */
int child_end(struct child *child, int signal);

/* Kill it if it runs, and close its output. For a zeroed child too. */
void child_fini(struct child *child);

#endif
