/* Dated copies of the database, for replicas. A copy is made beside its place and moved there when
 * it is whole; replicas that have the one before open go on with that until they look again. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rpc/store/sqlite_store.h"

enum { BUSY_TIMEOUT_MS = 5000 };

struct copy {
  const char *from;
  const char *to;
  char *draft; /* where it is made */
  sqlite3 *source;
  sqlite3 *target;
  struct sure__sqlite_reason reason;
};

static enum sure_code say_errno(const struct copy *copy, const char *path) {
  bool is_full = errno == ENOSPC || errno == EDQUOT;
  return sure__sqlite_say(copy->reason, path, strerror(errno),
                          is_full ? SURE_RESOURCE_EXHAUSTED : SURE_PERMISSION_DENIED);
}

static enum sure_code open_source(struct copy *copy) {
  int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  int code = sqlite3_open_v2(copy->from, &copy->source, flags, NULL);
  if (code != SQLITE_OK) {
    return sure__sqlite_say_error(copy->reason, copy->from, copy->source, code);
  }
  sqlite3_busy_timeout(copy->source, BUSY_TIMEOUT_MS);
  code = sqlite3_exec(copy->source, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
  if (code != SQLITE_OK) {
    return sure__sqlite_say_error(copy->reason, copy->from, copy->source, code);
  }
  const char *message = "it is a database of another program";
  if (sure__sqlite_schema_refuses(copy->source, &message) ||
      sure__sqlite_ask(copy->source, "PRAGMA application_id", 0) != SURE__SQLITE_APPLICATION_ID) {
    return sure__sqlite_say(copy->reason, copy->from, message, SURE_FAILED_PRECONDITION);
  }
  return SURE_OK;
}

static enum sure_code open_target(struct copy *copy) {
  (void)unlink(copy->draft); /* of one that was not finished */
  int flags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  int code = sqlite3_open_v2(copy->draft, &copy->target, flags, NULL);
  return code == SQLITE_OK ? SURE_OK
                           : sure__sqlite_say_error(copy->reason, copy->draft, copy->target, code);
}

/* All of it in one step, which is one snapshot. */
static enum sure_code copy_pages(struct copy *copy) {
  sqlite3_backup *backup = sqlite3_backup_init(copy->target, "main", copy->source, "main");
  if (backup != NULL) {
    (void)sqlite3_backup_step(backup, -1);
    (void)sqlite3_backup_finish(backup);
  }
  int code = sqlite3_errcode(copy->target);
  return code == SQLITE_OK ? SURE_OK
                           : sure__sqlite_say_error(copy->reason, copy->from, copy->target, code);
}

/* Sessions and records stay out: their ids are secrets, and nobody may serve calls from here. */
static enum sure_code sign(struct copy *copy, int64_t as_of_ms) {
  char *sql = sqlite3_mprintf("PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL;"
                              "PRAGMA secure_delete = ON; BEGIN;"
                              "DELETE FROM sure_calls; DELETE FROM sure_keys;"
                              "DELETE FROM sure_sessions; DELETE FROM sure_owners;"
                              "INSERT INTO sure_meta VALUES ('as_of_ms', %lld);"
                              "PRAGMA application_id = %d; COMMIT",
                              (long long)as_of_ms, SURE__SQLITE_COPY_APPLICATION_ID);
  int code = sql == NULL ? SQLITE_NOMEM : sqlite3_exec(copy->target, sql, NULL, NULL, NULL);
  sqlite3_free(sql);
  return code == SQLITE_OK ? SURE_OK
                           : sure__sqlite_say_error(copy->reason, copy->draft, copy->target, code);
}

static bool sync_directory_of(const char *path) {
  const char *slash = strrchr(path, '/');
  char *directory = slash == NULL   ? sqlite3_mprintf(".")
                    : slash == path ? sqlite3_mprintf("/")
                                    : sqlite3_mprintf("%.*s", (int)(slash - path), path);
  int file = directory == NULL ? -1 : open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool is_synced = file >= 0 && fsync(file) == 0;
  if (file >= 0) {
    close(file);
  }
  sqlite3_free(directory);
  return is_synced;
}

static enum sure_code publish(struct copy *copy) {
  int code = sqlite3_close(copy->target); /* SQLite has synced it with its last commit */
  copy->target = NULL;
  if (code != SQLITE_OK) {
    return sure__sqlite_say_error(copy->reason, copy->draft, NULL, code);
  }
  if (rename(copy->draft, copy->to) != 0 || !sync_directory_of(copy->to)) {
    return say_errno(copy, copy->to);
  }
  return SURE_OK;
}

static enum sure_code make(struct copy *copy, int64_t *out_as_of_ms) {
  enum sure_code code = open_source(copy);
  code = code != SURE_OK ? code : open_target(copy);
  *out_as_of_ms = sure__sqlite_now_ms(); /* all that is committed by now will be in it */
  code = code != SURE_OK ? code : copy_pages(copy);
  code = code != SURE_OK ? code : sign(copy, *out_as_of_ms);
  return code != SURE_OK ? code : publish(copy);
}

enum sure_code sure_sqlite_copy(const char *from, const char *to, int64_t *out_as_of_ms,
                                char *error_text, size_t error_len) {
  struct copy copy = {.from = from,
                      .to = to,
                      .draft = sqlite3_mprintf("%s.draft", to),
                      .reason = {.text = error_text, .len = error_len}};
  int64_t as_of_ms = 0;
  if (copy.draft == NULL) {
    return sure__sqlite_say(copy.reason, to, "memory is short", SURE_RESOURCE_EXHAUSTED);
  }
  enum sure_code code = make(&copy, &as_of_ms);
  sqlite3_close(copy.source);
  sqlite3_close(copy.target);
  if (code != SURE_OK) {
    (void)unlink(copy.draft);
  } else if (out_as_of_ms != NULL) {
    *out_as_of_ms = as_of_ms;
  }
  sqlite3_free(copy.draft);
  return code;
}
