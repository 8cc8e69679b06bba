/* DOUBTS and RESOLVE: intents that nobody is at any more (S15). */
#include <string.h>

#include "rpc/store/sqlite_store.h"

/* ---- DOUBTS ---- */

static bool copy_doubt(struct sure_store_op *op, sqlite3_stmt *statement) {
  struct sure_doubt *doubt = &op->doubts[op->doubt_count];
  struct sure_bytes id = sure__sqlite_column_bytes(statement, 0);
  *doubt = (struct sure_doubt){.sequence = (uint64_t)sqlite3_column_int64(statement, 1),
                               .method = (uint64_t)sqlite3_column_int64(statement, 2)};
  if (id.len != sizeof doubt->session.bytes) {
    return false;
  }
  memcpy(doubt->session.bytes, id.data, id.len);
  return sure_store_op_copy(op, sure__sqlite_column_bytes(statement, 3), &doubt->principal) &&
         sure_store_op_copy(op, sure__sqlite_column_bytes(statement, 4), &doubt->key);
}

/* Lists the intents of one owner. `*passed`: how many there have been. */
static bool list_of(struct sure__sqlite *store, struct sure_store_op *op, int64_t owner,
                    uint64_t *passed) {
  sqlite3_stmt *statement = sure__sqlite_use(store, SURE__SQL_INTENTS_OF);
  sure__sqlite_bind_int(store, statement, 1, owner);
  bool row = true;
  while (op->doubt_count < SURE_DOUBTS_MAX) {
    if (!sure__sqlite_step(store, statement, &row)) {
      return false;
    }
    if (!row) {
      return true;
    }
    if ((*passed)++ < op->sequence) {
      continue;
    }
    if (!copy_doubt(op, statement)) {
      op->verdict = SURE_STORE_FULL;
      break;
    }
    op->doubt_count++;
  }
  sqlite3_reset(statement);
  return true;
}

bool sure__sqlite_doubts(struct sure__sqlite *store, struct sure_store_op *op) {
  op->doubt_count = 0;
  op->doubts = sure_store_op_alloc(op, SURE_DOUBTS_MAX * sizeof *op->doubts);
  op->verdict = op->doubts == NULL ? SURE_STORE_FULL : SURE_STORE_DONE;
  uint64_t passed = 0;
  int64_t owner = -1;
  sqlite3_stmt *next = sure__sqlite_use(store, SURE__SQL_OWNER_NEXT);
  while (op->verdict == SURE_STORE_DONE && op->doubt_count < SURE_DOUBTS_MAX) {
    bool row;
    sure__sqlite_bind_int(store, next, 1, owner);
    if (!sure__sqlite_step(store, next, &row)) {
      return false;
    }
    if (!row) {
      break;
    }
    owner = sqlite3_column_int64(next, 0);
    sqlite3_reset(next);
    if (!sure__sqlite_owner_lives(store, owner) && !list_of(store, op, owner, &passed)) {
      return false;
    }
  }
  return true;
}

/* ---- RESOLVE ---- */

/* Whose intent the call's row is. `*out_found`: it is one. */
static bool find_owner(struct sure__sqlite *store, const struct sure_store_op *op,
                       const struct sure__sqlite_session *session, int64_t *out_owner,
                       bool *out_found) {
  sqlite3_stmt *statement = sure__sqlite_use(store, SURE__SQL_OWNER_OF);
  sure__sqlite_bind_int(store, statement, 1, session->handle);
  sure__sqlite_bind_int(store, statement, 2, (int64_t)op->sequence);
  if (!sure__sqlite_step(store, statement, out_found)) {
    return false;
  }
  if (*out_found) {
    *out_owner = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
  }
  return true;
}

/* It was not applied, and is kept from ever being. */
static bool bury(struct sure__sqlite *store, struct sure_store_op *op,
                 struct sure__sqlite_session *session) {
  bool found;
  bool is_acked = sure__ranges_contains(&session->acked, op->sequence);
  if (!sure__sqlite_complete_call(store, op, session, false, &found) ||
      (!is_acked && !sure__sqlite_insert_call(store, op, session, SURE__ROW_TOMBSTONE))) {
    return false;
  }
  if (op->key.len == 0) {
    return true;
  }
  return sure__sqlite_complete_key(store, op, false, &found) &&
         (!found || sure__sqlite_insert_key(store, op, SURE__ROW_TOMBSTONE));
}

bool sure__sqlite_resolve(struct sure__sqlite *store, struct sure_store_op *op) {
  struct sure__sqlite_session *session;
  int64_t owner = SURE__SQLITE_NOBODY;
  bool found = false;
  op->verdict = SURE_STORE_STALE;
  if (!sure__sqlite_session(store, op, &session)) {
    return false;
  }
  if (session != NULL && !find_owner(store, op, session, &owner, &found)) {
    return false;
  }
  if (!found || sure__sqlite_owner_lives(store, owner)) {
    return true;
  }
  op->verdict = SURE_STORE_DONE;
  /* From here on it is as if this process had run it. */
  return sure__sqlite_hand_over(store, op, session, owner, store->epoch) &&
         (op->record_wanted ? sure__sqlite_complete(store, op) : bury(store, op, session));
}
