/* Many seeds on several cores: worker processes take one seed after the other. */
#ifndef SURE_TESTS_SIM_JOBS_H
#define SURE_TESTS_SIM_JOBS_H

#include "tests/sim/sim.h"

/* What all seeds together have seen. */
struct totals {
  uint64_t seeds;
  uint64_t calls;
  uint64_t steps;
  uint64_t faults[FAULT_COUNT];
  uint64_t coverage[COVERAGE_COUNT];
  uint64_t failed_count;
  uint64_t failed_seed; /* the lowest */
  char reason[sizeof sim.reason];
};

struct jobs_options {
  struct sim_setup setup; /* with the first seed */
  uint64_t seed_count;
  uint64_t seconds_max; /* 0: no limit */
  unsigned worker_count;
  bool trace;
  bool keep_going;
  bool tell_progress;
};

/* False: it was interrupted. The totals are of the seeds that came to an end. */
bool jobs_run(const struct jobs_options *options, struct totals *out_totals);

uint64_t totals_faults(const struct totals *totals);
void totals_tell_faults(const struct totals *totals);
/* False: the seeds went nowhere near some of the interesting places. */
bool totals_tell_coverage(const struct totals *totals, bool uses_sqlite);

#endif
