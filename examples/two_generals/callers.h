/* The callers of a trial: threads that each take an intent and call until its fate is as certain as
 * the kind of retry makes it. */
#ifndef TWO_GENERALS_CALLERS_H
#define TWO_GENERALS_CALLERS_H

#include "trial.h"

/* The last word that the caller of an intent got. */
enum word { WORD_UNKNOWN = 0, WORD_APPLIED, WORD_NOT_APPLIED };

/* Make the trial's calls through `url`; `words` has one place for each intent. Adds to the calls,
 * attempts, settled and replayed of `tally`. False if the callers could not be started. */
bool callers_run(const struct trial *trial, const char *url, enum word *words, struct tally *tally);

#endif
