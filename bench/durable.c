/* sure-bench-durable: charges a second that are committed with fsync before they are answered,
 * through Sure and then by SQLite alone, in batches of the same length. */
#include "durable.h"

#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { URL_LEN_MAX = 256 };

struct arguments {
  unsigned outstanding;
  unsigned seconds;
};

static const char path[] = "sure-bench-durable.db";

static const struct argp_option options[] = {
    {"outstanding", 'n', "COUNT", 0, "Charges open at a time (256)", 0},
    {"seconds", 's', "SECONDS", 0, "How long each measurement takes (2)", 0},
    {0},
};

static unsigned number(struct argp_state *state, const char *text, unsigned max) {
  char *end;
  unsigned long value = strtoul(text, &end, 10);
  if (*end != '\0' || value < 1 || value > max) {
    argp_error(state, "'%s' is not a number from 1 to %u", text, max);
  }
  return (unsigned)value;
}

static error_t parse(int key, char *text, struct argp_state *state) {
  struct arguments *arguments = state->input;
  switch (key) {
  case 'n':
    arguments->outstanding = number(state, text, 4000);
    return 0;
  case 's':
    arguments->seconds = number(state, text, 3600);
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static void remove_database(void) {
  static const char *const suffixes[] = {"", "-wal", "-shm", "-owners"};
  char name[sizeof path + 16];
  for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
    snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
    unlink(name);
  }
}

/* With the server in a process of its own. False: it did not work. */
static bool measure_sure(const struct arguments *arguments, struct durable_result *out_result) {
  int ends[2];
  char url[URL_LEN_MAX];
  uint64_t counts[2] = {0};
  if (pipe(ends) != 0) {
    return false;
  }
  fflush(stdout);
  pid_t server = fork();
  if (server == 0) {
    close(ends[0]);
    _exit(durable_serve(path, ends[1]));
  }
  close(ends[1]);
  uint64_t charges = 0;
  double begin = durable_now();
  if (server > 0 && read(ends[0], url, sizeof url) > 0) {
    begin = durable_now();
    charges = durable_charge(url, arguments->outstanding, arguments->seconds);
  }
  double seconds = durable_now() - begin;
  kill(server, SIGTERM);
  bool has_counts = read(ends[0], counts, sizeof counts) == sizeof counts && counts[1] > 0;
  close(ends[0]);
  waitpid(server, NULL, 0);
  if (charges == 0 || !has_counts) {
    return false;
  }
  *out_result =
      (struct durable_result){(double)charges / seconds, (double)counts[0] / (double)counts[1]};
  return true;
}

/* The floor after it, in batches as long as they came to be. */
static bool measure(const struct arguments *arguments) {
  struct durable_result result;
  remove_database();
  if (!measure_sure(arguments, &result)) {
    return false;
  }
  remove_database();
  double floor_per_s = durable_floor(path, (unsigned)(result.batch_len + 0.5), arguments->seconds);
  remove_database();
  printf("sure %.0f floor %.0f batch %.0f\n", result.charges_per_s, floor_per_s, result.batch_len);
  return floor_per_s > 0;
}

int main(int argc, char **argv) {
  static const struct argp parser = {
      options, parse,
      NULL,    "Measures durable charges a second, and what SQLite alone does in the same batches.",
      NULL,    NULL,
      NULL};
  struct arguments arguments = {.outstanding = 256, .seconds = 2};
  argp_parse(&parser, argc, argv, 0, NULL, &arguments);
  if (!measure(&arguments)) {
    fprintf(stderr, "sure-bench-durable: it could not be measured\n");
    return 1;
  }
  return 0;
}
