/* Latencies, counted in buckets that are 1/32 of their power of two wide. */
#ifndef SURE_BENCH_PEERS_HISTOGRAM_H
#define SURE_BENCH_PEERS_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_SUB_BITS = 5, HISTOGRAM_BUCKETS = 64 << HISTOGRAM_SUB_BITS };

struct histogram {
  uint64_t count;
  uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_note(struct histogram *histogram, uint64_t ns);
void histogram_add(struct histogram *histogram, const struct histogram *other);
/* At most so many microseconds for this share of all. */
double histogram_percentile_us(const struct histogram *histogram, double share);

#endif
