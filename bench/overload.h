/* What the parts of sure-bench-overload share. */
#ifndef SURE_BENCH_OVERLOAD_H
#define SURE_BENCH_OVERLOAD_H

#include <stdbool.h>
#include <stdint.h>

struct overload_options {
  unsigned cost_us;     /* of one call, in the handler */
  unsigned concurrency; /* the server's limit, or the most that it may find */
  bool adapts;
  unsigned seconds; /* of each step */
};

/* Serve on a free port, pinned to one core, until SIGTERM. Writes the URL to `url_fd`. Returns the
 * exit status. */
int overload_serve(const struct overload_options *options, int url_fd);

/* One step of the load: so many calls a second, whatever becomes of them. */
struct overload_step {
  unsigned offered_per_s;
  uint64_t made;
  uint64_t ok;
  uint64_t refused; /* not applied, and said so */
  uint64_t unknown; /* ended without knowing */
  uint64_t doubled; /* replies that had been given to another call */
  double seconds;   /* until the last of them ended */
  uint32_t p50_ms;  /* of those that were OK, from when they were due */
  uint32_t p99_ms;
  long server_rss_kib; /* at the end */
};

/* Stays on the core that it runs on. */
void overload_pin(unsigned core);
/* False: the channel can't be opened. */
bool overload_run(const char *url, const struct overload_options *options,
                  struct overload_step *step);

#endif
