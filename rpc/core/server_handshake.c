/* From HELLO to ATTACHED (docs/protocol.md, section 3; S1, S2). */
#include <string.h>

#include "rpc/core/mutant.h"
#include "rpc/core/server_private.h"

enum { BUSY_RETRY_AFTER_MS = 100 };

void sure__handshake_on_hello(struct sure__server *server, struct sure__peer *peer,
                              const struct sure__hello *hello) {
  if (peer->phase != SURE__PEER_NEW) {
    sure__server_protocol_error(server, peer, "a second HELLO");
    return;
  }
  if (hello->version_min > SURE__PROTOCOL_VERSION || hello->version_max < SURE__PROTOCOL_VERSION) {
    sure__peer_close(server, peer, SURE__GOAWAY_VERSION, "no common protocol version");
    return;
  }
  peer->phase = SURE__PEER_WELCOMED;
  peer->message_len_max = hello->message_len_max;
  sure__peer_send(server, peer,
                  &(struct sure__frame){
                      .type = SURE__WELCOME,
                      .welcome = {.version = SURE__PROTOCOL_VERSION,
                                  .message_len_max = server->config.message_len_max,
                                  .lease_ms = server->config.session_lease_ms,
                                  .challenge = peer->challenge,
                                  .store_id = server->config.store_id},
                  });
}

static void send_attached(struct sure__server *server, struct sure__peer *peer,
                          enum sure__attach_state state, const struct sure_session_id *session) {
  struct sure__frame frame = {.type = SURE__ATTACHED, .attached = {.state = (uint8_t)state}};
  uint8_t held[SURE__HELD_MAX * SURE__HELD_LEN];
  if (session != NULL) {
    frame.attached.session = *session;
  }
  if (state == SURE__ATTACHED_OPEN) {
    frame.payload = (struct sure_bytes){held, sure__kept_list(peer->session, held)};
  }
  if (state == SURE__ATTACHED_BUSY) {
    frame.attached.retry_after_ms = BUSY_RETRY_AFTER_MS;
  }
  sure__peer_send(server, peer, &frame);
}

static void attach_without_session(struct sure__server *server, struct sure__peer *peer,
                                   uint64_t now_ms) {
  if (!sure__server_session_attach(server, peer, NULL, true, now_ms)) {
    send_attached(server, peer, SURE__ATTACHED_FULL, NULL);
    return;
  }
  peer->phase = SURE__PEER_ATTACHED;
  sure__peer_watch(server, peer, now_ms);
  send_attached(server, peer, SURE__ATTACHED_NONE, NULL);
}

static struct sure_bytes principal_of(const struct sure__peer *peer) {
  return (struct sure_bytes){peer->principal.data, peer->principal.len};
}

/* Of somebody else's session, the store will say that there is none (S5). */
static bool is_owner(const struct sure__server_session *session, const struct sure__peer *peer) {
  struct sure_bytes principal = principal_of(peer);
  return session->principal.len == principal.len &&
         (principal.len == 0 ||
          memcmp(session->principal.data, principal.data, principal.len) == 0);
}

/* A session that is at work in this process needs no look into the store: should it be fenced
 * meanwhile, the transaction of each call finds out (S6). So a client that comes back while its
 * calls run joins them, and does not wait behind them. But a stream may have kept it here for
 * longer than its lease. */
static bool attach_to_live_session(struct sure__server *server, struct sure__peer *peer,
                                   const struct sure_session_id *id, uint64_t now_ms) {
  const struct sure__server_session *session = sure__server_session_find(server, id);
  if (session == NULL || session->is_closed || session->is_left || !is_owner(session, peer) ||
      !sure__server_session_attach(server, peer, id, false, now_ms)) {
    return false;
  }
  peer->phase = SURE__PEER_ATTACHED;
  sure__peer_watch(server, peer, now_ms);
  send_attached(server, peer, SURE__ATTACHED_OPEN, id);
  return true;
}

/* Whether an address that opens session after session has another one left. */
static bool may_open_session(const struct sure__peer *peer) {
  if (peer->sessions_left == NULL) {
    return true;
  }
  unsigned left = atomic_load(peer->sessions_left);
  while (left > 0 && !atomic_compare_exchange_weak(peer->sessions_left, &left, left - 1)) {
  }
  return left > 0;
}

/* The peer is who it may be. */
static void attach_peer(struct sure__server *server, struct sure__peer *peer,
                        const struct sure__attach *attach, uint64_t now_ms) {
  if (attach->mode == SURE__ATTACH_NONE) {
    attach_without_session(server, peer, now_ms);
    return;
  }
  if (server->config.is_read_only) {
    send_attached(server, peer, SURE__ATTACHED_READ_ONLY, NULL);
    return;
  }
  if (attach->mode == SURE__ATTACH_RESUME &&
      attach_to_live_session(server, peer, &attach->session, now_ms)) {
    return;
  }
  if (attach->mode == SURE__ATTACH_NEW && !may_open_session(peer)) {
    send_attached(server, peer, SURE__ATTACHED_FULL, NULL);
    return;
  }
  struct sure__task *task = sure__task_new(server, SURE_STORE_ATTACH);
  if (task == NULL || !sure__task_set_principal(task, principal_of(peer))) {
    send_attached(server, peer, SURE__ATTACHED_FULL, NULL);
    if (task != NULL) {
      sure__task_free(server, task);
    }
    return;
  }
  task->op.create = attach->mode == SURE__ATTACH_NEW;
  task->op.session = task->op.create ? peer->fresh_session : attach->session;
  sure__task_set_peer(task, peer);
  peer->phase = SURE__PEER_ATTACHING;
  sure__task_submit(server, task);
}

/* It stays where it is until the shell has asked who it is. */
static void knock(struct sure__server *server, struct sure__peer *peer,
                  const struct sure__frame *frame) {
  sure__buffer_clear(&peer->knocking, 0);
  if (!sure__buffer_append(&peer->knocking, frame->metadata.data, frame->metadata.len)) {
    sure__peer_close(server, peer, SURE__GOAWAY_OVERLOADED, "memory is short");
    return;
  }
  peer->attach = frame->attach;
  peer->phase = SURE__PEER_KNOCKING;
  sure__list_append(&server->actions.knocking, &peer->knocks);
}

void sure__server_authenticated(struct sure__server *server, struct sure__peer *peer,
                                enum sure_code code, struct sure_bytes principal, uint64_t now_ms) {
  if (peer->phase != SURE__PEER_KNOCKING) {
    return; /* it is gone meanwhile */
  }
  sure__buffer_fini(&peer->knocking);
  sure__buffer_clear(&peer->principal, SIZE_MAX);
  peer->phase = SURE__PEER_WELCOMED;
  if (code != SURE_OK) {
    sure__peer_send(server, peer,
                    &(struct sure__frame){
                        .type = SURE__ATTACHED,
                        .attached = {.state = SURE__ATTACHED_REFUSED, .code = (uint8_t)code}});
    sure__peer_close(server, peer, 0, "its credentials were refused");
  } else if (!sure__buffer_append(&peer->principal, principal.data, principal.len)) {
    sure__peer_close(server, peer, SURE__GOAWAY_OVERLOADED, "memory is short");
  } else {
    attach_peer(server, peer, &peer->attach, now_ms);
  }
}

void sure__handshake_on_attach(struct sure__server *server, struct sure__peer *peer,
                               const struct sure__frame *frame, uint64_t now_ms) {
  const struct sure__attach *attach = &frame->attach;
  if (peer->phase != SURE__PEER_WELCOMED) {
    sure__server_protocol_error(server, peer, "ATTACH out of turn");
    return;
  }
  if (!SURE__MUTANT(CHALLENGE_NOT_CHECKED) &&
      memcmp(attach->challenge.bytes, peer->challenge.bytes, sizeof peer->challenge.bytes) != 0) {
    sure__server_protocol_error(server, peer,
                                "ATTACH with another connection's challenge"); /* S1 */
    return;
  }
  if (server->is_draining) {
    sure__peer_close(server, peer, SURE__GOAWAY_DRAINING, "draining");
    return;
  }
  if (server->config.authenticates) {
    knock(server, peer, frame);
  } else {
    attach_peer(server, peer, attach, now_ms);
  }
}

static enum sure__attach_state state_of(enum sure_store_verdict verdict) {
  switch (verdict) {
  case SURE_STORE_OPEN:
    return SURE__ATTACHED_OPEN;
  case SURE_STORE_FENCED:
    return SURE__ATTACHED_FENCED;
  case SURE_STORE_LOST:
    return SURE__ATTACHED_LOST;
  case SURE_STORE_FULL:
    return SURE__ATTACHED_FULL;
  default: /* BUSY, FAILED and whatever else: nothing is known now */
    return SURE__ATTACHED_BUSY;
  }
}

void sure__handshake_answer(struct sure__server *server, struct sure__task *task, uint64_t now_ms) {
  struct sure__peer *peer = task->peer;
  if (peer == NULL || peer->phase != SURE__PEER_ATTACHING) {
    return;
  }
  enum sure__attach_state state = state_of(task->op.verdict);
  if (state == SURE__ATTACHED_OPEN &&
      !sure__server_session_attach(server, peer, &task->op.session, task->op.create, now_ms)) {
    state = SURE__ATTACHED_BUSY; /* memory is short here; the session is safe in the store */
  }
  peer->phase = state == SURE__ATTACHED_OPEN ? SURE__PEER_ATTACHED : SURE__PEER_WELCOMED;
  if (state == SURE__ATTACHED_OPEN) {
    sure__peer_watch(server, peer, now_ms);
  }
  send_attached(server, peer, state, &task->op.session);
}
