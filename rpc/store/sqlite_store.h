/* The SQLite store, as its files share it.
 *
 *     sqlite_open       checks, makes and opens a database; connections
 *     sqlite_schema     the tables
 *     sqlite_statement  prepared statements, binding, stepping
 *     sqlite_session    rows of sure_sessions as a batch sees them
 *     sqlite_lease      ops on sessions: ATTACH, ACK, CLOSE, RENEW, SWEEP
 *     sqlite_row        rows of calls and keys
 *     sqlite_guard      what handlers may not do (S21)
 *     sqlite_run        ops that run a call: CALL, INTENT, COMPLETE
 *     sqlite_progress   CLAIM, ADVANCE, CONCLUDE: calls that commit as they go
 *     sqlite_settle     SETTLE
 *     sqlite_owner      who owns an intent, and whether he is alive (S15)
 *     sqlite_doubt      DOUBTS and RESOLVE, for intents whose owner is not
 *     sqlite_batch      submit: transactions, commit errors, recovery (S20)
 *     sqlite_read       snapshots for reading
 *     sqlite_copy       dated copies of the database
 *     sqlite_replica    a store on such a copy, which can only be read
 *     sqlite_error      SQLite's errors, for programs and for people
 *
 * One writer connection, used by the thread that submits. A function on it that returns bool says
 * false when the transaction must be given up; the reason is in `error`. */
#ifndef SURE_STORE_SQLITE_STORE_H
#define SURE_STORE_SQLITE_STORE_H

#include <pthread.h>
#include <sure/sqlite.h>

#include "rpc/core/index.h"
#include "rpc/core/list.h"
#include "rpc/core/ranges.h"
#include "rpc/store/decide.h"

enum sure__sqlite_statement {
#define SURE__STATEMENT_ENUM(name, sql) SURE__SQL_##name,
#include "rpc/store/sqlite_statements.h"
#undef SURE__STATEMENT_ENUM
  SURE__SQL_COUNT
};

/* How much the authorizer of a connection lets through. */
enum sure__sqlite_guard {
  SURE__GUARD_OFF,     /* our own statements */
  SURE__GUARD_SCHEMA,  /* the application's schema function */
  SURE__GUARD_HANDLER, /* handlers and readers */
};

/* A session as a batch sees it: read once, since the write lock is held, and written back once. */
struct sure__sqlite_session {
  struct sure__index_link by_id;
  struct sure__list link;
  struct sure_session_id id;
  int64_t handle;
  bool fenced;
  bool dirty;
  int64_t stamp_ms; /* when it was renewed last, or fenced */
  struct sure__ranges acked;
  uint64_t row_count;
  uint64_t intent_count;
  struct sure_bytes principal; /* in the same block */
};

/* Where to say why a store can't be opened. */
struct sure__sqlite_reason {
  char *text; /* NULL: nowhere */
  size_t len;
};

struct sure__sqlite_reader {
  struct sure__sqlite_reader *next;
  sqlite3 *database;
  uint64_t generation;
  enum sure__sqlite_guard guard;
};

/* Opens a connection: SQLITE_OK, or an error code and a connection that may only be asked for its
 * message and closed. */
typedef int sure__sqlite_connect_fn(const void *user, sqlite3 **out_database);

struct sure__sqlite_readers {
  sure__sqlite_connect_fn *connect;
  const void *user;
  pthread_mutex_t lock;
  uint64_t generation; /* of those that may be kept */
  struct sure__sqlite_reader *idle;
  size_t idle_count;
};

/* The first and the last of the store's own statements in SQLite's list of a connection's
 * statements, where no others lie between them; NULL: there is nothing to pass over. */
struct sure__sqlite_own {
  sqlite3_stmt *first;
  sqlite3_stmt *last;
};

struct sure__sqlite {
  struct sure_store base;
  struct sure_sqlite_store_options options; /* with copies of its strings */
  char *path;
  char *vfs;
  sqlite3 *database; /* the writer */
  sqlite3_stmt *statements[SURE__SQL_COUNT];
  struct sure__sqlite_own own;
  enum sure__sqlite_guard guard;
  struct sure__index sessions; /* of this batch, by id */
  struct sure__list session_list;
  int64_t epoch;         /* names this process among the owners of intents */
  int owners_fd;         /* holds its lock; -1: not open */
  int64_t batch;         /* the number of the transaction, in sure_owners */
  uint64_t clock;        /* the highest stamp, in this transaction */
  uint64_t clock_before; /* the same as it found it */
  int error;             /* SQLite's code that voids the transaction, or SQLITE_OK */
  bool handler_left;     /* a handler has ended the transaction */
  bool ran;              /* a handler ran in this transaction */
  bool is_opening;       /* it may wait longer for other processes */
  bool broken;           /* nothing is known any more: every op fails */
  struct sure__sqlite_readers readers;
};

/* sqlite_error */
/* Says in one line for a person why `path` can't be opened; returns `code`. */
enum sure_code sure__sqlite_say(struct sure__sqlite_reason reason, const char *path,
                                const char *what, enum sure_code code);
/* The same, of what SQLite has to say. `database` may be NULL. */
enum sure_code sure__sqlite_say_error(struct sure__sqlite_reason reason, const char *path,
                                      sqlite3 *database, int sqlite_code);

/* sqlite_open */
/* A connection with the pragmas of all; `user` is the store. */
int sure__sqlite_connect(const void *user, sqlite3 **out_database);
/* The highest stamp of a snapshot: sure_store_ops.clock. */
uint64_t sure__sqlite_read_clock(const struct sure_store *base, void *transaction);
/* The path as a URI that opens the file without locks and without touching anything. NULL when
 * memory is short; sure__free. */
char *sure__sqlite_immutable_uri(const char *path);
/* The writer's, with its authorizer and its checkpoints. */
int sure__sqlite_connect_writer(struct sure__sqlite *store);
void sure__sqlite_log(const struct sure__sqlite *store, enum sure_log_level level, const char *what,
                      int code);

/* sqlite_schema */
#define SURE__SQLITE_APPLICATION_ID 0x53757265 /* "Sure" */
/* What a copy for replicas has instead, so that no server takes it for the store itself, which has
 * records that are not in it. */
#define SURE__SQLITE_COPY_APPLICATION_ID 0x53757263 /* "Surc" */
#define SURE__SQLITE_SCHEMA_VERSION      5
/* Inside a transaction: makes the tables if the database is empty. Refuses another program's
 * database or a newer schema with a static `*out_message`. */
enum sure_code sure__sqlite_schema_ensure(sqlite3 *database, bool *out_is_new,
                                          const char **out_message);
/* Whether what is visible of the database is of another program or newer; `*out_message` then says
 * so. Anything that can't be read passes. */
bool sure__sqlite_schema_refuses(sqlite3 *database, const char **out_message);
/* False when there is none. */
bool sure__sqlite_read_store_id(sqlite3 *database, struct sure_store_id *out_id);
/* One integer of one row; `otherwise` when there is none or on an error. */
int64_t sure__sqlite_ask(sqlite3 *database, const char *sql, int64_t otherwise);

/* sqlite_statement */
int sure__sqlite_prepare(struct sure__sqlite *store);
void sure__sqlite_finalize(struct sure__sqlite *store);
/* Closes a connection (NULL: none) and finalizes what is prepared on it: handlers may keep
 * statements for their next run, and one that is left would keep the file open for ever. */
void sure__sqlite_disconnect(sqlite3 *database);
sqlite3_stmt *sure__sqlite_use(struct sure__sqlite *store, enum sure__sqlite_statement which);
void sure__sqlite_bind_int(struct sure__sqlite *store, sqlite3_stmt *statement, int index,
                           int64_t value);
/* Borrows the bytes until the statement has run. */
void sure__sqlite_bind_bytes(struct sure__sqlite *store, sqlite3_stmt *statement, int index,
                             struct sure_bytes bytes);
/* Sets `*out_row`. After a row, read it and reset the statement. */
bool sure__sqlite_step(struct sure__sqlite *store, sqlite3_stmt *statement, bool *out_row);
/* Runs a statement that returns no rows. */
bool sure__sqlite_run(struct sure__sqlite *store, sqlite3_stmt *statement);
bool sure__sqlite_run_plain(struct sure__sqlite *store, enum sure__sqlite_statement which);
struct sure_bytes sure__sqlite_column_bytes(sqlite3_stmt *statement, int column);

/* sqlite_session */
void sure__sqlite_sessions_init(struct sure__sqlite *store);
/* The session that `op` names; NULL if there is none of that principal. */
bool sure__sqlite_session(struct sure__sqlite *store, const struct sure_store_op *op,
                          struct sure__sqlite_session **out_session);
/* Deletes a session with its rows from the database. */
bool sure__sqlite_session_forget(struct sure__sqlite *store, int64_t handle);
/* And from the batch. */
bool sure__sqlite_session_delete(struct sure__sqlite *store, struct sure__sqlite_session *session);
/* The number of sessions is kept in sure_meta: counting a million rows takes too long. */
bool sure__sqlite_session_count_add(struct sure__sqlite *store, int change);
/* Writes back what changed. */
bool sure__sqlite_sessions_flush(struct sure__sqlite *store);
/* Forgets what was read. */
void sure__sqlite_sessions_drop(struct sure__sqlite *store);

/* sqlite_lease */
bool sure__sqlite_attach(struct sure__sqlite *store, struct sure_store_op *op);
bool sure__sqlite_ack(struct sure__sqlite *store, struct sure_store_op *op);
bool sure__sqlite_close_session(struct sure__sqlite *store, struct sure_store_op *op);
bool sure__sqlite_renew(struct sure__sqlite *store, struct sure_store_op *op);
bool sure__sqlite_sweep(struct sure__sqlite *store, struct sure_store_op *op);

/* sqlite_row */
/* The clock that keys are kept by (S13): the system's. */
int64_t sure__sqlite_now_ms(void);
/* What the row says (sure__found_verdict); a record is copied into the op. `fingerprint` may be
 * NULL. */
bool sure__sqlite_find_call(struct sure__sqlite *store, struct sure_store_op *op,
                            const struct sure__sqlite_session *session,
                            const struct sure_fingerprint *fingerprint,
                            enum sure_store_verdict *out_verdict);
bool sure__sqlite_find_key(struct sure__sqlite *store, struct sure_store_op *op,
                           const struct sure_fingerprint *fingerprint,
                           enum sure_store_verdict *out_verdict);
/* Binds the three columns that name a key, from `index` on. */
void sure__sqlite_bind_key(struct sure__sqlite *store, sqlite3_stmt *statement, int index,
                           const struct sure_store_op *op);
/* Writes op->record, or an intent or tombstone without one. */
bool sure__sqlite_insert_call(struct sure__sqlite *store, const struct sure_store_op *op,
                              struct sure__sqlite_session *session, enum sure__row_state state);
bool sure__sqlite_insert_key(struct sure__sqlite *store, const struct sure_store_op *op,
                             enum sure__row_state state);
/* An intent of this process becomes op->record, or goes. `*out_found`: there was one. */
bool sure__sqlite_complete_call(struct sure__sqlite *store, const struct sure_store_op *op,
                                struct sure__sqlite_session *session, bool keep, bool *out_found);
bool sure__sqlite_complete_key(struct sure__sqlite *store, const struct sure_store_op *op,
                               bool keep, bool *out_found);
/* The intents of a call, its row's and its key's, go from one owner to another. */
bool sure__sqlite_hand_over(struct sure__sqlite *store, const struct sure_store_op *op,
                            const struct sure__sqlite_session *session, int64_t from, int64_t to);

/* sqlite_guard */
enum sure__sqlite_state {
  SURE__SQLITE_INTACT,
  SURE__SQLITE_SPOILT, /* something is left over; a rollback to the savepoint cleans it up */
  SURE__SQLITE_LEFT,   /* the transaction is over */
};
/* Lets the connection's authorizer and commit hook read `guard` from now on. */
int sure__sqlite_guard_install(sqlite3 *database, enum sure__sqlite_guard *guard);
/* What a handler made of the transaction. Resets statements that it left busy. It runs for each
 * call, and so passes over the store's `own` statements, which are never busy here; NULL: there are
 * none on this connection. */
enum sure__sqlite_state sure__sqlite_inspect(sqlite3 *database, const struct sure__sqlite_own *own);

/* sqlite_run */
bool sure__sqlite_call(struct sure__sqlite *store, struct sure_store_op *op);
bool sure__sqlite_intent(struct sure__sqlite *store, struct sure_store_op *op);
bool sure__sqlite_complete(struct sure__sqlite *store, struct sure_store_op *op);
/* By its number alone: sets the verdict that ends the op, or PENDING when it may run. */
bool sure__sqlite_admit(struct sure__sqlite *store, struct sure_store_op *op,
                        struct sure__sqlite_session **out_session);
/* Runs op->run, in a savepoint. False: the transaction is over, or our own statement failed.
 * `*out_keep`: a status that is not OK is to be recorded. `*out_spoilt`: only a rollback to the
 * savepoint mends what it did. */
bool sure__sqlite_run_handler(struct sure__sqlite *store, struct sure_store_op *op, bool *out_keep,
                              bool *out_spoilt);

/* sqlite_progress */
bool sure__sqlite_claim(struct sure__sqlite *store, struct sure_store_op *op);
bool sure__sqlite_advance(struct sure__sqlite *store, struct sure_store_op *op);
bool sure__sqlite_conclude(struct sure__sqlite *store, struct sure_store_op *op);

/* sqlite_settle */
bool sure__sqlite_settle(struct sure__sqlite *store, struct sure_store_op *op);

/* sqlite_owner */
/* The owner of intents that are in doubt though their process lives. */
#define SURE__SQLITE_NOBODY 0
/* From now on, until the store is closed or its process ends, the owner store->epoch lives. */
enum sure_code sure__sqlite_owner_open(struct sure__sqlite *store,
                                       struct sure__sqlite_reason reason);
void sure__sqlite_owner_close(struct sure__sqlite *store);
/* Where that can't be found out, he does. */
bool sure__sqlite_owner_lives(const struct sure__sqlite *store, int64_t epoch);

/* sqlite_doubt */
bool sure__sqlite_doubts(struct sure__sqlite *store, struct sure_store_op *op);
bool sure__sqlite_resolve(struct sure__sqlite *store, struct sure_store_op *op);

/* sqlite_batch */
void sure__sqlite_checkpoint_install(struct sure__sqlite *store);
void sure__sqlite_submit(struct sure_store *base, struct sure_store_op *const *ops, size_t count,
                         sure_store_done_fn *done, void *user);

/* sqlite_read */
void sure__sqlite_readers_init(struct sure__sqlite_readers *readers,
                               sure__sqlite_connect_fn *connect, const void *user);
/* None is in use. */
void sure__sqlite_readers_fini(struct sure__sqlite_readers *readers);
/* SURE_UNAVAILABLE: none can be had, `fn` did not run. */
enum sure_code sure__sqlite_readers_run(struct sure__sqlite_readers *readers,
                                        sure_store_read_fn *fn, void *user);
/* There is another file now: those that are open are used no more. */
void sure__sqlite_readers_renew(struct sure__sqlite_readers *readers);

extern const struct sure_store_ops sure__sqlite_ops;
extern const struct sure_store_ops sure__sqlite_replica_ops;

#endif
