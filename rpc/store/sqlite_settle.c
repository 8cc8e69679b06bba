#include "rpc/core/assert.h"
#include "rpc/store/sqlite_store.h"

/* What there is under the call id: a verdict of its row, or STALE, or LOST. */
static bool find_call(struct sure__sqlite *store, struct sure_store_op *op,
                      struct sure__sqlite_session **out_session,
                      enum sure_store_verdict *out_verdict) {
  *out_session = NULL;
  *out_verdict = SURE_STORE_LOST;
  if (op->sequence == 0) {
    return true;
  }
  if (!sure__sqlite_session(store, op, out_session)) {
    return false;
  }
  if (*out_session == NULL) {
    return true;
  }
  if (!sure__sqlite_find_call(store, op, *out_session, NULL, out_verdict)) {
    return false;
  }
  if (*out_verdict == SURE_STORE_PENDING &&
      sure__ranges_contains(&(*out_session)->acked, op->sequence)) {
    *out_verdict = SURE_STORE_STALE;
  }
  return true;
}

static bool is_full(const struct sure__sqlite *store, const struct sure_store_op *op,
                    const struct sure__sqlite_session *session,
                    struct sure__settlement settlement) {
  if (!settlement.close_call) {
    return false;
  }
  return (session->row_count >= store->options.session_records_max ||
          op->sequence > SURE__SEQUENCE_MAX);
}

bool sure__sqlite_settle(struct sure__sqlite *store, struct sure_store_op *op) {
  struct sure__sqlite_session *session;
  enum sure_store_verdict call;
  enum sure_store_verdict key = SURE_STORE_PENDING;
  bool keyed = op->key.len > 0;
  /* What is found last is the answer: the call's own record, or else that of the key. */
  if (!find_call(store, op, &session, &call) ||
      (keyed && call != SURE_STORE_REPLAYED &&
       !sure__sqlite_find_key(store, op, sure__settle_fingerprint(op), &key))) {
    return false;
  }
  struct sure__settlement settlement = sure__settle(call, keyed, key);
  if (settlement.close_call) {
    sure__assert(session != NULL && "without a session it is LOST");
    settlement.close_call = !session->fenced; /* which takes no calls: nothing to keep out */
  }
  if (call == SURE_STORE_FULL || key == SURE_STORE_FULL ||
      is_full(store, op, session, settlement)) {
    op->verdict = SURE_STORE_FULL; /* no memory for the answer, or no room for a tombstone */
    return true;
  }
  op->verdict = settlement.verdict;
  return (!settlement.close_call ||
          sure__sqlite_insert_call(store, op, session, SURE__ROW_TOMBSTONE)) &&
         (!settlement.close_key || sure__sqlite_insert_key(store, op, SURE__ROW_TOMBSTONE));
}
