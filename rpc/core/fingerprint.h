/* Hashes that name a request, and a call. */
#ifndef SURE_CORE_FINGERPRINT_H
#define SURE_CORE_FINGERPRINT_H

#include <stdbool.h>
#include <sure/store.h>

/* XXH3-128 of a request's payload with its method id as seed (S3, docs/protocol.md 4.5). */
struct sure_fingerprint sure__fingerprint(uint64_t method, struct sure_bytes payload);

/* XXH3-64 of the beginning of a reply (2.7). */
uint64_t sure__reply_hash(struct sure_bytes beginning);

/* What stays the same when a call runs again: of its key, which outlives sessions, or else of its
 * call id. Session ids are secrets, and this may go to others. */
struct sure_fingerprint sure__call_hash(const struct sure_store_op *op);

static inline bool sure__fingerprint_equals(struct sure_fingerprint a, struct sure_fingerprint b) {
  return a.low == b.low && a.high == b.high;
}

#endif
