/* Counts what a server's handlers return, by code. */
#ifndef EXAMPLE_METRICS_H
#define EXAMPLE_METRICS_H

#include <stdatomic.h>
#include <stdio.h>
#include <sure/interceptor.h>

struct metrics {
  _Atomic uint64_t running;
  _Atomic uint64_t ended[SURE_CODE_MAX + 1];
};

/* `metrics` must stay as long as the server. */
struct sure_server_interceptor metrics_interceptor(struct metrics *metrics);

/* In the text format of Prometheus. */
void metrics_print(struct metrics *metrics, FILE *file);

#endif
