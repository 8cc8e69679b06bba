/* two_generals: the same charge with three kinds of retry, over a network that loses things, and
 * what the ledger says afterwards. */
#include "report.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INTENTS_DEFAULT 1000
#define INTENTS_QUICK   200
#define INTENTS_MAX     1000000

struct arguments {
  struct report report;
  const char *json;
  const char *svg;
};

enum { KEY_JSON = 0x100, KEY_SVG, KEY_SEED, KEY_QUICK };

static const struct argp_option options[] = {
    {"calls", 'n', "NUMBER", 0, "Charges for each kind of retry and loss (1000)", 0},
    {"loss", 'l', "LIST", 0, "Per cent of requests and of replies hit by a fault (0,1,5,10,20)", 0},
    {"seed", KEY_SEED, "NUMBER", 0, "For the proxy's dice (1)", 0},
    {"json", KEY_JSON, "FILE", 0, "Write the results as JSON", 0},
    {"svg", KEY_SVG, "FILE", 0, "Write the results as a chart", 0},
    {"quick", KEY_QUICK, NULL, 0, "The same as --calls 200 --loss 0,5,20", 0},
    {0},
};

static bool parse_losses(const char *text, struct report *report) {
  report->loss_count = 0;
  for (;;) {
    char *end = NULL;
    double loss = strtod(text, &end) / 100;
    if (end == text || !(loss >= 0 && loss <= 1) || report->loss_count == LOSSES_MAX) {
      return false;
    }
    report->losses[report->loss_count++] = loss;
    if (*end == '\0') {
      return true;
    }
    if (*end != ',') {
      return false;
    }
    text = end + 1;
  }
}

static bool parse_number(const char *text, uint64_t max, uint64_t *out_number) {
  char *end = NULL;
  errno = 0;
  uint64_t number = strtoull(text, &end, 10);
  if (end == text || *end != '\0' || *text == '-' || errno != 0 || number > max) {
    return false;
  }
  *out_number = number;
  return true;
}

static void parse_calls(const char *text, struct arguments *arguments, struct argp_state *state) {
  uint64_t calls = 0;
  if (!parse_number(text, INTENTS_MAX, &calls) || calls == 0) {
    argp_error(state, "--calls wants a number from 1 to %d, not '%s'", INTENTS_MAX, text);
  }
  arguments->report.intents = (uint32_t)calls;
}

static error_t parse(int key, char *text, struct argp_state *state) {
  struct arguments *arguments = state->input;
  switch (key) {
  case 'n':
    parse_calls(text, arguments, state);
    return 0;
  case 'l':
    if (!parse_losses(text, &arguments->report)) {
      argp_error(state, "--loss wants up to %d numbers from 0 to 100, not '%s'", LOSSES_MAX, text);
    }
    return 0;
  case KEY_SEED:
    if (!parse_number(text, UINT64_MAX, &arguments->report.seed)) {
      argp_error(state, "--seed wants a number, not '%s'", text);
    }
    return 0;
  case KEY_JSON:
    arguments->json = text;
    return 0;
  case KEY_SVG:
    arguments->svg = text;
    return 0;
  case KEY_QUICK:
    arguments->report.intents = INTENTS_QUICK;
    return parse_losses("0,5,20", &arguments->report) ? 0 : EINVAL;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static void remove_files(const char *directory) {
  static const char *const names[] = {"ledger.db", "ledger.db-wal", "ledger.db-shm",
                                      "ledger.db-owners", "server"};
  char path[sizeof((struct trial *)0)->directory + 32];
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    snprintf(path, sizeof path, "%s/%s", directory, names[i]);
    unlink(path); /* not all of them are always there */
  }
}

static bool run_trials(struct report *report, const char *directory) {
  struct trial trial = {.intents = report->intents};
  snprintf(trial.directory, sizeof trial.directory, "%s", directory);
  for (size_t i = 0; i < report->loss_count; i++) {
    for (int kind = 0; kind < RETRY_KIND_COUNT; kind++) {
      trial.kind = (enum retry_kind)kind;
      trial.loss = report->losses[i];
      trial.seed = report->seed + i;
      fprintf(stderr, "two_generals: %g %% loss, %s\n", trial.loss * 100,
              retry_kind_name(trial.kind));
      bool done = trial_run(&trial, &report->tallies[i][kind]);
      remove_files(directory);
      if (!done) {
        return false;
      }
    }
  }
  return true;
}

static bool run_in_new_directory(struct report *report) {
  char directory[] = "/tmp/two_generals-XXXXXX";
  if (mkdtemp(directory) == NULL) {
    perror("two_generals: can't make a directory");
    return false;
  }
  bool done = run_trials(report, directory);
  rmdir(directory);
  return done;
}

static bool write_file(const char *path, const struct report *report,
                       void (*write_report)(const struct report *report, FILE *out)) {
  FILE *out = fopen(path, "w");
  bool written = out != NULL;
  if (written) {
    write_report(report, out);
    written = ferror(out) == 0;
    written = fclose(out) == 0 && written;
  }
  if (!written) {
    fprintf(stderr, "two_generals: can't write %s: %s\n", path, strerror(errno));
  }
  return written;
}

int main(int argc, char **argv) {
  static const struct argp argp = {
      .options = options,
      .parser = parse,
      .doc = "Offers the same charge with three kinds of retry over a network that loses things at "
             "the worst moments, and counts in the ledger what became of it.\vExit status: 0 if "
             "exactly once lost, doubled and left unknown nothing; 1 if it did; 2 if it could not "
             "be tried."};
  struct arguments arguments = {.report = {.intents = INTENTS_DEFAULT, .seed = 1}};
  (void)parse_losses("0,1,5,10,20", &arguments.report);
  argp_parse(&argp, argc, argv, 0, NULL, &arguments);

  struct report *report = &arguments.report;
  if (!run_in_new_directory(report)) {
    return 2;
  }
  report_write_table(report, stdout);
  if ((arguments.json != NULL && !write_file(arguments.json, report, report_write_json)) ||
      (arguments.svg != NULL && !write_file(arguments.svg, report, report_write_svg))) {
    return 2;
  }
  return report_is_good(report) ? 0 : 1;
}
