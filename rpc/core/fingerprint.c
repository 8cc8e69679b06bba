#include "rpc/core/fingerprint.h"

#include <string.h>
#include <xxhash.h>

#include "rpc/core/wire.h"

static struct sure_fingerprint of(XXH128_hash_t hash) {
  return (struct sure_fingerprint){.low = hash.low64, .high = hash.high64};
}

struct sure_fingerprint sure__fingerprint(uint64_t method, struct sure_bytes payload) {
  return of(XXH3_128bits_withSeed(payload.data, payload.len, method));
}

uint64_t sure__reply_hash(struct sure_bytes beginning) {
  return XXH3_64bits(beginning.data, beginning.len);
}

struct sure_fingerprint sure__call_hash(const struct sure_store_op *op) {
  if (op->key.len > 0) {
    return sure__fingerprint(op->method, op->key);
  }
  uint8_t id[sizeof op->session.bytes + 8];
  memcpy(id, op->session.bytes, sizeof op->session.bytes);
  sure__put_u64(id + sizeof op->session.bytes, op->sequence);
  return sure__fingerprint(op->method, (struct sure_bytes){id, sizeof id});
}
