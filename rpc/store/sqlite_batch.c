/* Submit: a batch is one transaction, and nobody is answered before it is known to be committed.
 *
 *     attempt ---> COMMITTED  the verdicts hold
 *             ---> HELD       another process has the file: BUSY for all, nothing happened
 *             ---> VOID       rolled back: an op failed, or took the transaction with it (S21)
 *             ---> UNDONE     COMMIT failed, and recovery found that it had not happened: try again
 *             ---> BROKEN     nothing is known: FAILED for all, now and later
 *
 * After VOID and UNDONE each op runs in a transaction of its own, so that only the culprit fails.
 *
 * A COMMIT error is not a rollback (S20). What happened is read from the database: each transaction
 * that matters writes its number into the row of sure_owners that belongs to this process, and is
 * atomic: the number is there if and only if everything is. Recovery reopens the database, reads
 * the number, and commits one more transaction before it believes that it is not there: a commit
 * record that a failed write has left behind in the log is overwritten by it and can't come to life
 * later.
 */
#include "rpc/core/assert.h"
#include "rpc/core/mutant.h"
#include "rpc/store/sqlite_store.h"

/* How often an op alone is tried whose COMMIT fails and is found undone. */
#define ATTEMPTS_MAX 3
/* Pages in the log from which on a commit folds it into the file: SQLite's own default. */
#define CHECKPOINT_FRAMES 1000

enum outcome { COMMITTED, HELD, VOID, UNDONE, BROKEN };

static bool decide(struct sure__sqlite *store, struct sure_store_op *op) {
  switch (op->kind) {
  case SURE_STORE_ATTACH:
    return sure__sqlite_attach(store, op);
  case SURE_STORE_CALL:
    return sure__sqlite_call(store, op);
  case SURE_STORE_INTENT:
    return sure__sqlite_intent(store, op);
  case SURE_STORE_COMPLETE:
    return sure__sqlite_complete(store, op);
  case SURE_STORE_ACK:
    return sure__sqlite_ack(store, op);
  case SURE_STORE_SETTLE:
    return sure__sqlite_settle(store, op);
  case SURE_STORE_CLOSE:
    return sure__sqlite_close_session(store, op);
  case SURE_STORE_RENEW:
    return sure__sqlite_renew(store, op);
  case SURE_STORE_SWEEP:
    return sure__sqlite_sweep(store, op);
  case SURE_STORE_DOUBTS:
    return sure__sqlite_doubts(store, op);
  case SURE_STORE_RESOLVE:
    return sure__sqlite_resolve(store, op);
  case SURE_STORE_CLAIM:
    return sure__sqlite_claim(store, op);
  case SURE_STORE_ADVANCE:
    return sure__sqlite_advance(store, op);
  case SURE_STORE_CONCLUDE:
    return sure__sqlite_conclude(store, op);
  }
  sure__assert(false && "an op of a kind that the contract does not have");
  return false;
}

static void answer(struct sure_store_op *const *ops, size_t count,
                   enum sure_store_verdict verdict) {
  for (size_t i = 0; i < count; i++) {
    ops[i]->verdict = verdict;
  }
}

static int primary(int code) {
  return code & 0xff;
}

/* PROTOCOL is a lost race for the log's locks. */
static bool is_held(int code) {
  return primary(code) == SQLITE_BUSY || primary(code) == SQLITE_PROTOCOL;
}

/* After these, what is on the disk is unknown, whatever is read back (S20). */
static bool is_beyond_repair(int code) {
  return code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC ||
         primary(code) == SQLITE_CORRUPT || primary(code) == SQLITE_NOTADB;
}

/* Folds the log into the file. SQLite's own way to do so forgets an fsync that failed, and tries
 * again with pages that the system may have dropped meanwhile. The commit stands in any case. */
static int checkpoint(void *user, sqlite3 *database, const char *name, int frame_count) {
  struct sure__sqlite *store = user;
  if (frame_count >= CHECKPOINT_FRAMES) {
    int code = sqlite3_wal_checkpoint_v2(database, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (is_beyond_repair(code)) {
      sure__sqlite_log(store, SURE_LOG_ERROR, "the log can't be folded into the file", code);
      store->broken = true;
    }
  }
  return SQLITE_OK;
}

void sure__sqlite_checkpoint_install(struct sure__sqlite *store) {
  (void)sqlite3_wal_hook(store->database, checkpoint, store);
}

static void roll_back(struct sure__sqlite *store) {
  sure__sqlite_sessions_drop(store);
  int error = store->error;
  store->error = SQLITE_OK;
  if (!sqlite3_get_autocommit(store->database)) {
    sure__sqlite_run_plain(store, SURE__SQL_ROLLBACK);
  }
  store->error = error;
}

static bool mark(struct sure__sqlite *store) {
  sqlite3_stmt *statement = sure__sqlite_use(store, SURE__SQL_BATCH_MARK);
  sure__sqlite_bind_int(store, statement, 1, store->epoch);
  sure__sqlite_bind_int(store, statement, 2, store->batch);
  return sure__sqlite_run(store, statement) && sqlite3_changes64(store->database) == 1;
}

/* The highest stamp that anybody has committed; of the transaction from here on. */
static bool read_clock(struct sure__sqlite *store) {
  bool row;
  sqlite3_stmt *statement = sure__sqlite_use(store, SURE__SQL_CLOCK_READ);
  if (!sure__sqlite_step(store, statement, &row)) {
    return false;
  }
  store->clock = row ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
  store->clock_before = store->clock;
  sqlite3_reset(statement);
  return true;
}

static bool write_clock(struct sure__sqlite *store) {
  if (store->clock == store->clock_before || SURE__MUTANT(CLOCK_NOT_DURABLE)) {
    return true;
  }
  sqlite3_stmt *statement = sure__sqlite_use(store, SURE__SQL_CLOCK_WRITE);
  sure__sqlite_bind_int(store, statement, 1, (int64_t)store->clock);
  return sure__sqlite_run(store, statement);
}

/* A run raises it, in a transaction or outside; other ops only hear of it. */
static bool decide_in_time(struct sure__sqlite *store, struct sure_store_op *op) {
  if (op->kind != SURE_STORE_COMPLETE && op->kind != SURE_STORE_CONCLUDE) {
    op->clock = store->clock;
  }
  bool ok = decide(store, op);
  store->clock = op->clock > store->clock ? op->clock : store->clock;
  return ok;
}

static bool reconnect(struct sure__sqlite *store) {
  sure__sqlite_finalize(store);
  sure__sqlite_disconnect(store->database);
  return sure__sqlite_connect_writer(store) == SQLITE_OK &&
         sure__sqlite_prepare(store) == SQLITE_OK;
}

/* Reads the number of the last transaction of this process, in a transaction that writes the next.
 */
static bool read_mark(struct sure__sqlite *store, int64_t *out_batch) {
  bool row;
  sqlite3_stmt *statement = sure__sqlite_use(store, SURE__SQL_BATCH_READ);
  sure__sqlite_bind_int(store, statement, 1, store->epoch);
  if (!sure__sqlite_run_plain(store, SURE__SQL_BEGIN) ||
      !sure__sqlite_step(store, statement, &row) || !row) {
    return false;
  }
  *out_batch = sqlite3_column_int64(statement, 0);
  sqlite3_reset(statement);
  store->batch++;
  return mark(store) && sure__sqlite_run_plain(store, SURE__SQL_COMMIT);
}

static enum outcome recover(struct sure__sqlite *store) {
  sure__sqlite_log(store, SURE_LOG_WARNING, "a commit failed: reopening to see what happened",
                   store->error);
  int64_t batch = store->batch;
  int64_t found;
  store->error = SQLITE_OK;
  if (!reconnect(store) || !read_mark(store, &found)) {
    return BROKEN;
  }
  return found == batch ? COMMITTED : UNDONE;
}

static enum outcome commit(struct sure__sqlite *store) {
  if (sure__sqlite_run_plain(store, SURE__SQL_COMMIT)) {
    return COMMITTED;
  }
  roll_back(store);
  switch (SURE__MUTANT(COMMIT_ERROR_IS_NOT_APPLIED) ? SQLITE_BUSY : primary(store->error)) {
  case SQLITE_BUSY:
    return HELD;
  case SQLITE_CONSTRAINT:
  case SQLITE_FULL: /* the frame that carries the commit is written last, and did not fit */
    return VOID;
  default:
    return is_beyond_repair(store->error) ? BROKEN : recover(store);
  }
}

/* The transaction's number is written unless it changes nothing, as when all are replays. */
static bool finish(struct sure__sqlite *store, int64_t changes_before) {
  bool wrote = sqlite3_total_changes64(store->database) != changes_before || store->ran;
  return sure__sqlite_sessions_flush(store) && write_clock(store) && (!wrote || mark(store));
}

/* The inspection of handlers relies on that: it does not look at our own statements. */
static bool is_at_rest(const struct sure__sqlite *store) {
  for (int i = 0; i < SURE__SQL_COUNT; i++) {
    if (sqlite3_stmt_busy(store->statements[i])) {
      return false;
    }
  }
  return true;
}

static enum outcome attempt(struct sure__sqlite *store, struct sure_store_op *const *ops,
                            size_t count) {
  store->error = SQLITE_OK;
  store->handler_left = false;
  store->ran = false;
  store->batch++;
  if (!sure__sqlite_run_plain(store, SURE__SQL_BEGIN)) {
    return is_held(store->error) ? HELD : VOID;
  }
  int64_t changes_before = sqlite3_total_changes64(store->database);
  bool ok = read_clock(store);
  for (size_t i = 0; ok && i < count; i++) {
    ok = decide_in_time(store, ops[i]);
  }
  if (!ok || !finish(store, changes_before)) {
    roll_back(store);
    return VOID;
  }
  sure__assert(is_at_rest(store) && "each of our statements was reset");
  for (size_t i = 0; i < count; i++) {
    ops[i]->clock = store->clock;
  }
  enum outcome outcome = commit(store);
  if (!SURE__MUTANT(SESSION_KEPT_AFTER_COMMIT)) {
    sure__sqlite_sessions_drop(store);
  }
  return SURE__MUTANT(REPLY_BEFORE_COMMIT) ? COMMITTED : outcome;
}

/* Why an op fails whose transaction, with nothing else in it, was rolled back. */
static enum sure_store_verdict blame(const struct sure__sqlite *store,
                                     const struct sure_store_op *op) {
  switch (primary(store->error)) {
  case SQLITE_FULL:
  case SQLITE_NOMEM:
  case SQLITE_TOOBIG:
    return SURE_STORE_FULL;
  case SQLITE_BUSY:
    return SURE_STORE_BUSY;
  case SQLITE_CONSTRAINT: /* of the application's tables, found at COMMIT */
    return op->kind == SURE_STORE_CALL || op->kind == SURE_STORE_ADVANCE ? SURE_STORE_BROKE
                                                                         : SURE_STORE_FAILED;
  default:
    return store->handler_left ? SURE_STORE_BROKE : SURE_STORE_FAILED;
  }
}

static void give_up(struct sure__sqlite *store, struct sure_store_op *const *ops, size_t count) {
  sure__sqlite_log(store, SURE_LOG_ERROR, "the store is broken", store->error);
  store->broken = true;
  answer(ops, count, SURE_STORE_FAILED);
}

static void decide_alone(struct sure__sqlite *store, struct sure_store_op *const *op) {
  enum outcome outcome = UNDONE;
  for (int i = 0; outcome == UNDONE && i < ATTEMPTS_MAX; i++) {
    outcome = store->broken ? BROKEN : attempt(store, op, 1);
  }
  if (outcome == HELD) {
    answer(op, 1, SURE_STORE_BUSY);
  } else if (outcome == VOID) {
    answer(op, 1, blame(store, *op));
  }
  if (outcome == UNDONE || outcome == BROKEN || (*op)->verdict == SURE_STORE_FAILED) {
    give_up(store, op, 1);
  }
}

static void decide_all(struct sure__sqlite *store, struct sure_store_op *const *ops, size_t count) {
  enum outcome outcome = attempt(store, ops, count);
  switch (outcome) {
  case COMMITTED:
    return;
  case HELD:
    answer(ops, count, SURE_STORE_BUSY);
    return;
  case BROKEN:
    give_up(store, ops, count);
    return;
  case VOID:
  case UNDONE:
    for (size_t i = 0; i < count; i++) {
      decide_alone(store, &ops[i]);
    }
    return;
  }
}

void sure__sqlite_submit(struct sure_store *base, struct sure_store_op *const *ops, size_t count,
                         sure_store_done_fn *done, void *user) {
  struct sure__sqlite *store = (struct sure__sqlite *)base;
  if (store->broken) {
    answer(ops, count, SURE_STORE_FAILED);
  } else if (count == 1) {
    decide_alone(store, ops);
  } else {
    decide_all(store, ops, count);
  }
  done(user, ops, count);
}
