/* XXH3-128 of a request's payload with its method id as seed (S3, docs/protocol.md 4.5). */
#ifndef SURE_CORE_FINGERPRINT_H
#define SURE_CORE_FINGERPRINT_H

#include <stdbool.h>
#include <sure/store.h>

struct sure_fingerprint sure__fingerprint(uint64_t method, struct sure_bytes payload);

static inline bool sure__fingerprint_equals(struct sure_fingerprint a, struct sure_fingerprint b) {
  return a.low == b.low && a.high == b.high;
}

#endif
