/* Sessions as this process sees them: who is attached, what runs, what was acknowledged and is yet
 * to be told the store. Whether a session is open, and what its records are, only the store knows.
 */
#include <string.h>

#include "rpc/core/assert.h"
#include "rpc/core/memory.h"
#include "rpc/core/server_private.h"

static uint64_t key_of(const struct sure_session_id *id) {
  uint64_t key;
  memcpy(&key, id->bytes, sizeof key);
  return key;
}

struct sure__server_session *sure__server_session_find(const struct sure__server *server,
                                                       const struct sure_session_id *id) {
  struct sure__index_link *link = sure__index_find(&server->sessions, key_of(id));
  for (; link != NULL; link = sure__index_next(link)) {
    struct sure__server_session *session =
        sure__container_of(link, struct sure__server_session, by_id);
    if (memcmp(session->id.bytes, id->bytes, sizeof id->bytes) == 0) {
      return session;
    }
  }
  return NULL;
}

static void schedule_renewal(struct sure__server *server, struct sure__server_session *session,
                             uint64_t now_ms) {
  sure__timers_set(&server->timers, &session->renew_timer,
                   now_ms + server->config.session_lease_ms / 3 + 1);
}

static struct sure__server_session *session_new(struct sure__server *server,
                                                const struct sure_session_id *id,
                                                struct sure_bytes principal, bool is_fresh,
                                                uint64_t now_ms) {
  struct sure__server_session *session = sure__alloc(sizeof *session + principal.len);
  if (session == NULL || !sure__server_timer_reserve(server)) {
    sure__free(session);
    return NULL;
  }
  uint8_t *copy = (uint8_t *)(session + 1);
  if (principal.len > 0) {
    memcpy(copy, principal.data, principal.len);
  }
  session->principal = (struct sure_bytes){copy, principal.len};
  session->renew_timer.kind = SURE__TIMER_RENEW;
  session->watermark = 1;
  sure__list_init(&session->lingering);
  sure__list_init(&session->kept);
  session->may_have_records = id != NULL && !is_fresh;
  sure__index_init(&session->running);
  sure__list_init(&session->peers);
  if (id == NULL) {
    session->is_none = true;
  } else {
    session->id = *id;
    sure__index_add(&server->sessions, &session->by_id, key_of(id));
    schedule_renewal(server, session, now_ms);
  }
  return session;
}

bool sure__server_session_attach(struct sure__server *server, struct sure__peer *peer,
                                 const struct sure_session_id *id, bool is_fresh, uint64_t now_ms) {
  sure__assert(peer->session == NULL && "a connection has one session (S1)");
  struct sure__server_session *session = id == NULL ? NULL : sure__server_session_find(server, id);
  if (session == NULL) {
    struct sure_bytes principal = {peer->principal.data, peer->principal.len};
    session = session_new(server, id, principal, is_fresh, now_ms);
    if (session == NULL) {
      return false;
    }
  }
  session->is_left = false;
  peer->session = session;
  sure__list_append(&session->peers, &peer->of_session);
  return true;
}

void sure__server_session_tidy(struct sure__server *server, struct sure__server_session *session) {
  if (!sure__list_is_empty(&session->peers) || session->running.count > 0 ||
      session->kept_count > 0) {
    return;
  }
  if (!session->is_none) {
    sure__index_remove(&server->sessions, &session->by_id);
  }
  sure__list_remove(&session->to_ack);
  sure__server_timer_unreserve(server, &session->renew_timer);
  sure__index_fini(&session->running);
  sure__free(session);
}

void sure__server_session_detach(struct sure__server *server, struct sure__peer *peer) {
  struct sure__server_session *session = peer->session;
  if (session == NULL) {
    return;
  }
  sure__list_remove(&peer->of_session);
  peer->session = NULL;
  sure__server_session_tidy(server, session);
}

void sure__server_session_hear_watermark(struct sure__server *server,
                                         struct sure__server_session *session, uint64_t watermark) {
  if (watermark <= session->watermark) {
    return;
  }
  session->watermark = watermark;
  sure__server_streams_acked(server, session, NULL);
  if (session->may_have_records && !sure__list_is_linked(&session->to_ack)) {
    sure__list_append(&server->to_ack, &session->to_ack);
  }
}

/* A task about the session, in the name of its owner. NULL when memory is short. */
static struct sure__task *new_task(struct sure__server *server,
                                   const struct sure__server_session *session,
                                   enum sure_store_op_kind kind) {
  struct sure__task *task = sure__task_new(server, kind);
  if (task == NULL) {
    return NULL;
  }
  if (!sure__task_set_principal(task, session->principal)) {
    sure__task_free(server, task);
    return NULL;
  }
  task->op.session = session->id;
  return task;
}

static struct sure__task *new_ack(struct sure__server *server,
                                  const struct sure__server_session *session) {
  struct sure__task *task = new_task(server, session, SURE_STORE_ACK);
  if (task != NULL) {
    task->op.watermark = session->watermark;
  }
  return task;
}

void sure__server_batch_end(struct sure__server *server) {
  struct sure__list *link;
  sure__server_pump(server);
  while ((link = sure__list_pop(&server->to_ack)) != NULL) {
    struct sure__server_session *session =
        sure__container_of(link, struct sure__server_session, to_ack);
    struct sure__task *task = new_ack(server, session);
    if (task != NULL) {
      sure__task_submit(server, task);
    } /* otherwise a later watermark tells the same */
  }
}

/* Ranges come cumulative in each ACK, so they pass through to the store, which unites them (S9). */
void sure__server_session_on_ack(struct sure__server *server, struct sure__peer *peer,
                                 const struct sure__ack *ack) {
  struct sure__server_session *session = peer->session;
  if (session->is_none) {
    return;
  }
  if (ack->watermark > session->watermark) {
    session->watermark = ack->watermark;
  }
  sure__server_streams_acked(server, session, ack);
  struct sure__task *task = sure__peer_may_ask(peer) ? new_ack(server, session) : NULL;
  if (task == NULL) {
    return; /* losing one is harmless */
  }
  sure__task_set_peer(task, peer);
  struct sure_range *ranges =
      sure__arena_alloc(&task->arena, ack->range_count * sizeof(struct sure_range));
  if (ranges != NULL) {
    for (uint32_t i = 0; i < ack->range_count; i++) {
      ranges[i] = sure__ack_range(ack, i);
    }
    task->op.ranges = ranges;
    task->op.range_count = ack->range_count;
  }
  sure__list_remove(&session->to_ack);
  sure__task_submit(server, task);
}

void sure__server_session_on_close(struct sure__server *server, struct sure__peer *peer) {
  if (peer->session->is_none || !sure__peer_may_ask(peer)) {
    return;
  }
  peer->session->is_closed = true;
  struct sure__task *task = new_task(server, peer->session, SURE_STORE_CLOSE);
  if (task == NULL) {
    return; /* its lease will run out */
  }
  sure__task_set_peer(task, peer);
  sure__server_batch_end(server); /* what was acknowledged goes first, so that nothing is left */
  sure__task_submit(server, task);
}

void sure__server_session_renew(struct sure__server *server, struct sure__server_session *session,
                                uint64_t now_ms) {
  schedule_renewal(server, session, now_ms);
  if (sure__list_is_empty(&session->peers)) {
    session->is_left = true; /* nobody is attached: the lease runs */
    return;
  }
  struct sure__task *task = new_task(server, session, SURE_STORE_RENEW);
  if (task != NULL) {
    sure__task_submit(server, task);
  }
}
