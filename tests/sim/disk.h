/* The disk under `sure-sim --sqlite`: the writes of a batch that go wrong, servers that die in the
 * middle of one, and the power. */
#ifndef SURE_TESTS_SIM_DISK_H
#define SURE_TESTS_SIM_DISK_H

#include <stdbool.h>

/* Once for each run. */
void disk_begin(void);
/* Around a batch. Something may go wrong in between. */
void disk_batch_begins(void);
void disk_batch_ends(void);
/* Something did, in the batch before. */
bool disk_has_misbehaved(void);
/* The server died in the batch. */
bool disk_is_stopped(void);
/* Nothing is written any more, until disk_resume. */
void disk_stop(void);
void disk_resume(void);
/* What was not synced is lost, or most of it. Nobody has the files open. */
void disk_lose_power(void);

#endif
