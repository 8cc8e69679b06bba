/* CALL, INTENT, COMPLETE, RESOLVE and SETTLE of the memory store.
 *
 * Every call that runs is claimed first by an intent row (and one for its key), which is its slot
 * in the limits (S8) and what a concurrent duplicate finds. The end of the run turns both into the
 * record or drops both. */
#include "rpc/core/assert.h"
#include "rpc/core/mutant.h"
#include "rpc/store/memory.h"

static bool is_keyed(const struct sure_store_op *op) {
  return op->key.len > 0 && !SURE__MUTANT(KEY_NOT_RECORDED);
}

static enum sure_store_verdict row_verdict(const struct sure__row *row,
                                           const struct sure_fingerprint *fingerprint) {
  if (row == NULL) {
    return SURE_STORE_PENDING;
  }
  struct sure__found found = {.state = (enum sure__row_state)row->state,
                              .is_owned = !row->in_doubt,
                              .fingerprint = row->fingerprint};
  return sure__found_verdict(&found, fingerprint, SURE_STORE_CALL_REUSED);
}

static enum sure_store_verdict key_verdict(const struct sure__key *key,
                                           const struct sure_fingerprint *fingerprint) {
  if (key == NULL) {
    return SURE_STORE_PENDING;
  }
  struct sure__found found = {
      .state = key->state, .is_owned = !key->in_doubt, .fingerprint = key->fingerprint};
  return sure__found_verdict(&found, fingerprint, SURE_STORE_KEY_REUSED);
}

/* Hands out a record. A reply that could not be kept is lost, its effect is there all the same. */
static enum sure_store_verdict replay(struct sure_store_op *op, struct sure__memo memo) {
  const struct sure__row *row = memo.row;
  op->record = (struct sure_record){.code = memo.code, .reason = memo.reason};
  if (row == NULL) {
    if (memo.code == SURE_OK) {
      op->record.code = SURE_RESOURCE_EXHAUSTED;
      op->record.reason = SURE_REASON_REPLY_LOST;
    }
    return SURE_STORE_REPLAYED;
  }
  struct sure_bytes message = {.data = row->bytes, .len = row->message_len};
  struct sure_bytes metadata = {.data = message.data + message.len, .len = row->metadata_len};
  struct sure_bytes reply = {.data = metadata.data + metadata.len, .len = row->reply_len};
  bool copied = sure_store_op_copy(op, message, &op->record.message) &&
                sure_store_op_copy(op, metadata, &op->record.metadata) &&
                sure_store_op_copy(op, reply, &op->record.reply);
  return copied ? SURE_STORE_REPLAYED : SURE_STORE_FULL;
}

enum sure_store_verdict sure__memory_admit(const struct sure__stored_session *session,
                                           struct sure_store_op *op) {
  struct sure__row *row = sure__row_find(&session->rows, op->sequence);
  enum sure_store_verdict verdict = row_verdict(row, &op->fingerprint);
  if (verdict != SURE_STORE_PENDING) {
    return verdict == SURE_STORE_REPLAYED ? replay(op, sure__row_memo(row)) : verdict;
  }
  if (sure__ranges_contains(&session->acked, op->sequence) && !SURE__MUTANT(ACKED_NUMBER_RUNS)) {
    return SURE_STORE_STALE;
  }
  if (session->fenced && !SURE__MUTANT(LEASE_NOT_CHECKED)) {
    return SURE_STORE_LOST;
  }
  return SURE_STORE_PENDING;
}

enum sure_store_verdict sure__memory_key_verdict(const struct sure__memory *memory,
                                                 struct sure_store_op *op) {
  const struct sure__key *key = sure__key_find(&memory->keys, op);
  enum sure_store_verdict verdict = key_verdict(key, &op->fingerprint);
  return verdict == SURE_STORE_REPLAYED ? replay(op, key->memo) : verdict;
}

/* The answer of what is there already, or PENDING when the call may be claimed. */
static enum sure_store_verdict look_up(const struct sure__memory *memory,
                                       const struct sure__stored_session *session,
                                       struct sure_store_op *op) {
  enum sure_store_verdict verdict = sure__memory_admit(session, op);
  return verdict == SURE_STORE_PENDING && is_keyed(op) ? sure__memory_key_verdict(memory, op)
                                                       : verdict;
}

/* Adds the rows of a call, both or none. */
static bool claim(struct sure__memory *memory, struct sure__stored_session *session,
                  const struct sure_store_op *op, enum sure__row_state state) {
  if (SURE__MUTANT(UNACKED_RECORD_EVICTED) && session->rows.count >= memory->session_records_max) {
    sure__rows_release(&session->rows, &memory->pool, (struct sure_range){1, op->sequence});
  }
  if (session->rows.count >= memory->session_records_max) {
    return false;
  }
  struct sure__row *row = sure__row_add(&session->rows, &memory->pool, op->sequence, state);
  if (row == NULL) {
    return false;
  }
  row->fingerprint = op->fingerprint;
  if (is_keyed(op) && sure__key_add(&memory->keys, &memory->pool, op, state) == NULL) {
    sure__row_drop(&session->rows, &memory->pool, row);
    return false;
  }
  return true;
}

/* Sets GRANTED, or the verdict that ends the op. */
void sure__memory_intent(struct sure__memory *memory, struct sure_store_op *op) {
  struct sure__stored_session *session = sure__memory_session(memory, op);
  if (session == NULL) {
    op->verdict = SURE_STORE_LOST;
    return;
  }
  op->verdict = op->sequence > SURE__SEQUENCE_MAX ? SURE_STORE_FULL : look_up(memory, session, op);
  if (op->verdict == SURE_STORE_PENDING) {
    bool claimed = claim(memory, session, op, SURE__ROW_INTENT);
    op->verdict = claimed ? SURE_STORE_GRANTED : SURE_STORE_FULL;
  }
}

static void record_key(struct sure__key *key, struct sure__row *row) {
  key->state = SURE__ROW_RECORD;
  key->memo = sure__row_memo(row);
  sure__memo_ref(&key->memo);
}

/* Turns the intents of a call into its record. The slots are there; if the record itself finds no
 * room, it is kept without its reply. */
static void keep(struct sure__memory *memory, struct sure__stored_session *session,
                 struct sure__row *row, struct sure_store_op *op) {
  row = sure__row_record(&session->rows, &memory->pool, row, &op->record);
  struct sure__key *key = is_keyed(op) ? sure__key_find(&memory->keys, op) : NULL;
  if (key != NULL && key->state == SURE__ROW_INTENT) {
    record_key(key, row);
  }
  if (sure__ranges_contains(&session->acked, op->sequence)) {
    sure__row_drop(&session->rows, &memory->pool, row); /* acknowledged while it ran */
  }
}

static void drop(struct sure__memory *memory, struct sure__stored_session *session,
                 struct sure__row *row, struct sure_store_op *op) {
  struct sure__key *key = is_keyed(op) ? sure__key_find(&memory->keys, op) : NULL;
  if (key != NULL && key->state == SURE__ROW_INTENT) {
    sure__key_drop(&memory->keys, &memory->pool, key);
  }
  sure__row_drop(&session->rows, &memory->pool, row);
}

/* The run has ended and nobody knows how: both intents stay (S15). False when memory is short. */
static bool leave(struct sure__memory *memory, struct sure__row *row,
                  const struct sure_store_op *op) {
  if (!sure__doubt_add(&memory->doubts, &memory->pool, op)) {
    return false;
  }
  row->in_doubt = true;
  struct sure__key *key = is_keyed(op) ? sure__key_find(&memory->keys, op) : NULL;
  if (key != NULL && key->state == SURE__ROW_INTENT) {
    key->in_doubt = true;
  }
  return true;
}

void sure__memory_complete(struct sure__memory *memory, struct sure_store_op *op) {
  struct sure__stored_session *session = sure__memory_session(memory, op);
  if (session == NULL) {
    op->verdict = SURE_STORE_LOST;
    return;
  }
  sure__memory_raise_clock(memory, op->clock);
  struct sure__row *row = sure__row_find(&session->rows, op->sequence);
  op->verdict = SURE_STORE_DONE;
  if (row == NULL || row->state != SURE__ROW_INTENT || row->in_doubt) {
    return;
  }
  if (op->in_doubt) {
    op->verdict = leave(memory, row, op) ? SURE_STORE_DONE : SURE_STORE_FULL;
    return;
  }
  (op->record_wanted ? keep : drop)(memory, session, row, op);
}

/* It was not applied, and is kept from ever being. */
static void bury(struct sure__memory *memory, struct sure__stored_session *session,
                 struct sure__row *row, struct sure_store_op *op) {
  struct sure__key *key = is_keyed(op) ? sure__key_find(&memory->keys, op) : NULL;
  if (key != NULL && key->state == SURE__ROW_INTENT) {
    key->state = SURE__ROW_TOMBSTONE;
  }
  sure__row_bury(&session->rows, &memory->pool, row);
  if (sure__ranges_contains(&session->acked, op->sequence)) {
    sure__row_drop(&session->rows, &memory->pool, row);
  }
}

void sure__memory_resolve(struct sure__memory *memory, struct sure_store_op *op) {
  struct sure__stored_session *session = sure__memory_session(memory, op);
  struct sure__row *row = session == NULL ? NULL : sure__row_find(&session->rows, op->sequence);
  if (row == NULL || row->state != SURE__ROW_INTENT || !row->in_doubt) {
    op->verdict = SURE_STORE_STALE;
    return;
  }
  sure__doubt_drop(&memory->doubts, &memory->pool, op);
  (op->record_wanted ? keep : bury)(memory, session, row, op);
  op->verdict = SURE_STORE_DONE;
}

static bool run(struct sure__memory *memory, struct sure_store_op *op) {
  pthread_mutex_unlock(&memory->lock);
  pthread_mutex_lock(&memory->run_lock);
  op->record = (struct sure_record){0};
  op->clock = memory->clock; /* only runs and ends of runs raise it */
  bool record_it = op->run(op->run_user, op, NULL, &op->record);
  pthread_mutex_unlock(&memory->run_lock);
  pthread_mutex_lock(&memory->lock);
  sure__memory_raise_clock(memory, op->clock);
  return record_it || op->record.code == SURE_OK;
}

void sure__memory_call(struct sure__memory *memory, struct sure_store_op *op) {
  if (!op->record_wanted) {
    (void)run(memory, op);
    op->verdict = SURE_STORE_UNRECORDED;
    return;
  }
  sure__memory_intent(memory, op);
  if (op->verdict != SURE_STORE_GRANTED) {
    return;
  }
  bool record_it = run(memory, op) && !SURE__MUTANT(RECORD_NOT_WRITTEN);
  struct sure__stored_session *session = sure__memory_session(memory, op);
  sure__assert(session != NULL && "a session with an intent is not forgotten");
  struct sure__row *row = sure__row_find(&session->rows, op->sequence);
  sure__assert(row != NULL && "an intent stays until it is completed");
  (record_it ? keep : drop)(memory, session, row, op);
  op->verdict = record_it ? SURE_STORE_RECORDED : SURE_STORE_UNRECORDED;
}

/* What SETTLE finds under the call id. */
static enum sure_store_verdict find_call(const struct sure__stored_session *session,
                                         const struct sure__row *row, uint64_t sequence) {
  if (session == NULL) {
    return SURE_STORE_LOST;
  }
  enum sure_store_verdict verdict = row_verdict(row, NULL);
  bool stale = verdict == SURE_STORE_PENDING && sure__ranges_contains(&session->acked, sequence);
  return stale ? SURE_STORE_STALE : verdict;
}

static bool write_tombstones(struct sure__memory *memory, struct sure__stored_session *session,
                             const struct sure_store_op *op, struct sure__settlement settlement) {
  if (SURE__MUTANT(TOMBSTONE_NOT_WRITTEN)) {
    return true;
  }
  if (settlement.close_call) {
    bool room =
        session->rows.count < memory->session_records_max && op->sequence <= SURE__SEQUENCE_MAX;
    if (!room ||
        sure__row_add(&session->rows, &memory->pool, op->sequence, SURE__ROW_TOMBSTONE) == NULL) {
      return false;
    }
  }
  if (settlement.close_key &&
      sure__key_add(&memory->keys, &memory->pool, op, SURE__ROW_TOMBSTONE) == NULL) {
    if (settlement.close_call) {
      sure__row_drop(&session->rows, &memory->pool, sure__row_find(&session->rows, op->sequence));
    }
    return false;
  }
  return true;
}

void sure__memory_settle(struct sure__memory *memory, struct sure_store_op *op) {
  struct sure__stored_session *session =
      op->sequence == 0 ? NULL : sure__memory_session(memory, op);
  struct sure__row *row = session == NULL ? NULL : sure__row_find(&session->rows, op->sequence);
  const struct sure__key *key = is_keyed(op) ? sure__key_find(&memory->keys, op) : NULL;
  struct sure__settlement settlement =
      sure__settle(find_call(session, row, op->sequence), is_keyed(op),
                   key_verdict(key, sure__settle_fingerprint(op)));
  if (settlement.close_call) {
    sure__assert(session != NULL && "without a session it is LOST");
    settlement.close_call = !session->fenced; /* which takes no calls: nothing to keep out */
  }
  op->verdict = settlement.verdict;
  if (settlement.verdict == SURE_STORE_REPLAYED) {
    sure__assert((settlement.from_key ? key != NULL : row != NULL) && "a record was found");
    op->verdict = replay(op, settlement.from_key ? key->memo : sure__row_memo(row));
  }
  if (op->verdict != SURE_STORE_FULL && !write_tombstones(memory, session, op, settlement)) {
    op->verdict = SURE_STORE_FULL;
  }
}
