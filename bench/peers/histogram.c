#include "histogram.h"

#include <stddef.h>

static size_t bucket_of(uint64_t ns) {
  if (ns < 1u << HISTOGRAM_SUB_BITS) {
    return (size_t)ns;
  }
  unsigned exponent = 63u - (unsigned)__builtin_clzll(ns);
  uint64_t part = (ns >> (exponent - HISTOGRAM_SUB_BITS)) & ((1u << HISTOGRAM_SUB_BITS) - 1);
  return ((exponent - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS) + (size_t)part;
}

static double bucket_us(size_t bucket) {
  size_t exponent = bucket >> HISTOGRAM_SUB_BITS;
  size_t part = bucket & ((1u << HISTOGRAM_SUB_BITS) - 1);
  if (exponent == 0) {
    return (double)part / 1000;
  }
  return (double)((part + (1u << HISTOGRAM_SUB_BITS)) << (exponent - 1)) / 1000;
}

double histogram_percentile_us(const struct histogram *histogram, double share) {
  uint64_t wanted = (uint64_t)((double)histogram->count * share);
  uint64_t seen = 0;
  for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
    seen += histogram->buckets[i];
    if (seen > wanted) {
      return bucket_us(i);
    }
  }
  return 0;
}

void histogram_note(struct histogram *histogram, uint64_t ns) {
  histogram->buckets[bucket_of(ns)]++;
  histogram->count++;
}

void histogram_add(struct histogram *histogram, const struct histogram *other) {
  histogram->count += other->count;
  for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
    histogram->buckets[i] += other->buckets[i];
  }
}
