#include "rpc/client/child_key.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "rpc/core/server.h"
#include "rpc/core/wire.h"

/* What stays the same when the parent runs again: its key, which outlives sessions, or else its
 * call id. It is hashed, as session ids are secrets and the key travels to another server. */
static XXH128_hash_t hash_parent(const struct sure_call *parent) {
  const struct sure_store_op *op = &parent->op;
  if (op->key.len > 0) {
    return XXH3_128bits_withSeed(op->key.data, op->key.len, op->method);
  }
  uint8_t id[sizeof op->session.bytes + 8];
  memcpy(id, op->session.bytes, sizeof op->session.bytes);
  sure__put_u64(id + sizeof op->session.bytes, op->sequence);
  return XXH3_128bits_withSeed(id, sizeof id, op->method);
}

bool sure__child_key(struct sure_call *parent, struct sure__arena *arena,
                     struct sure_bytes *out_key) {
  XXH128_hash_t hash = hash_parent(parent);
  char text[64];
  int len = snprintf(text, sizeof text, "child %016llx%016llx %u", (unsigned long long)hash.high64,
                     (unsigned long long)hash.low64, parent->child_count++);
  return sure__arena_copy(arena, (struct sure_bytes){(const uint8_t *)text, (size_t)len}, out_key);
}
