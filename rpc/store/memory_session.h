/* Sessions of the memory store. */
#ifndef SURE_STORE_MEMORY_SESSION_H
#define SURE_STORE_MEMORY_SESSION_H

#include <sure/store.h>

#include "rpc/core/index.h"
#include "rpc/core/list.h"
#include "rpc/core/ranges.h"
#include "rpc/store/memory_row.h"

struct sure__stored_session {
  struct sure__index_link by_id;
  struct sure__list link; /* of `open` or `fenced` */
  struct sure_session_id id;
  bool fenced;
  int64_t stamp_ms; /* when it was renewed last, or fenced */
  struct sure__ranges acked;
  struct sure__rows rows;
  struct sure_bytes principal; /* in the same block */
};

/* Both lists are in the order of their sessions' stamps, oldest first. */
struct sure__stored_sessions {
  struct sure__index by_id;
  struct sure__list open;
  struct sure__list fenced;
  size_t count_max;
};

void sure__stored_sessions_init(struct sure__stored_sessions *sessions, size_t count_max);
void sure__stored_sessions_fini(struct sure__stored_sessions *sessions, struct sure__pool *pool);

/* NULL unless there is one and it belongs to `principal` (S5). */
struct sure__stored_session *sure__stored_session_find(const struct sure__stored_sessions *sessions,
                                                       const struct sure_session_id *id,
                                                       struct sure_bytes principal);
/* NULL: at the limit, the id is taken by another principal, or memory is short. */
struct sure__stored_session *sure__stored_session_create(struct sure__stored_sessions *sessions,
                                                         const struct sure_session_id *id,
                                                         struct sure_bytes principal,
                                                         int64_t now_ms);
/* The oldest of the open or of the fenced ones; NULL: none. */
struct sure__stored_session *sure__stored_session_oldest(struct sure__stored_sessions *sessions,
                                                         bool fenced);
/* Stamps it, open or fenced, and puts it at the end of its list. A fenced session stays so. */
void sure__stored_session_stamp(struct sure__stored_sessions *sessions,
                                struct sure__stored_session *session, bool fenced, int64_t now_ms);
/* Frees it with its rows. */
void sure__stored_session_forget(struct sure__stored_sessions *sessions, struct sure__pool *pool,
                                 struct sure__stored_session *session);

#endif
