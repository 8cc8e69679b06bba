/* The first use of nng in a process starts its threads, which inherit the signal mask of whoever
 * comes first: all signals are blocked in them, so that the application's threads get its signals
 * and no system call of nng is interrupted. */
#ifndef SURE_NET_START_H
#define SURE_NET_START_H

#include <pthread.h>
#include <stdbool.h>

/* Before any other use of nng. Any thread, any number of times. False when memory or threads are
 * short. */
bool sure__net_start(void);

/* A thread of the library: all signals blocked. Returns 0 or an errno. */
int sure__thread_start(pthread_t *thread, void *(*run)(void *user), void *user);

#endif
