#include <string.h>

#include "rpc/core/memory.h"
#include "rpc/core/mutant.h"
#include "rpc/core/wire.h"
#include "rpc/store/sqlite_store.h"

#define RUN_LEN 16 /* a run of acknowledged numbers in the database: first, last; little-endian */

/* Ids are random and drawn by the server, so any part of one is a good hash. */
static uint64_t hash_id(const struct sure_session_id *id) {
  uint64_t hash;
  memcpy(&hash, id->bytes, sizeof hash);
  return hash;
}

static struct sure__sqlite_session *find_read(const struct sure__sqlite *store,
                                              const struct sure_session_id *id) {
  struct sure__index_link *link = sure__index_find(&store->sessions, hash_id(id));
  for (; link != NULL; link = sure__index_next(link)) {
    struct sure__sqlite_session *session =
        sure__container_of(link, struct sure__sqlite_session, by_id);
    if (memcmp(session->id.bytes, id->bytes, sizeof id->bytes) == 0) {
      return session;
    }
  }
  return NULL;
}

static void free_session(struct sure__sqlite_session *session) {
  sure__ranges_fini(&session->acked);
  sure__free(session);
}

/* SQLITE_OK, or why the ranges can't be had. */
static int decode_ranges(struct sure__ranges *acked, uint64_t watermark, struct sure_bytes blob) {
  size_t count = blob.len / RUN_LEN;
  if (blob.len % RUN_LEN != 0 || count > SURE__RANGES_MAX) {
    return SQLITE_CORRUPT;
  }
  struct sure_range *runs = sure__alloc((count + 1) * sizeof *runs);
  if (runs == NULL) {
    return SQLITE_NOMEM;
  }
  for (size_t i = 0; i < count; i++) {
    runs[i].first = sure__get_u64(blob.data + i * RUN_LEN);
    runs[i].last = sure__get_u64(blob.data + i * RUN_LEN + 8);
  }
  enum sure_code code = sure__ranges_union(acked, watermark, runs, count);
  sure__free(runs);
  return code == SURE_OK ? SQLITE_OK : SQLITE_NOMEM;
}

/* Reads a row of SESSION_FIND that belongs to the principal of `op`. */
static struct sure__sqlite_session *decode(struct sure__sqlite *store, sqlite3_stmt *statement,
                                           const struct sure_store_op *op) {
  struct sure__sqlite_session *session = sure__alloc(sizeof *session + op->principal.len);
  if (session == NULL) {
    store->error = SQLITE_NOMEM;
    return NULL;
  }
  *session = (struct sure__sqlite_session){
      .id = op->session,
      .handle = sqlite3_column_int64(statement, 0),
      .fenced = sqlite3_column_int(statement, 2) != 0,
      .stamp_ms = sqlite3_column_int64(statement, 3),
      .row_count = (uint64_t)sqlite3_column_int64(statement, 6),
      .intent_count = (uint64_t)sqlite3_column_int64(statement, 7),
  };
  uint8_t *copy = (uint8_t *)(session + 1);
  if (op->principal.len > 0) {
    memcpy(copy, op->principal.data, op->principal.len);
  }
  session->principal = (struct sure_bytes){.data = copy, .len = op->principal.len};
  sure__ranges_init(&session->acked);
  store->error = decode_ranges(&session->acked, (uint64_t)sqlite3_column_int64(statement, 4),
                               sure__sqlite_column_bytes(statement, 5));
  if (store->error != SQLITE_OK) {
    free_session(session);
    return NULL;
  }
  sure__index_add(&store->sessions, &session->by_id, hash_id(&session->id));
  sure__list_append(&store->session_list, &session->link);
  return session;
}

bool sure__sqlite_session(struct sure__sqlite *store, const struct sure_store_op *op,
                          struct sure__sqlite_session **out_session) {
  struct sure__sqlite_session *session = find_read(store, &op->session);
  if (session != NULL) {
    *out_session = sure__bytes_equal(session->principal, op->principal) ? session : NULL;
    return true;
  }
  *out_session = NULL;
  sqlite3_stmt *statement = sure__sqlite_use(store, SURE__SQL_SESSION_FIND);
  struct sure_bytes id = {.data = op->session.bytes, .len = sizeof op->session.bytes};
  sure__sqlite_bind_bytes(store, statement, 1, id);
  bool row;
  if (!sure__sqlite_step(store, statement, &row)) {
    return false;
  }
  if (!row) {
    return true;
  }
  if (sure__bytes_equal(sure__sqlite_column_bytes(statement, 1), op->principal)) {
    *out_session = decode(store, statement, op);
  }
  sqlite3_reset(statement);
  return store->error == SQLITE_OK;
}

bool sure__sqlite_session_count_add(struct sure__sqlite *store, int change) {
  sqlite3_stmt *statement = sure__sqlite_use(store, SURE__SQL_SESSION_COUNT_ADD);
  sure__sqlite_bind_int(store, statement, 1, change);
  return sure__sqlite_run(store, statement);
}

bool sure__sqlite_session_forget(struct sure__sqlite *store, int64_t handle) {
  static const enum sure__sqlite_statement by_handle[] = {SURE__SQL_CALLS_FORGET,
                                                          SURE__SQL_SESSION_DELETE};
  for (size_t i = 0; i < sizeof by_handle / sizeof by_handle[0]; i++) {
    sqlite3_stmt *statement = sure__sqlite_use(store, by_handle[i]);
    sure__sqlite_bind_int(store, statement, 1, handle);
    if (!sure__sqlite_run(store, statement)) {
      return false;
    }
  }
  return sure__sqlite_session_count_add(store, -1);
}

bool sure__sqlite_session_delete(struct sure__sqlite *store, struct sure__sqlite_session *session) {
  int64_t handle = session->handle;
  sure__list_remove(&session->link);
  sure__index_remove(&store->sessions, &session->by_id);
  free_session(session);
  return sure__sqlite_session_forget(store, handle);
}

static bool write_back(struct sure__sqlite *store, const struct sure__sqlite_session *session) {
  const struct sure__ranges *acked = &session->acked;
  uint8_t *blob = sure__alloc(acked->count * RUN_LEN + 1);
  if (blob == NULL) {
    store->error = SQLITE_NOMEM;
    return false;
  }
  for (size_t i = 0; i < acked->count; i++) {
    sure__put_u64(blob + i * RUN_LEN, acked->runs[i].first);
    sure__put_u64(blob + i * RUN_LEN + 8, acked->runs[i].last);
  }
  sqlite3_stmt *statement = sure__sqlite_use(store, SURE__SQL_SESSION_UPDATE);
  sure__sqlite_bind_int(store, statement, 1, session->handle);
  sure__sqlite_bind_int(store, statement, 2, session->fenced);
  sure__sqlite_bind_int(store, statement, 3, session->stamp_ms);
  sure__sqlite_bind_int(store, statement, 4,
                        SURE__MUTANT(WATERMARK_NOT_DURABLE) ? 0 : (int64_t)acked->base);
  sure__sqlite_bind_bytes(store, statement, 5,
                          (struct sure_bytes){.data = blob, .len = acked->count * RUN_LEN});
  sure__sqlite_bind_int(store, statement, 6, (int64_t)session->row_count);
  sure__sqlite_bind_int(store, statement, 7, (int64_t)session->intent_count);
  bool ok = sure__sqlite_run(store, statement);
  sure__free(blob);
  return ok;
}

bool sure__sqlite_sessions_flush(struct sure__sqlite *store) {
  struct sure__list *link = store->session_list.next;
  for (; link != &store->session_list; link = link->next) {
    struct sure__sqlite_session *session =
        sure__container_of(link, struct sure__sqlite_session, link);
    if (session->dirty && !write_back(store, session)) {
      return false;
    }
    session->dirty = false;
  }
  return true;
}

void sure__sqlite_sessions_init(struct sure__sqlite *store) {
  sure__index_init(&store->sessions);
  sure__list_init(&store->session_list);
}

void sure__sqlite_sessions_drop(struct sure__sqlite *store) {
  struct sure__list *link;
  while ((link = sure__list_pop(&store->session_list)) != NULL) {
    free_session(sure__container_of(link, struct sure__sqlite_session, link));
  }
  sure__index_fini(&store->sessions);
  sure__sqlite_sessions_init(store);
}
