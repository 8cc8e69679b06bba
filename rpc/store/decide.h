/* Decisions that are the same in every store: pure functions of what was found. */
#ifndef SURE_STORE_DECIDE_H
#define SURE_STORE_DECIDE_H

#include <sure/store.h>

/* The state of a row, for a call or for a key. The numbers are in databases: never change them. */
enum sure__row_state {
  SURE__ROW_ABSENT = 0,
  SURE__ROW_INTENT = 1,
  SURE__ROW_RECORD = 2,
  SURE__ROW_TOMBSTONE = 3,
};

/* What was found under a call id or a key. */
struct sure__found {
  enum sure__row_state state;
  bool is_owned; /* an intent of a process that lives and is at it */
  struct sure_fingerprint fingerprint;
};

/* What a row alone says to an op.
 * SURE_STORE_PENDING: nothing, there is no row. `fingerprint` NULL: the op carries none (SETTLE);
 * else a row of another one gives `reused`. */
enum sure_store_verdict sure__found_verdict(const struct sure__found *found,
                                            const struct sure_fingerprint *fingerprint,
                                            enum sure_store_verdict reused);

/* The fingerprint of a SETTLE, which may carry none: then NULL. */
const struct sure_fingerprint *sure__settle_fingerprint(const struct sure_store_op *op);

/* What SETTLE answers, and which tombstones it writes. */
struct sure__settlement {
  enum sure_store_verdict verdict;
  bool from_key; /* the record of the key is the answer, not the call's */
  bool close_call;
  bool close_key;
};

/* S12. `call` and `key` are what was found under each: a verdict of sure__found_verdict, and for a
 * call also SURE_STORE_STALE or _LOST (which a SETTLE by key alone passes as well). */
struct sure__settlement sure__settle(enum sure_store_verdict call, bool keyed,
                                     enum sure_store_verdict key);

bool sure__bytes_equal(struct sure_bytes a, struct sure_bytes b);

#endif
