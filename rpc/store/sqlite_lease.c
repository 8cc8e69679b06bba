/* The ops on sessions. They work on the session as the batch sees it, which is written back before
 * the commit. */
#include "rpc/core/mutant.h"
#include "rpc/store/sqlite_store.h"

/* What one SWEEP does at most: the writer is held meanwhile. */
#define SWEEP_SESSIONS_MAX 256
#define SWEEP_ROWS_MAX     4096

static bool create(struct sure__sqlite *store, struct sure_store_op *op) {
  bool row;
  sqlite3_stmt *count = sure__sqlite_use(store, SURE__SQL_SESSION_COUNT);
  if (!sure__sqlite_step(store, count, &row)) {
    return false;
  }
  bool full = row && (uint64_t)sqlite3_column_int64(count, 0) >= store->options.sessions_max;
  sqlite3_reset(count);
  if (full) {
    op->verdict = SURE_STORE_FULL;
    return true;
  }
  sqlite3_stmt *insert = sure__sqlite_use(store, SURE__SQL_SESSION_INSERT);
  struct sure_bytes id = {.data = op->session.bytes, .len = sizeof op->session.bytes};
  sure__sqlite_bind_bytes(store, insert, 1, id);
  sure__sqlite_bind_bytes(store, insert, 2, op->principal);
  sure__sqlite_bind_int(store, insert, 3, op->now_ms);
  if (!sure__sqlite_run(store, insert)) {
    return false;
  }
  bool created = sqlite3_changes64(store->database) > 0;
  op->verdict = created ? SURE_STORE_OPEN : SURE_STORE_FULL;
  return !created || sure__sqlite_session_count_add(store, 1);
}

static void stamp(struct sure__sqlite_session *session, int64_t now_ms) {
  session->stamp_ms = now_ms;
  session->dirty = true;
}

bool sure__sqlite_attach(struct sure__sqlite *store, struct sure_store_op *op) {
  struct sure__sqlite_session *session;
  if (!sure__sqlite_session(store, op, &session)) {
    return false;
  }
  if (session == NULL && op->create) {
    return create(store, op);
  }
  if (session == NULL) {
    op->verdict = SURE_STORE_LOST;
  } else if (session->fenced) {
    op->verdict = SURE_STORE_FENCED;
  } else {
    stamp(session, op->now_ms);
    op->verdict = SURE_STORE_OPEN;
  }
  return true;
}

static bool release(struct sure__sqlite *store, struct sure__sqlite_session *session,
                    struct sure_range span) {
  sqlite3_stmt *statement = sure__sqlite_use(store, SURE__SQL_CALLS_RELEASE);
  sure__sqlite_bind_int(store, statement, 1, session->handle);
  sure__sqlite_bind_int(store, statement, 2, (int64_t)span.first);
  sure__sqlite_bind_int(store, statement, 3, (int64_t)span.last);
  if (!sure__sqlite_run(store, statement)) {
    return false;
  }
  session->row_count -= (uint64_t)sqlite3_changes64(store->database);
  if (SURE__MUTANT(KEY_FREED_BY_WATERMARK)) {
    (void)sqlite3_exec(store->database, "DELETE FROM sure_keys", NULL, NULL, NULL);
  }
  return true;
}

/* Deletes the rows in the parts of a run that were not acknowledged before. */
static bool release_run(struct sure__sqlite *store, struct sure__sqlite_session *session,
                        uint64_t first, uint64_t last) {
  struct sure_range gap;
  while (sure__ranges_next_gap(&session->acked, &first, last, &gap)) {
    if (!release(store, session, gap)) {
      return false;
    }
  }
  return true;
}

bool sure__sqlite_ack(struct sure__sqlite *store, struct sure_store_op *op) {
  struct sure__sqlite_session *session;
  if (!sure__sqlite_session(store, op, &session)) {
    return false;
  }
  if (session == NULL) {
    op->verdict = SURE_STORE_LOST;
    return true;
  }
  if (sure__ranges_plan(&session->acked, op->watermark, op->ranges, op->range_count) != SURE_OK) {
    op->verdict = SURE_STORE_FULL;
    return true;
  }
  if (op->watermark > 0 && !release_run(store, session, 0, op->watermark - 1)) {
    return false;
  }
  for (size_t i = 0; i < op->range_count; i++) {
    if (!release_run(store, session, op->ranges[i].first, op->ranges[i].last)) {
      return false;
    }
  }
  sure__ranges_apply(&session->acked);
  session->dirty = true;
  op->verdict = SURE_STORE_DONE;
  return true;
}

bool sure__sqlite_close_session(struct sure__sqlite *store, struct sure_store_op *op) {
  struct sure__sqlite_session *session;
  if (!sure__sqlite_session(store, op, &session)) {
    return false;
  }
  op->verdict = session == NULL ? SURE_STORE_LOST : SURE_STORE_DONE;
  if (session == NULL) {
    return true;
  }
  if (session->row_count == 0) {
    return sure__sqlite_session_delete(store, session);
  }
  if (!session->fenced) {
    session->fenced = true;
    stamp(session, op->now_ms);
  }
  return true;
}

bool sure__sqlite_renew(struct sure__sqlite *store, struct sure_store_op *op) {
  struct sure__sqlite_session *session;
  if (!sure__sqlite_session(store, op, &session)) {
    return false;
  }
  if (session != NULL && !session->fenced) {
    stamp(session, op->now_ms);
  }
  op->verdict = session == NULL ? SURE_STORE_LOST : SURE_STORE_DONE;
  return true;
}

/* Stamps of a clock that has gone back since (another boot) count from now on, or a session would
 * stay for ever. */
static bool turn_back(struct sure__sqlite *store, int64_t now_ms) {
  for (int fenced = 0; fenced <= 1; fenced++) {
    sqlite3_stmt *statement = sure__sqlite_use(store, SURE__SQL_SESSIONS_TURN_BACK);
    sure__sqlite_bind_int(store, statement, 1, now_ms);
    sure__sqlite_bind_int(store, statement, 2, fenced);
    if (!sure__sqlite_run(store, statement)) {
      return false;
    }
  }
  return true;
}

static bool forget_past(struct sure__sqlite *store, struct sure_store_op *op) {
  sqlite3_stmt *past = sure__sqlite_use(store, SURE__SQL_SESSION_PAST);
  int64_t deleted_max = sqlite3_total_changes64(store->database) + SWEEP_ROWS_MAX;
  bool row = true;
  while (op->swept_count < SWEEP_SESSIONS_MAX &&
         sqlite3_total_changes64(store->database) < deleted_max) {
    sure__sqlite_bind_int(store, past, 1, op->now_ms - op->retention_ms);
    if (!sure__sqlite_step(store, past, &row)) {
      return false;
    }
    if (!row) {
      return true;
    }
    int64_t handle = sqlite3_column_int64(past, 0);
    sqlite3_reset(past);
    if (!sure__sqlite_session_forget(store, handle)) {
      return false;
    }
    op->swept_count++;
  }
  return true;
}

static bool fence_expired(struct sure__sqlite *store, struct sure_store_op *op) {
  sqlite3_stmt *fence = sure__sqlite_use(store, SURE__SQL_SESSIONS_FENCE);
  sure__sqlite_bind_int(store, fence, 1, op->now_ms);
  sure__sqlite_bind_int(store, fence, 2, op->now_ms - op->lease_ms);
  sure__sqlite_bind_int(store, fence, 3, SWEEP_SESSIONS_MAX);
  if (!sure__sqlite_run(store, fence)) {
    return false;
  }
  op->swept_count += (uint64_t)sqlite3_changes64(store->database);
  return true;
}

static bool expire_keys(struct sure__sqlite *store) {
  if (store->options.key_retention_ms == 0) {
    return true;
  }
  sqlite3_stmt *expire = sure__sqlite_use(store, SURE__SQL_KEYS_EXPIRE);
  sure__sqlite_bind_int(store, expire, 1, sure__sqlite_now_ms() - store->options.key_retention_ms);
  sure__sqlite_bind_int(store, expire, 2, SWEEP_ROWS_MAX);
  return sure__sqlite_run(store, expire);
}

bool sure__sqlite_sweep(struct sure__sqlite *store, struct sure_store_op *op) {
  if (!sure__sqlite_sessions_flush(store)) {
    return false;
  }
  sure__sqlite_sessions_drop(store); /* what follows changes rows behind its back */
  op->swept_count = 0;
  op->verdict = SURE_STORE_DONE;
  return turn_back(store, op->now_ms) && forget_past(store, op) && fence_expired(store, op) &&
         expire_keys(store);
}
