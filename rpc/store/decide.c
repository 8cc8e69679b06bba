#include "rpc/store/decide.h"

#include <string.h>

#include "rpc/core/mutant.h"

bool sure__bytes_equal(struct sure_bytes a, struct sure_bytes b) {
  return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

enum sure_store_verdict sure__found_verdict(const struct sure__found *found,
                                            const struct sure_fingerprint *fingerprint,
                                            enum sure_store_verdict reused) {
  if (found->state == SURE__ROW_ABSENT) {
    return SURE_STORE_PENDING;
  }
  if (found->state == SURE__ROW_TOMBSTONE) {
    return SURE_STORE_TOMBSTONE; /* written by SETTLE, which knows no fingerprint */
  }
  enum sure_store_verdict undecided =
      found->is_owned ? SURE_STORE_IN_PROGRESS : SURE_STORE_IN_DOUBT;
  if (found->state == SURE__ROW_INTENT && reused == SURE_STORE_KEY_REUSED) {
    return undecided; /* whoever has claimed the key may yet give it back */
  }
  if (!SURE__MUTANT(FINGERPRINT_IGNORED) && fingerprint != NULL &&
      (fingerprint->low != found->fingerprint.low ||
       fingerprint->high != found->fingerprint.high)) {
    return reused;
  }
  if (found->state == SURE__ROW_RECORD) {
    return SURE_STORE_REPLAYED;
  }
  return undecided;
}

const struct sure_fingerprint *sure__settle_fingerprint(const struct sure_store_op *op) {
  return op->fingerprint.low == 0 && op->fingerprint.high == 0 ? NULL : &op->fingerprint;
}

static bool is_undecided(enum sure_store_verdict verdict) {
  return verdict == SURE_STORE_IN_PROGRESS || verdict == SURE_STORE_IN_DOUBT;
}

struct sure__settlement sure__settle(enum sure_store_verdict call, bool keyed,
                                     enum sure_store_verdict key) {
  if (call == SURE_STORE_REPLAYED) {
    return (struct sure__settlement){.verdict = call}; /* whatever is said under the key by now */
  }
  if (keyed && (key == SURE_STORE_REPLAYED || key == SURE_STORE_TOMBSTONE)) {
    return (struct sure__settlement){
        .verdict = key, .from_key = true, .close_call = call == SURE_STORE_PENDING};
  }
  if (call == SURE_STORE_STALE || is_undecided(call)) {
    return (struct sure__settlement){.verdict = call};
  }
  if (keyed && key == SURE_STORE_KEY_REUSED) {
    /* Another request has the key for good, which could not be if this one had run. */
    return (struct sure__settlement){.verdict = key, .close_call = call == SURE_STORE_PENDING};
  }
  if (keyed && is_undecided(key)) {
    return (struct sure__settlement){.verdict = key};
  }
  if (call == SURE_STORE_LOST && !keyed) {
    return (struct sure__settlement){.verdict = SURE_STORE_LOST};
  }
  /* Nothing was applied. A forgotten session takes no calls, and a call that had run would have
   * left the record of its key: so with a key even a lost session has an answer. */
  return (struct sure__settlement){.verdict = SURE_STORE_TOMBSTONE,
                                   .close_call = call == SURE_STORE_PENDING,
                                   .close_key = keyed && key == SURE_STORE_PENDING};
}
