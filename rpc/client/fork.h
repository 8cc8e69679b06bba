/* A child of fork has a copy of every channel, with the same session and the same next number: two
 * processes would use one number for two calls. So the child may not use them (S3). */
#ifndef SURE_CLIENT_FORK_H
#define SURE_CLIENT_FORK_H

#include <stdbool.h>
#include <stdint.h>

/* Before the first channel is opened; any number of times. False when memory is short. */
bool sure__fork_watch(void);
/* Another number in each child of a fork. */
uint64_t sure__fork_generation(void);

#endif
