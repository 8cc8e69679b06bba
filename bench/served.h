/* A server in a process of its own, as the benchmarks that do not compare with anybody need it. */
#ifndef SURE_BENCH_SERVED_H
#define SURE_BENCH_SERVED_H

#include <stdbool.h>
#include <sure/sure.h>
#include <sys/types.h>

struct served {
  pid_t pid;
  char url[128];
};

/* Adds what the server is to have before it listens. */
typedef enum sure_code served_set_up(struct sure_server *server);

/* To be called before this process has a thread. `options` and `set_up` may be NULL. False: it does
 * not serve, and has said why. */
bool served_start(struct served *served, const struct sure_server_options *options,
                  served_set_up *set_up);
/* Ends it. False: not in good order. */
bool served_stop(struct served *served);

#endif
