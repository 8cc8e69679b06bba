/* Rows of sure_calls and sure_keys. Both keep the same eight columns first, so that one function
 * reads them and one binds them. */
#include <time.h>

#include "rpc/core/wire.h"
#include "rpc/store/sqlite_store.h"

#define ROW_COLUMNS     8
#define FINGERPRINT_LEN 16 /* in the database: low, high; little-endian */

static void encode(const struct sure_fingerprint *fingerprint, uint8_t *out) {
  sure__put_u64(out, fingerprint->low);
  sure__put_u64(out + 8, fingerprint->high);
}

static struct sure_fingerprint decode(const uint8_t *data) {
  return (struct sure_fingerprint){.low = sure__get_u64(data), .high = sure__get_u64(data + 8)};
}

int64_t sure__sqlite_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool copy_record(sqlite3_stmt *statement, struct sure_store_op *op) {
  op->record = (struct sure_record){
      .code = (enum sure_code)sqlite3_column_int(statement, 3),
      .reason = (enum sure_reason)sqlite3_column_int(statement, 4),
  };
  return sure_store_op_copy(op, sure__sqlite_column_bytes(statement, 5), &op->record.message) &&
         sure_store_op_copy(op, sure__sqlite_column_bytes(statement, 6), &op->record.reply) &&
         sure_store_op_copy(op, sure__sqlite_column_bytes(statement, 7), &op->record.metadata);
}

static bool find(struct sure__sqlite *store, sqlite3_stmt *statement, struct sure_store_op *op,
                 const struct sure_fingerprint *fingerprint, enum sure_store_verdict reused,
                 enum sure_store_verdict *out_verdict) {
  bool row;
  if (!sure__sqlite_step(store, statement, &row)) {
    return false;
  }
  if (!row) {
    *out_verdict = SURE_STORE_PENDING;
    return true;
  }
  struct sure__found found = {.state = (enum sure__row_state)sqlite3_column_int(statement, 0),
                              .is_owned = false};
  if (found.state == SURE__ROW_INTENT) {
    found.is_owned = sure__sqlite_owner_lives(store, sqlite3_column_int64(statement, 1));
  }
  struct sure_bytes print = sure__sqlite_column_bytes(statement, 2);
  if (print.len == FINGERPRINT_LEN) {
    found.fingerprint = decode(print.data);
  }
  *out_verdict = sure__found_verdict(&found, fingerprint, reused);
  if (*out_verdict == SURE_STORE_REPLAYED && !copy_record(statement, op)) {
    *out_verdict = SURE_STORE_FULL;
  }
  sqlite3_reset(statement);
  return true;
}

bool sure__sqlite_find_call(struct sure__sqlite *store, struct sure_store_op *op,
                            const struct sure__sqlite_session *session,
                            const struct sure_fingerprint *fingerprint,
                            enum sure_store_verdict *out_verdict) {
  sqlite3_stmt *statement = sure__sqlite_use(store, SURE__SQL_CALL_FIND);
  sure__sqlite_bind_int(store, statement, 1, session->handle);
  sure__sqlite_bind_int(store, statement, 2, (int64_t)op->sequence);
  return find(store, statement, op, fingerprint, SURE_STORE_CALL_REUSED, out_verdict);
}

void sure__sqlite_bind_key(struct sure__sqlite *store, sqlite3_stmt *statement, int index,
                           const struct sure_store_op *op) {
  sure__sqlite_bind_bytes(store, statement, index, op->principal);
  sure__sqlite_bind_int(store, statement, index + 1, (int64_t)op->method);
  sure__sqlite_bind_bytes(store, statement, index + 2, op->key);
}

bool sure__sqlite_find_key(struct sure__sqlite *store, struct sure_store_op *op,
                           const struct sure_fingerprint *fingerprint,
                           enum sure_store_verdict *out_verdict) {
  sqlite3_stmt *statement = sure__sqlite_use(store, SURE__SQL_KEY_FIND);
  sure__sqlite_bind_key(store, statement, 1, op);
  return find(store, statement, op, fingerprint, SURE_STORE_KEY_REUSED, out_verdict);
}

/* `fingerprint` has room for FINGERPRINT_LEN bytes and stays until the statement has run. */
static void bind_row(struct sure__sqlite *store, sqlite3_stmt *statement,
                     const struct sure_store_op *op, enum sure__row_state state,
                     uint8_t *fingerprint) {
  static const struct sure_record none;
  const struct sure_record *record = state == SURE__ROW_RECORD ? &op->record : &none;
  encode(&op->fingerprint, fingerprint);
  sure__sqlite_bind_int(store, statement, 1, (int64_t)state);
  sure__sqlite_bind_int(store, statement, 2, store->epoch);
  sure__sqlite_bind_bytes(store, statement, 3,
                          (struct sure_bytes){.data = fingerprint, .len = FINGERPRINT_LEN});
  sure__sqlite_bind_int(store, statement, 4, (int64_t)record->code);
  sure__sqlite_bind_int(store, statement, 5, (int64_t)record->reason);
  sure__sqlite_bind_bytes(store, statement, 6, record->message);
  sure__sqlite_bind_bytes(store, statement, 7, record->reply);
  sure__sqlite_bind_bytes(store, statement, 8, record->metadata);
}

static bool write_call(struct sure__sqlite *store, enum sure__sqlite_statement which,
                       const struct sure_store_op *op, int64_t session,
                       enum sure__row_state state) {
  sqlite3_stmt *statement = sure__sqlite_use(store, which);
  uint8_t fingerprint[FINGERPRINT_LEN];
  bind_row(store, statement, op, state, fingerprint);
  sure__sqlite_bind_int(store, statement, ROW_COLUMNS + 1, session);
  sure__sqlite_bind_int(store, statement, ROW_COLUMNS + 2, (int64_t)op->sequence);
  if (which == SURE__SQL_CALL_INSERT) { /* what it takes to resolve an intent (S15) */
    bool is_intent = state == SURE__ROW_INTENT;
    sure__sqlite_bind_int(store, statement, ROW_COLUMNS + 3, is_intent ? (int64_t)op->method : 0);
    sure__sqlite_bind_bytes(store, statement, ROW_COLUMNS + 4,
                            is_intent ? op->key : (struct sure_bytes){0});
  }
  return sure__sqlite_run(store, statement);
}

static bool write_key(struct sure__sqlite *store, enum sure__sqlite_statement which,
                      const struct sure_store_op *op, enum sure__row_state state) {
  sqlite3_stmt *statement = sure__sqlite_use(store, which);
  uint8_t fingerprint[FINGERPRINT_LEN];
  bind_row(store, statement, op, state, fingerprint);
  sure__sqlite_bind_key(store, statement, ROW_COLUMNS + 1, op);
  sure__sqlite_bind_int(store, statement, ROW_COLUMNS + 4, sure__sqlite_now_ms());
  return sure__sqlite_run(store, statement);
}

bool sure__sqlite_insert_call(struct sure__sqlite *store, const struct sure_store_op *op,
                              struct sure__sqlite_session *session, enum sure__row_state state) {
  session->row_count++;
  session->intent_count += state == SURE__ROW_INTENT;
  session->dirty = true;
  return write_call(store, SURE__SQL_CALL_INSERT, op, session->handle, state);
}

bool sure__sqlite_insert_key(struct sure__sqlite *store, const struct sure_store_op *op,
                             enum sure__row_state state) {
  return write_key(store, SURE__SQL_KEY_INSERT, op, state);
}

static bool withdraw_call(struct sure__sqlite *store, const struct sure_store_op *op,
                          int64_t session) {
  sqlite3_stmt *statement = sure__sqlite_use(store, SURE__SQL_CALL_WITHDRAW);
  sure__sqlite_bind_int(store, statement, 1, session);
  sure__sqlite_bind_int(store, statement, 2, (int64_t)op->sequence);
  sure__sqlite_bind_int(store, statement, 3, store->epoch);
  return sure__sqlite_run(store, statement);
}

bool sure__sqlite_complete_call(struct sure__sqlite *store, const struct sure_store_op *op,
                                struct sure__sqlite_session *session, bool keep, bool *out_found) {
  bool ok = keep ? write_call(store, SURE__SQL_CALL_RECORD, op, session->handle, SURE__ROW_RECORD)
                 : withdraw_call(store, op, session->handle);
  if (!ok) {
    return false;
  }
  *out_found = sqlite3_changes64(store->database) > 0;
  if (*out_found) {
    session->intent_count--;
    session->row_count -= !keep;
    session->dirty = true;
  }
  return true;
}

bool sure__sqlite_complete_key(struct sure__sqlite *store, const struct sure_store_op *op,
                               bool keep, bool *out_found) {
  bool ok = true;
  if (keep) {
    ok = write_key(store, SURE__SQL_KEY_RECORD, op, SURE__ROW_RECORD);
  } else {
    sqlite3_stmt *statement = sure__sqlite_use(store, SURE__SQL_KEY_WITHDRAW);
    sure__sqlite_bind_key(store, statement, 1, op);
    sure__sqlite_bind_int(store, statement, 4, store->epoch);
    ok = sure__sqlite_run(store, statement);
  }
  *out_found = ok && sqlite3_changes64(store->database) > 0;
  return ok;
}

bool sure__sqlite_hand_over(struct sure__sqlite *store, const struct sure_store_op *op,
                            const struct sure__sqlite_session *session, int64_t from, int64_t to) {
  sqlite3_stmt *call = sure__sqlite_use(store, SURE__SQL_CALL_HAND_OVER);
  sure__sqlite_bind_int(store, call, 1, session->handle);
  sure__sqlite_bind_int(store, call, 2, (int64_t)op->sequence);
  sure__sqlite_bind_int(store, call, 3, from);
  sure__sqlite_bind_int(store, call, 4, to);
  if (!sure__sqlite_run(store, call) || op->key.len == 0) {
    return store->error == SQLITE_OK;
  }
  sqlite3_stmt *key = sure__sqlite_use(store, SURE__SQL_KEY_HAND_OVER);
  sure__sqlite_bind_key(store, key, 1, op);
  sure__sqlite_bind_int(store, key, 4, from);
  sure__sqlite_bind_int(store, key, 5, to);
  return sure__sqlite_run(store, key);
}
