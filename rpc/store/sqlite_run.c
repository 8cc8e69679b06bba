/* Ops that run a call: CALL inside the transaction; INTENT and COMPLETE around a run outside of it.
 *
 * BEGIN IMMEDIATE holds the write lock from before the first look, so that claim and record of a
 * CALL are one INSERT at the end (S6). */
#include "rpc/core/assert.h"
#include "rpc/core/mutant.h"
#include "rpc/store/sqlite_store.h"

static bool is_keyed(const struct sure_store_op *op) {
  return op->key.len > 0;
}

bool sure__sqlite_admit(struct sure__sqlite *store, struct sure_store_op *op,
                        struct sure__sqlite_session **out_session) {
  struct sure__sqlite_session *session;
  if (!sure__sqlite_session(store, op, &session)) {
    return false;
  }
  *out_session = session;
  if (session == NULL || op->sequence > SURE__SEQUENCE_MAX) {
    op->verdict = session == NULL ? SURE_STORE_LOST : SURE_STORE_FULL;
    return true;
  }
  if (!sure__sqlite_find_call(store, op, session, &op->fingerprint, &op->verdict)) {
    return false;
  }
  if (op->verdict != SURE_STORE_PENDING) {
    return true;
  }
  if (sure__ranges_contains(&session->acked, op->sequence)) {
    op->verdict = SURE_STORE_STALE;
    return true;
  }
  if (session->fenced && !SURE__MUTANT(SESSION_VALIDATED_BEFORE_CLAIM)) {
    op->verdict = SURE_STORE_LOST;
  }
  return true;
}

/* Sets the verdict that ends the op, or PENDING when it may run. */
static bool admit(struct sure__sqlite *store, struct sure_store_op *op,
                  struct sure__sqlite_session **out_session) {
  if (!sure__sqlite_admit(store, op, out_session)) {
    return false;
  }
  if (op->verdict != SURE_STORE_PENDING) {
    return true;
  }
  if (is_keyed(op) && !sure__sqlite_find_key(store, op, &op->fingerprint, &op->verdict)) {
    return false;
  }
  if (op->verdict == SURE_STORE_PENDING &&
      (*out_session)->row_count >= store->options.session_records_max) {
    op->verdict = SURE_STORE_FULL;
  }
  return true;
}

static bool insert(struct sure__sqlite *store, struct sure_store_op *op,
                   struct sure__sqlite_session *session, enum sure__row_state state) {
  return sure__sqlite_insert_call(store, op, session, state) &&
         (!is_keyed(op) || sure__sqlite_insert_key(store, op, state));
}

bool sure__sqlite_run_handler(struct sure__sqlite *store, struct sure_store_op *op, bool *out_keep,
                              bool *out_spoilt) {
  sure__assert(sure__sqlite_inspect(store->database, &store->own) == SURE__SQLITE_INTACT &&
               "whoever spoilt it was rolled back");
  op->record = (struct sure_record){0};
  store->ran = true;
  store->guard = SURE__GUARD_HANDLER;
  *out_keep = op->run(op->run_user, op, store->database, &op->record);
  store->guard = SURE__GUARD_OFF;
  int code = sqlite3_extended_errcode(store->database);
  enum sure__sqlite_state state = sure__sqlite_inspect(store->database, &store->own);
  if (state == SURE__SQLITE_LEFT && !SURE__MUTANT(AUTOCOMMIT_NOT_CHECKED)) {
    /* SQLite itself ends a transaction when disk, memory or I/O fails in it. */
    bool by_system = (code & 0xff) == SQLITE_FULL || (code & 0xff) == SQLITE_NOMEM ||
                     (code & 0xff) == SQLITE_IOERR;
    store->error = by_system ? code : SQLITE_ABORT_ROLLBACK;
    store->handler_left = !by_system;
    return false;
  }
  *out_spoilt = state == SURE__SQLITE_SPOILT;
  return true;
}

bool sure__sqlite_call(struct sure__sqlite *store, struct sure_store_op *op) {
  struct sure__sqlite_session *session = NULL;
  op->verdict = SURE_STORE_PENDING;
  if (op->record_wanted && !admit(store, op, &session)) {
    return false;
  }
  if (op->verdict != SURE_STORE_PENDING) {
    return true;
  }
  bool keep;
  bool spoilt;
  if (!sure__sqlite_run_plain(store, SURE__SQL_SAVEPOINT) ||
      !sure__sqlite_run_handler(store, op, &keep, &spoilt)) {
    return false;
  }
  bool applied = op->record.code == SURE_OK && !spoilt;
  if (!applied && !sure__sqlite_run_plain(store, SURE__SQL_ROLLBACK_TO)) {
    return false;
  }
  if (SURE__MUTANT(RECORD_IN_SECOND_TRANSACTION)) {
    (void)sqlite3_exec(store->database, "COMMIT; BEGIN; SAVEPOINT sure_call", NULL, NULL, NULL);
  }
  bool record_it = op->record_wanted && !spoilt && (applied || keep);
  if (record_it && !insert(store, op, session, SURE__ROW_RECORD)) {
    return false;
  }
  op->verdict = record_it ? SURE_STORE_RECORDED : SURE_STORE_UNRECORDED;
  if (spoilt) {
    op->verdict = SURE_STORE_BROKE;
  }
  return sure__sqlite_run_plain(store, SURE__SQL_RELEASE);
}

bool sure__sqlite_intent(struct sure__sqlite *store, struct sure_store_op *op) {
  struct sure__sqlite_session *session;
  if (!admit(store, op, &session)) {
    return false;
  }
  if (op->verdict != SURE_STORE_PENDING) {
    return true;
  }
  op->verdict = SURE_STORE_GRANTED;
  return insert(store, op, session, SURE__ROW_INTENT);
}

/* A record whose number was acknowledged while it ran is not kept; its key's is. */
bool sure__sqlite_complete(struct sure__sqlite *store, struct sure_store_op *op) {
  struct sure__sqlite_session *session;
  if (!sure__sqlite_session(store, op, &session)) {
    return false;
  }
  op->verdict = session == NULL ? SURE_STORE_LOST : SURE_STORE_DONE;
  if (session == NULL) {
    return true;
  }
  if (op->in_doubt) {
    return sure__sqlite_hand_over(store, op, session, store->epoch, SURE__SQLITE_NOBODY);
  }
  bool keep = op->record_wanted && !sure__ranges_contains(&session->acked, op->sequence);
  bool found;
  if (!sure__sqlite_complete_call(store, op, session, keep, &found)) {
    return false;
  }
  return !found || !is_keyed(op) || sure__sqlite_complete_key(store, op, op->record_wanted, &found);
}
