/* bank-copy: a dated copy of the ledger, for bank-server --replica. */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sure/sqlite.h>
#include <time.h>

#define EXIT_WRONG_INPUT 2
#define SECONDS_MAX      (24 * 3600)

const char *argp_program_version = "bank-copy (Sure) 0.1.0";

struct arguments {
  const char *database;
  const char *copy;
  long every_s; /* 0: once */
};

static const struct argp_option options[] = {
    {"every", 'e', "SECONDS", 0, "Make another one after so long, until SIGTERM or SIGINT", 0},
    {0}};

static long parse_seconds(struct argp_state *state, const char *text) {
  char *end;
  errno = 0;
  long seconds = strtol(text, &end, 10);
  if (errno || end == text || *end != '\0' || seconds < 1 || seconds > SECONDS_MAX) {
    argp_error(state, "'%s' is not a number of seconds from 1 to %d", text, SECONDS_MAX);
  }
  return seconds;
}

static error_t parse_option(int key, char *value, struct argp_state *state) {
  struct arguments *arguments = state->input;
  switch (key) {
  case 'e':
    arguments->every_s = parse_seconds(state, value);
    return 0;
  case ARGP_KEY_ARG:
    if (arguments->copy != NULL) {
      argp_error(state, "'%s' is one word too many", value);
    }
    *(arguments->database == NULL ? &arguments->database : &arguments->copy) = value;
    return 0;
  case ARGP_KEY_END:
    if (arguments->copy == NULL) {
      argp_error(state, "say which database to copy, and where to");
    }
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp parser = {
    options,
    parse_option,
    "DATABASE COPY",
    "Copy the bank's ledger, while the bank is at work, for bank-server --replica.\v"
    "It prints \"copied as of DATE\" for each copy that is whole and in its place. A replica that "
    "serves the one before goes over to it by itself.\n\n"
    "Exit status: 0 if all copies were made, 1 if one could not be made, 2 for wrong input.",
    NULL,
    NULL,
    NULL};

static bool copy_once(const struct arguments *arguments) {
  int64_t as_of_ms;
  char why[256];
  if (sure_sqlite_copy(arguments->database, arguments->copy, &as_of_ms, why, sizeof why)) {
    fprintf(stderr, "bank-copy: %s\n", why);
    return false;
  }
  time_t seconds = (time_t)(as_of_ms / 1000);
  struct tm date;
  char text[32] = "?";
  if (gmtime_r(&seconds, &date)) {
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &date);
  }
  printf("copied as of %s.%03" PRId64 " UTC\n", text, as_of_ms % 1000);
  return true;
}

/* Sleeps; true when it is time to end. */
static bool is_to_end(const sigset_t *signals, long seconds) {
  const struct timespec pause = {.tv_sec = seconds};
  return sigtimedwait(signals, NULL, &pause) > 0;
}

int main(int argc, char **argv) {
  struct arguments arguments = {0};
  sigset_t signals;
  argp_err_exit_status = EXIT_WRONG_INPUT;
  setvbuf(stdout, NULL, _IOLBF, 0);
  argp_parse(&parser, argc, argv, 0, NULL, &arguments);
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, NULL);
  bool all_made = copy_once(&arguments);
  while (arguments.every_s > 0 && !is_to_end(&signals, arguments.every_s)) {
    all_made = copy_once(&arguments) && all_made;
  }
  return all_made ? EXIT_SUCCESS : EXIT_FAILURE;
}
