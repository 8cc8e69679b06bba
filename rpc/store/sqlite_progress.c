/* CLAIM, ADVANCE and CONCLUDE: calls that commit as they go. All there is of such a call is the row
 * of its key; whoever's claim is the row's own may move it. */
#include "rpc/core/mutant.h"
#include "rpc/store/sqlite_store.h"

/* No number comes twice, or one who was taken over could hold that of a later claim. */
static bool number(struct sure__sqlite *store, struct sure_store_op *op) {
  bool row;
  sqlite3_stmt *statement = sure__sqlite_use(store, SURE__SQL_CLAIM_NEXT);
  if (!sure__sqlite_step(store, statement, &row)) {
    return false;
  }
  op->claim = row ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
  sqlite3_reset(statement);
  store->error = row ? store->error : SQLITE_CORRUPT;
  return row;
}

/* From whoever had it. `*out_found`: there is one. */
static bool take_over(struct sure__sqlite *store, struct sure_store_op *op, bool *out_found) {
  sqlite3_stmt *statement = sure__sqlite_use(store, SURE__SQL_KEY_TAKE_OVER);
  sure__sqlite_bind_key(store, statement, 1, op);
  sure__sqlite_bind_int(store, statement, 4, (int64_t)op->claim);
  sure__sqlite_bind_int(store, statement, 5, store->epoch);
  if (!sure__sqlite_step(store, statement, out_found)) {
    return false;
  }
  op->position = 0;
  if (*out_found) {
    op->position = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
  }
  return true;
}

static bool begin(struct sure__sqlite *store, const struct sure_store_op *op) {
  sqlite3_stmt *statement = sure__sqlite_use(store, SURE__SQL_KEY_BEGIN);
  sure__sqlite_bind_key(store, statement, 1, op);
  sure__sqlite_bind_int(store, statement, 4, (int64_t)op->claim);
  return sure__sqlite_insert_key(store, op, SURE__ROW_INTENT) && sure__sqlite_run(store, statement);
}

bool sure__sqlite_claim(struct sure__sqlite *store, struct sure_store_op *op) {
  struct sure__sqlite_session *session;
  bool found;
  op->verdict = SURE_STORE_PENDING;
  if (!sure__sqlite_admit(store, op, &session)) {
    return false;
  }
  if (op->verdict != SURE_STORE_PENDING) {
    return true;
  }
  if (!number(store, op) || !take_over(store, op, &found) ||
      (!found && !sure__sqlite_find_key(store, op, &op->fingerprint, &op->verdict))) {
    return false;
  }
  if (op->verdict != SURE_STORE_PENDING) {
    return true;
  }
  op->verdict = SURE_STORE_GRANTED;
  return found || begin(store, op);
}

/* `*out_is_ours`: nobody has claimed the call since. */
static bool move(struct sure__sqlite *store, const struct sure_store_op *op, bool *out_is_ours) {
  sqlite3_stmt *statement = sure__sqlite_use(store, SURE__SQL_KEY_ADVANCE);
  sure__sqlite_bind_key(store, statement, 1, op);
  sure__sqlite_bind_int(store, statement, 4, (int64_t)op->claim);
  sure__sqlite_bind_int(store, statement, 5, (int64_t)op->position);
  sure__sqlite_bind_int(store, statement, 6, sure__sqlite_now_ms());
  if (!sure__sqlite_run(store, statement)) {
    return false;
  }
  *out_is_ours = sqlite3_changes64(store->database) == 1;
  return true;
}

/* The position moves first: a savepoint that is rolled back moves it back with the effect. */
bool sure__sqlite_advance(struct sure__sqlite *store, struct sure_store_op *op) {
  bool is_ours;
  bool keep;
  bool spoilt;
  if (!sure__sqlite_run_plain(store, SURE__SQL_SAVEPOINT) || !move(store, op, &is_ours)) {
    return false;
  }
  if (!is_ours) {
    op->verdict = SURE_STORE_TAKEN_OVER;
    return sure__sqlite_run_plain(store, SURE__SQL_RELEASE);
  }
  if (!sure__sqlite_run_handler(store, op, &keep, &spoilt)) {
    return false;
  }
  bool applied = op->record.code == SURE_OK && !spoilt;
  op->verdict = spoilt ? SURE_STORE_BROKE : applied ? SURE_STORE_DONE : SURE_STORE_UNRECORDED;
  if (!applied && !sure__sqlite_run_plain(store, SURE__SQL_ROLLBACK_TO)) {
    return false;
  }
  if (SURE__MUTANT(POSITION_NOT_ROLLED_BACK) && !applied && !move(store, op, &is_ours)) {
    return false;
  }
  return sure__sqlite_run_plain(store, SURE__SQL_RELEASE);
}

/* Gives it to `owner`, if it is ours. */
static bool hand_over(struct sure__sqlite *store, const struct sure_store_op *op, int64_t owner,
                      bool *out_is_ours) {
  sqlite3_stmt *statement = sure__sqlite_use(store, SURE__SQL_KEY_LEAVE);
  sure__sqlite_bind_key(store, statement, 1, op);
  sure__sqlite_bind_int(store, statement, 4, (int64_t)op->claim);
  sure__sqlite_bind_int(store, statement, 5, owner);
  if (!sure__sqlite_run(store, statement)) {
    return false;
  }
  *out_is_ours = sqlite3_changes64(store->database) == 1;
  return true;
}

static bool drop_if_empty(struct sure__sqlite *store, const struct sure_store_op *op) {
  sqlite3_stmt *statement = sure__sqlite_use(store, SURE__SQL_KEY_EMPTY);
  sure__sqlite_bind_key(store, statement, 1, op);
  sure__sqlite_bind_int(store, statement, 4, (int64_t)op->claim);
  return sure__sqlite_run(store, statement);
}

bool sure__sqlite_conclude(struct sure__sqlite *store, struct sure_store_op *op) {
  bool is_ours;
  bool found;
  int64_t owner = op->record_wanted ? store->epoch : SURE__SQLITE_NOBODY;
  if (!hand_over(store, op, owner, &is_ours)) {
    return false;
  }
  op->verdict = is_ours ? SURE_STORE_DONE : SURE_STORE_TAKEN_OVER;
  if (!is_ours) {
    return true;
  }
  return op->record_wanted ? sure__sqlite_complete_key(store, op, true, &found)
                           : drop_if_empty(store, op);
}
