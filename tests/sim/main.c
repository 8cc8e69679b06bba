/* sure-sim: runs seeds, says which of them break a promise. */
#include <argp.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/jobs.h"
#include "tests/sim/shrink.h"

enum { SEEDS_TO_COVER = 100, STRIKES_PERMILLE = 3200, EXIT_INTERRUPTED = 130 };

static uint64_t number_of(const char *argument, struct argp_state *state) {
  char *end;
  uint64_t number = strtoull(argument, &end, 0);
  if (end == argument || *end != '\0') {
    argp_error(state, "not a number: %s", argument);
  }
  return number;
}

static uint32_t mode_of(const char *argument, struct argp_state *state) {
  if (strcmp(argument, "swarm") != 0 && strcmp(argument, "worst") != 0) {
    argp_error(state, "no such mode: %s", argument);
  }
  return strcmp(argument, "worst") == 0 ? STRIKES_PERMILLE : 0;
}

static error_t parse(int key, char *argument, struct argp_state *state) {
  struct jobs_options *options = state->input;
  switch (key) {
  case 's':
    options->setup.seed = number_of(argument, state);
    return 0;
  case 'n':
    options->seed_count = number_of(argument, state);
    return 0;
  case 'm':
    options->setup.strikes_permille = mode_of(argument, state);
    return 0;
  case 'd':
    options->setup.strikes_permille = (uint32_t)number_of(argument, state);
    return 0;
  case 'M':
    options->seconds_max = 60 * number_of(argument, state);
    return 0;
  case 'j':
    options->worker_count = (unsigned)number_of(argument, state);
    return 0;
  case 't':
    options->trace = true;
    return 0;
  case 'q':
    options->setup.uses_sqlite = true;
    return 0;
  case 'S':
    options->setup.changes = argument;
    return 0;
  case 'k':
    options->keep_going = true;
    return 0;
  case 'p':
    options->tell_progress = true;
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_option argp_options[] = {
    {"seed", 's', "SEED", 0, "the first seed (1)", 0},
    {"seeds", 'n', "COUNT", 0, "how many seeds (1; with --minutes, no limit)", 0},
    {"mode", 'm', "MODE", 0, "swarm: random faults (default); worst: aimed ones", 0},
    {"strikes", 'd', "PERMILLE", 0, "worst mode, so dense; over 1000: with copies (3200)", 0},
    {"minutes", 'M', "COUNT", 0, "end after that time", 0},
    {"jobs", 'j', "COUNT", 0, "worker processes (1)", 0},
    {"trace", 't', NULL, 0, "write the story", 0},
    {"sqlite", 'q', NULL, 0, "on files, with the SQLite store (slower)", 0},
    {"set", 'S', "FIELD=VALUE,...", 0, "change what the seed has decided (plan.h)", 0},
    {"keep-going", 'k', NULL, 0, "go on after a seed that failed", 0},
    {"progress", 'p', NULL, 0, "tell now and then how far it is", 0},
    {0},
};

static int fail(uint64_t seed, const char *reason) {
  printf("SURE SIM FAILED seed=%llu reason=%s\n", (unsigned long long)seed, reason);
  return EXIT_FAILURE;
}

static int judge(const struct jobs_options *options, const struct totals *totals) {
  if (totals->failed_count > 0) {
    struct sim_setup setup = options->setup;
    setup.seed = totals->failed_seed;
    if (!options->trace && setup.changes == NULL) {
      shrink(&setup);
    }
    return fail(totals->failed_seed, totals->reason);
  }
  if (totals->seeds >= SEEDS_TO_COVER) {
    totals_tell_faults(totals);
    bool is_covered = totals_tell_coverage(totals, options->setup.uses_sqlite);
    if (!is_covered && options->setup.changes == NULL) { /* which may have taken something away */
      return fail(options->setup.seed, "something above was never reached");
    }
  }
  printf("SURE SIM OK seeds=%llu calls=%llu faults=%llu lost=0 doubled=0 wrong_outcome=0\n",
         (unsigned long long)totals->seeds, (unsigned long long)totals->calls,
         (unsigned long long)totals_faults(totals));
  return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
  static const struct argp argp = {
      .options = argp_options, .parser = parse, .doc = "Simulates Sure and what goes wrong."};
  struct jobs_options options = {.setup.seed = 1, .worker_count = 1};
  struct totals totals;
  argp_parse(&argp, argc, argv, 0, NULL, &options);
  if (options.seed_count == 0) {
    options.seed_count = options.seconds_max == 0 ? 1 : UINT64_MAX - options.setup.seed;
  }
  bool is_done = jobs_run(&options, &totals);
  if (!is_done && totals.failed_count == 0) {
    fail(options.setup.seed + totals.seeds, "interrupted");
    return EXIT_INTERRUPTED;
  }
  return judge(&options, &totals);
}
