/* Requests whose connection was lost before they were whole: the next attempt goes on where they
 * end (docs/protocol.md 2.7). */
#include "rpc/core/mutant.h"
#include "rpc/core/server_private.h"

/* What one shard keeps of them at most, in multiples of the largest message. */
#define KEPT_MAX 16

static struct sure_call *call_at(struct sure__list *link) {
  return sure__container_of(link, struct sure_call, link);
}

static void take_out(struct sure__server *server, struct sure_call *call) {
  sure__list_remove(&call->link);
  sure__list_remove(&call->of_peer);
  sure__timers_cancel(&server->timers, &call->accept_timer);
  server->kept_len -= call->payload.len;
  call->session->kept_count--;
}

void sure__kept_forget(struct sure__server *server, struct sure_call *call) {
  struct sure__server_session *session = call->session;
  take_out(server, call);
  sure__call_free(server, call);
  sure__server_session_tidy(server, session);
}

static void forget_oldest(struct sure__server *server) {
  sure__kept_forget(server, sure__container_of(server->kept.next, struct sure_call, of_peer));
}

void sure__kept_forget_all(struct sure__server *server) {
  while (!sure__list_is_empty(&server->kept)) {
    forget_oldest(server);
  }
}

struct sure_call *sure__kept_find(const struct sure__server_session *session, uint64_t sequence) {
  for (struct sure__list *l = session->kept.next; l != &session->kept; l = l->next) {
    if (call_at(l)->op.sequence == sequence) {
      return call_at(l);
    }
  }
  return NULL;
}

void sure__kept_take(struct sure__server *server, struct sure_call *call) {
  take_out(server, call);
}

static void make_room(struct sure__server *server, struct sure__server_session *session,
                      size_t len) {
  while (session->kept_count >= SURE__HELD_MAX) {
    sure__kept_forget(server, call_at(session->kept.next));
  }
  while (server->kept_len + len > (size_t)server->config.message_len_max * KEPT_MAX) {
    forget_oldest(server);
  }
}

/* Whether anybody may come back for it. */
static bool is_of_use(const struct sure__server *server, const struct sure__server_session *session,
                      const struct sure_call *call) {
  bool is_over = session->is_none || session->is_closed || server->is_draining ||
                 call->op.sequence < session->watermark;
  const struct sure_call *before = sure__kept_find(session, call->op.sequence);
  bool is_more = call->assembled_len > (before == NULL ? 0 : before->assembled_len);
  return !is_over && is_more && sure__is_long(call->payload.len);
}

void sure__kept_put(struct sure__server *server, struct sure__server_session *session,
                    struct sure_call *call, uint64_t now_ms) {
  if (!is_of_use(server, session, call)) {
    sure__call_free(server, call);
    return;
  }
  struct sure_call *before = sure__kept_find(session, call->op.sequence);
  if (before != NULL) {
    sure__kept_forget(server, before);
  }
  make_room(server, session, call->payload.len);
  if (SURE__MUTANT(PARTS_NOT_COMPARED)) {
    call->assembled[call->assembled_len - 1] ^= 1; /* as if they were another request's */
  }
  sure__arena_reset(&call->arena); /* key and metadata come with each attempt */
  call->session = session;
  call->step = SURE__CALL_KEPT;
  sure__list_append(&session->kept, &call->link);
  sure__list_append(&server->kept, &call->of_peer);
  session->kept_count++;
  server->kept_len += call->payload.len;
  uint64_t deadline_ms = atomic_load(&call->deadline_ms);
  uint64_t lease_ends_ms = now_ms + server->config.session_lease_ms;
  sure__timers_set(&server->timers, &call->accept_timer,
                   deadline_ms < lease_ends_ms ? deadline_ms : lease_ends_ms);
}

size_t sure__kept_list(const struct sure__server_session *session, uint8_t *out) {
  size_t len = 0;
  for (struct sure__list *l = session->kept.next; l != &session->kept; l = l->next) {
    sure__held_put(out + len, (struct sure__held){.sequence = call_at(l)->op.sequence,
                                                  .len = (uint32_t)call_at(l)->assembled_len});
    len += SURE__HELD_LEN;
  }
  return len;
}
