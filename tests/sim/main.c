/* sure-sim: runs seeds, says which of them break a promise. */
#include <argp.h>
#include <stdlib.h>
#include <time.h>

#include "tests/sim/client.h"
#include "tests/sim/sim.h"

struct options {
  uint64_t seed;
  uint64_t seed_count;
  bool trace;
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
    {"keep-going", 'k', NULL, 0, "go on after a seed that failed", 0},
    {0},
};

int main(int argc, char **argv) {
  static const struct argp argp = {
      .options = argp_options, .parser = parse, .doc = "Simulates Sure and what goes wrong."};
  struct options options = {.seed = 1, .seed_count = 1};
  uint64_t fault_count = 0;
  uint64_t step_count = 0;
  uint64_t failed_count = 0;
  argp_parse(&argp, argc, argv, 0, NULL, &options);
  for (uint64_t i = 0; i < options.seed_count; i++) {
    uint64_t seed = options.seed + i;
    sim_run(seed, options.trace ? stdout : NULL);
    fault_count += sim.fault_count;
    step_count += sim.steps;
    if (options.trace) {
      printf("trace hash %016llx\n", (unsigned long long)sim.trace_hash);
    }
    if (sim.has_failed) {
      failed_count++;
      printf("SURE SIM FAILED seed=%llu reason=%s\n", (unsigned long long)seed, sim.reason);
      if (!options.keep_going) {
        return EXIT_FAILURE;
      }
    }
  }
  if (failed_count > 0) {
    return EXIT_FAILURE;
  }
  printf("SURE SIM OK seeds=%llu calls=%llu faults=%llu steps=%llu lost=0 doubled=0 "
         "wrong_outcome=0\n",
         (unsigned long long)options.seed_count, (unsigned long long)app_call_count(),
         (unsigned long long)fault_count, (unsigned long long)step_count);
  return EXIT_SUCCESS;
}
