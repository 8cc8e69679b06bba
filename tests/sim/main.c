/* sure-sim: runs seeds, says which of them break a promise. */
#include <argp.h>
#include <stdlib.h>

#include "tests/sim/client.h"
#include "tests/sim/sim.h"

enum { SEEDS_TO_COVER = 100 };

struct options {
  uint64_t seed;
  uint64_t seed_count;
  bool trace;
  bool sqlite;
  bool keep_going;
};

static error_t parse(int key, char *argument, struct argp_state *state) {
  struct options *options = state->input;
  switch (key) {
  case 's':
    options->seed = strtoull(argument, NULL, 0);
    return 0;
  case 'n':
    options->seed_count = strtoull(argument, NULL, 0);
    return 0;
  case 't':
    options->trace = true;
    return 0;
  case 'q':
    options->sqlite = true;
    return 0;
  case 'k':
    options->keep_going = true;
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_option argp_options[] = {
    {"seed", 's', "SEED", 0, "the first seed (1)", 0},
    {"seeds", 'n', "COUNT", 0, "how many seeds (1)", 0},
    {"trace", 't', NULL, 0, "write the story", 0},
    {"sqlite", 'q', NULL, 0, "on files, with the SQLite store (slower)", 0},
    {"keep-going", 'k', NULL, 0, "go on after a seed that failed", 0},
    {0},
};

/* What all seeds together have seen. */
struct totals {
  uint64_t faults;
  uint64_t steps;
  uint64_t failed;
  uint64_t coverage[COVERAGE_COUNT];
};

static const char *const coverage_names[] = {
#define COVERAGE_NAME(name, text) text,
    COVERAGE_LIST(COVERAGE_NAME)
#undef COVERAGE_NAME
};

static void run(const struct options *options, uint64_t seed, struct totals *totals) {
  sim_run(seed, options->sqlite, options->trace ? stdout : NULL);
  totals->faults += sim.fault_count;
  totals->steps += sim.steps;
  for (size_t i = 0; i < COVERAGE_COUNT; i++) {
    totals->coverage[i] += sim.coverage[i];
  }
  if (options->trace) {
    printf("trace hash %016llx\n", (unsigned long long)sim.trace_hash);
  }
  if (sim.has_failed) {
    totals->failed++;
    printf("SURE SIM FAILED seed=%llu reason=%s\n", (unsigned long long)seed, sim.reason);
  }
}

/* False: the run went nowhere near some of the interesting places. */
static bool tell_coverage(const struct totals *totals) {
  bool is_covered = true;
  for (size_t i = 0; i < COVERAGE_COUNT; i++) {
    printf("%-26s %llu\n", coverage_names[i], (unsigned long long)totals->coverage[i]);
    is_covered = is_covered && totals->coverage[i] > 0;
  }
  return is_covered;
}

int main(int argc, char **argv) {
  static const struct argp argp = {
      .options = argp_options, .parser = parse, .doc = "Simulates Sure and what goes wrong."};
  struct options options = {.seed = 1, .seed_count = 1};
  struct totals totals = {0};
  argp_parse(&argp, argc, argv, 0, NULL, &options);
  for (uint64_t i = 0; i < options.seed_count && (totals.failed == 0 || options.keep_going); i++) {
    run(&options, options.seed + i, &totals);
  }
  if (totals.failed > 0) {
    return EXIT_FAILURE;
  }
  bool is_covered = options.seed_count < SEEDS_TO_COVER || tell_coverage(&totals);
  if (!is_covered && !options.sqlite) { /* where some of them can't be reached */
    printf("SURE SIM FAILED seed=%llu reason=something above was never reached\n",
           (unsigned long long)options.seed);
    return EXIT_FAILURE;
  }
  printf("SURE SIM OK seeds=%llu calls=%llu faults=%llu steps=%llu lost=0 doubled=0 "
         "wrong_outcome=0\n",
         (unsigned long long)options.seed_count, (unsigned long long)app_call_count(),
         (unsigned long long)totals.faults, (unsigned long long)totals.steps);
  return EXIT_SUCCESS;
}
