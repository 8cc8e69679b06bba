/* The embedded, durable store: SQLite in one file, which also holds the application's own tables,
 * so that effect and completion record commit together. Link with sure-sqlite. */
#ifndef SURE_SQLITE_H
#define SURE_SQLITE_H

#include <sqlite3.h>
#include <sure/call.h>
#include <sure/log.h>
#include <sure/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Creates or upgrades the application's tables, inside a transaction that is rolled back unless
 * this returns SURE_OK. It may not end that transaction nor touch tables named sure_*; PRAGMA
 * user_version is its own to use. Foreign keys are enforced. `is_new` tells that the file was made
 * just now. On another code it may set
 * `*out_message` to a static text. */
typedef enum sure_code sure_sqlite_schema_fn(void *user, sqlite3 *database, bool is_new,
                                             const char **out_message);

/* Zero in any field means the default that is named beside it. */
struct sure_sqlite_store_options {
  const char *path; /* must be given; made if it is not there */
  struct sure_logger logger;
  sure_sqlite_schema_fn *schema; /* NULL: the application has no tables here */
  void *schema_user;
  uint32_t busy_timeout_ms;     /* how long another process may hold the file: 1000; ten times that
                                   while the store is opened */
  uint64_t sessions_max;        /* 1 000 000 */
  uint64_t session_records_max; /* unacknowledged records a session: 16 384 */
  int64_t key_retention_ms;     /* 0: for ever (S13) */
  const char *vfs;              /* NULL: SQLite's default; for tests */
};

/* Open the store at `options->path`: WAL, synchronous=FULL, schema made or checked. On SURE_OK the
 * caller owns `*out_store` (sure_store_free). Several processes may have the same file open. On an
 * error nothing was changed and `error_text` (which may be NULL) holds one line for a person, cut
 * to `error_len` bytes.
 *
 * SURE_INVALID_ARGUMENT: no path.
 * SURE_PERMISSION_DENIED, SURE_NOT_FOUND: the file can't be opened.
 * SURE_FAILED_PRECONDITION: it is a database of another program, or of a newer schema, or the
 * schema function said so.
 * SURE_DATA_LOSS: it is no database, or damaged.
 * SURE_UNAVAILABLE: another process holds it.
 * SURE_RESOURCE_EXHAUSTED: memory or disk. */
SURE_API enum sure_code sure_sqlite_store_open(const struct sure_sqlite_store_options *options,
                                               struct sure_store **out_store, char *error_text,
                                               size_t error_len);

/* Copy the store at `from`, which servers may have open, to `to`, for replicas: one snapshot of the
 * application's tables and its date, without sessions and records. What was at `to` is replaced at
 * once when the copy is whole and synced; "`to`.draft" is used meanwhile. `out_as_of_ms` (may be
 * NULL) is the date: all that was committed by then is in the copy. Blocks in proportion to the
 * size. Errors as for sure_sqlite_store_open. */
SURE_API enum sure_code sure_sqlite_copy(const char *from, const char *to, int64_t *out_as_of_ms,
                                         char *error_text, size_t error_len);

/* Open a copy as a store for a server that is a replica: it serves methods with NO_SIDE_EFFECTS,
 * clients send it those that are STALE_OK when the original can't be reached, and the replies say
 * from when they are (sure_status_as_of_ms). When another copy of the same store is put at `path`,
 * reads see that one from then on. Owns and says as sure_sqlite_store_open.
 * SURE_FAILED_PRECONDITION: it was not made by sure_sqlite_copy. */
SURE_API enum sure_code sure_sqlite_replica_open(const char *path, struct sure_store **out_store,
                                                 char *error_text, size_t error_len);

/* The open transaction of the call that a TX handler serves, or the snapshot of one with
 * NO_SIDE_EFFECTS (read only). NULL outside of one, or when the server's store is not SQLite. The
 * handler may prepare and step statements and must finalize or reset them before it returns. Those
 * that it only resets it finds again on the same handle (sqlite3_next_stmt); the store finalizes
 * them when it closes the handle. BEGIN, COMMIT, ROLLBACK, SAVEPOINT, ATTACH and PRAGMA are denied
 * (S21). */
SURE_API sqlite3 *sure_call_sqlite(const struct sure_call *call);

#ifdef __cplusplus
}
#endif

#endif
