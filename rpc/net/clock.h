/* The clocks of the shells. Engines get the time as an argument. */
#ifndef SURE_NET_CLOCK_H
#define SURE_NET_CLOCK_H

#include <pthread.h>
#include <stdint.h>

#include "rpc/core/hlc.h"

/* Milliseconds of CLOCK_MONOTONIC; never 0. */
uint64_t sure__clock_ms(void);
/* Milliseconds of CLOCK_BOOTTIME, in which leases are counted (S11): the same for all processes of
 * a host, and nobody sets it. */
int64_t sure__clock_lease_ms(void);

/* The process's hybrid logical clock. */
struct sure__hlc *sure__clock_hlc(void);
/* It learns what time of day it is. Now and then, as that may be set. */
void sure__clock_look_at_wall(void);

/* A condition variable whose timed waits count in sure__clock_ms. Returns 0 or an errno. */
int sure__condition_init(pthread_cond_t *condition);
/* Waits until woken or until `at_ms`; UINT64_MAX: no limit. */
void sure__condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex, uint64_t at_ms);

#endif
