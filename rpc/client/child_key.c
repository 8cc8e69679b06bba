#include "rpc/client/child_key.h"

#include <stdio.h>

#include "rpc/core/fingerprint.h"
#include "rpc/core/server.h"

bool sure__child_key(struct sure_call *parent, struct sure__arena *arena,
                     struct sure_bytes *out_key) {
  struct sure_fingerprint hash = sure__call_hash(&parent->op);
  char text[64];
  int len = snprintf(text, sizeof text, "child %016llx%016llx %u", (unsigned long long)hash.high,
                     (unsigned long long)hash.low, parent->child_count++);
  return sure__arena_copy(arena, (struct sure_bytes){(const uint8_t *)text, (size_t)len}, out_key);
}
