#include "rpc/core/fingerprint.h"

#include <xxhash.h>

struct sure_fingerprint sure__fingerprint(uint64_t method, struct sure_bytes payload) {
  XXH128_hash_t hash = XXH3_128bits_withSeed(payload.data, payload.len, method);
  return (struct sure_fingerprint){.low = hash.low64, .high = hash.high64};
}
