/* What the two sides of the benchmark share. */
#ifndef SURE_BENCH_BENCH_H
#define SURE_BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>

struct bench_options {
  bool is_durable; /* charges into SQLite rather than echoes over a memory store */
  unsigned outstanding;
  unsigned seconds;
  const char *url;
  const char *database;
};

/* Serve until SIGTERM. Writes the bound URL to `url_fd`. Returns the exit status. */
int bench_serve(const struct bench_options *options, int url_fd);

struct bench_result {
  uint64_t calls;
  uint64_t failures;
  double seconds;
};

/* Keep `outstanding` calls going for `seconds`. False when the channel can't be opened. */
bool bench_call(const struct bench_options *options, struct bench_result *out_result);

#endif
