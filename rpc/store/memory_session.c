#include "rpc/store/memory_session.h"

#include <string.h>

#include "rpc/core/memory.h"

/* Ids are random and drawn by the server, so any part of one is a good hash. */
static uint64_t hash_id(const struct sure_session_id *id) {
  uint64_t hash;
  memcpy(&hash, id->bytes, sizeof hash);
  return hash;
}

void sure__stored_sessions_init(struct sure__stored_sessions *sessions, size_t count_max) {
  sure__index_init(&sessions->by_id);
  sure__list_init(&sessions->open);
  sure__list_init(&sessions->fenced);
  sessions->count_max = count_max;
}

static struct sure__stored_session *find(const struct sure__stored_sessions *sessions,
                                         const struct sure_session_id *id) {
  struct sure__index_link *link = sure__index_find(&sessions->by_id, hash_id(id));
  for (; link != NULL; link = sure__index_next(link)) {
    struct sure__stored_session *session =
        sure__container_of(link, struct sure__stored_session, by_id);
    if (memcmp(session->id.bytes, id->bytes, sizeof id->bytes) == 0) {
      return session;
    }
  }
  return NULL;
}

struct sure__stored_session *sure__stored_session_find(const struct sure__stored_sessions *sessions,
                                                       const struct sure_session_id *id,
                                                       struct sure_bytes principal) {
  struct sure__stored_session *session = find(sessions, id);
  bool is_own = session != NULL && sure__bytes_equal(session->principal, principal);
  return is_own ? session : NULL;
}

struct sure__stored_session *sure__stored_session_create(struct sure__stored_sessions *sessions,
                                                         const struct sure_session_id *id,
                                                         struct sure_bytes principal,
                                                         int64_t now_ms) {
  if (sessions->by_id.count >= sessions->count_max || find(sessions, id) != NULL) {
    return NULL;
  }
  struct sure__stored_session *session = sure__alloc(sizeof *session + principal.len);
  if (session == NULL) {
    return NULL;
  }
  *session = (struct sure__stored_session){.id = *id, .stamp_ms = now_ms};
  sure__ranges_init(&session->acked);
  uint8_t *copy = (uint8_t *)(session + 1);
  if (principal.len > 0) {
    memcpy(copy, principal.data, principal.len);
  }
  session->principal = (struct sure_bytes){.data = copy, .len = principal.len};
  sure__index_add(&sessions->by_id, &session->by_id, hash_id(id));
  sure__list_append(&sessions->open, &session->link);
  return session;
}

static struct sure__list *list_of(struct sure__stored_sessions *sessions, bool fenced) {
  return fenced ? &sessions->fenced : &sessions->open;
}

struct sure__stored_session *sure__stored_session_oldest(struct sure__stored_sessions *sessions,
                                                         bool fenced) {
  struct sure__list *list = list_of(sessions, fenced);
  return sure__list_is_empty(list)
             ? NULL
             : sure__container_of(list->next, struct sure__stored_session, link);
}

void sure__stored_session_stamp(struct sure__stored_sessions *sessions,
                                struct sure__stored_session *session, bool fenced, int64_t now_ms) {
  sure__list_remove(&session->link);
  session->fenced = session->fenced || fenced;
  session->stamp_ms = now_ms;
  sure__list_append(list_of(sessions, session->fenced), &session->link);
}

static void free_session(struct sure__pool *pool, struct sure__stored_session *session) {
  sure__rows_fini(&session->rows, pool);
  sure__ranges_fini(&session->acked);
  sure__free(session);
}

void sure__stored_session_forget(struct sure__stored_sessions *sessions, struct sure__pool *pool,
                                 struct sure__stored_session *session) {
  sure__list_remove(&session->link);
  sure__index_remove(&sessions->by_id, &session->by_id);
  free_session(pool, session);
}

void sure__stored_sessions_fini(struct sure__stored_sessions *sessions, struct sure__pool *pool) {
  for (int fenced = 0; fenced <= 1; fenced++) {
    struct sure__stored_session *session;
    while ((session = sure__stored_session_oldest(sessions, fenced)) != NULL) {
      sure__stored_session_forget(sessions, pool, session);
    }
  }
  sure__index_fini(&sessions->by_id);
}
