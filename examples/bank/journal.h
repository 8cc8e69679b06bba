/* The journal of a load run: which payment ids stood for which intent, and what the client was told
 * in the end. One line each: intent, payment id, outcome, minor units, with tabs between. */
#ifndef BANK_JOURNAL_H
#define BANK_JOURNAL_H

#include "names.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct journal_line {
  uint64_t intent;
  char payment_id[NAME_LEN_MAX + 1];
  char outcome[NAME_LEN_MAX + 1]; /* "applied", "not-applied" or "unknown" */
  int64_t minor_units;
};

/* False: the file can't be written. Several threads may write to one file. */
bool journal_write(FILE *file, const struct journal_line *line);

enum journal_read { JOURNAL_LINE, JOURNAL_END, JOURNAL_MALFORMED };

/* Read the next line. */
enum journal_read journal_read(FILE *file, struct journal_line *out_line);

#endif
