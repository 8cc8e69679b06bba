/* The trials' results: as a table, as JSON, as a chart. */
#ifndef TWO_GENERALS_REPORT_H
#define TWO_GENERALS_REPORT_H

#include "trial.h"
#include <stddef.h>
#include <stdio.h>

#define LOSSES_MAX 16

struct report {
  uint32_t intents;
  uint64_t seed;
  size_t loss_count;
  double losses[LOSSES_MAX]; /* probabilities */
  struct tally tallies[LOSSES_MAX][RETRY_KIND_COUNT];
};

const char *retry_kind_name(enum retry_kind kind);
void report_write_table(const struct report *report, FILE *out);
void report_write_json(const struct report *report, FILE *out);
void report_write_svg(const struct report *report, FILE *out);
/* Exactly once was just that: nothing lost, doubled or unknown, no caller told a falsehood, and no
 * replayed stream answered. */
bool report_is_good(const struct report *report);

#endif
