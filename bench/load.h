/* Calls that are kept open for a while, one over each of the given channels at a time. */
#ifndef SURE_BENCH_LOAD_H
#define SURE_BENCH_LOAD_H

#include <stddef.h>
#include <sure/sure.h>

/* Serves what load_run calls; a served_set_up. */
enum sure_code load_set_up(struct sure_server *server);

/* Seconds that never go back. */
double load_now_s(void);

/* Each channel may be named more than once. Returns calls a second; 0: something failed, and it has
 * said what. */
double load_run(struct sure_channel *const *channels, size_t count, double seconds);

#endif
