/* Connections: their beginning, which frame may come when, and their end (docs/protocol.md 3.6 and
 * 9). */
#include <string.h>

#include "rpc/core/assert.h"
#include "rpc/core/server_private.h"

bool sure__server_expect(struct sure__server *server) {
  return sure__server_timer_reserve(server);
}

void sure__server_enter(struct sure__server *server, struct sure__peer *peer) {
  sure__list_append(&server->peers, &peer->of_server);
  sure__timers_set(&server->timers, &peer->timer,
                   peer->heard_at_ms + server->config.handshake_ms_max);
  server->stats.connections++;
}

void sure__server_leave(struct sure__server *server, struct sure__peer *peer) {
  sure__assert(!sure__list_is_linked(&peer->dirty) && "what was queued here has been flushed");
  sure__list_remove(&peer->of_server);
  sure__server_timer_unreserve(server, &peer->timer);
  sure__assert(server->stats.connections > 0 && "it was counted when it came");
  server->stats.connections--;
}

bool sure__server_accepted(struct sure__server *server, struct sure__peer *peer, uint64_t now_ms) {
  if (!sure__server_expect(server)) {
    return false;
  }
  peer->phase = SURE__PEER_NEW;
  peer->heard_at_ms = now_ms;
  peer->old_at_ms = SURE__TIME_NEVER;
  peer->timer.kind = SURE__TIMER_PEER;
  sure__list_init(&peer->waiters);
  sure__list_init(&peer->assembling);
  sure__list_init(&peer->arriving);
  sure__list_init(&peer->tasks);
  sure__list_init(&peer->sending);
  sure__bodies_init(&peer->bodies);
  sure__server_enter(server, peer);
  return true;
}

void sure__peer_touch(struct sure__server *server, struct sure__peer *peer) {
  if (!peer->is_closing && !sure__list_is_linked(&peer->dirty)) {
    sure__list_append(&server->actions.dirty, &peer->dirty);
  }
}

/* It goes out frame by frame. */
static void send_in_turns(struct sure__server *server, struct sure__peer *peer,
                          const struct sure__frame *frame) {
  if (!sure__bodies_add(&peer->bodies, frame)) {
    sure__peer_close(server, peer, 0, "memory is short");
  } else if (!sure__list_is_linked(&peer->pumps)) {
    sure__list_append(&server->pumping, &peer->pumps);
  }
}

/* The parts of an answer that was asked for twice, and of whatever is said the second time. */
static bool would_come_between(const struct sure__peer *peer, const struct sure__frame *frame) {
  bool is_answer = frame->type == SURE__RESPONSE || frame->type == SURE__SETTLED;
  return is_answer && sure__bodies_has(&peer->bodies, frame->sequence, frame->attempt);
}

void sure__peer_send(struct sure__server *server, struct sure__peer *peer,
                     const struct sure__frame *frame) {
  if (peer->is_closing) {
    return;
  }
  if (sure__is_long(frame->payload.len) || would_come_between(peer, frame)) {
    send_in_turns(server, peer, frame);
    return;
  }
  if (!sure__frame_encode(peer->out, frame)) {
    sure__peer_close(server, peer, 0, "memory is short");
    return;
  }
  sure__peer_touch(server, peer);
}

void sure__peer_close(struct sure__server *server, struct sure__peer *peer,
                      enum sure__goaway_reason goaway, const char *reason) {
  if (peer->is_closing) {
    return;
  }
  while (!sure__bodies_is_empty(&peer->bodies) &&
         sure__bodies_next(&peer->bodies, peer->out) > 0) { /* nobody is in a hurry any more */
  }
  if (goaway != 0) {
    struct sure__frame frame = {
        .type = SURE__GOAWAY,
        .goaway = {.reason = (uint8_t)goaway, .text = {(const uint8_t *)reason, strlen(reason)}},
    };
    (void)sure__frame_encode(peer->out, &frame); /* without memory it goes unsaid */
  }
  peer->is_closing = true;
  peer->phase = SURE__PEER_CLOSED;
  peer->close_reason = reason;
  sure__list_remove(&peer->dirty);
  sure__list_append(&server->actions.closing, &peer->dirty);
}

void sure__server_protocol_error(struct sure__server *server, struct sure__peer *peer,
                                 const char *problem) {
  if (peer->is_closing) {
    return;
  }
  server->stats.protocol_errors++;
  /* Whoever does not even say HELLO speaks another protocol: nothing is said to him (3.1). */
  sure__peer_close(server, peer, peer->phase == SURE__PEER_NEW ? 0 : SURE__GOAWAY_PROTOCOL_ERROR,
                   problem);
}

void sure__server_lost(struct sure__server *server, struct sure__peer *peer) {
  peer->is_closing = true;
  peer->phase = SURE__PEER_CLOSED;
  sure__call_drop_waiters(peer);
  sure__message_drop_peer(server, peer);
  sure__arrivals_drop_peer(peer);
  sure__assert(peer->call_count == 0 && "waiters, messages and arrivals are all that was counted");
  struct sure__list *link;
  while ((link = sure__list_pop(&peer->tasks)) != NULL) {
    sure__container_of(link, struct sure__task, of_peer)->peer = NULL;
  }
  sure__server_session_detach(server, peer);
  sure__assert(sure__list_is_empty(&peer->sending) && "streams leave with their waiters");
  sure__bodies_fini(&peer->bodies);
  sure__list_remove(&peer->pumps);
  sure__list_remove(&peer->dirty);
  sure__list_remove(&peer->knocks);
  sure__buffer_fini(&peer->knocking);
  sure__buffer_fini(&peer->principal);
  sure__server_leave(server, peer);
}

/* What begins a call is stamped. One whose clock is far ahead is served all the same. */
static void hear_stamp(struct sure__server *server, const struct sure__frame *frame,
                       uint64_t now_ms) {
  const struct sure__server_config *config = &server->config;
  bool is_begin = (frame->type == SURE__REQUEST && (frame->flags & SURE__CONT) == 0) ||
                  frame->type == SURE__SETTLE;
  if (config->clock != NULL && is_begin &&
      !sure__hlc_merge(config->clock, frame->clock, config->clock_drift_ms_max, now_ms)) {
    server->stats.clocks_ahead++;
  }
}

/* Frames that need a session. */
static void on_attached_frame(struct sure__server *server, struct sure__peer *peer,
                              const struct sure__frame *frame, uint64_t now_ms) {
  if (peer->phase != SURE__PEER_ATTACHED) {
    sure__server_protocol_error(server, peer, "a frame that needs a session before ATTACHED");
    return;
  }
  hear_stamp(server, frame, now_ms);
  peer->ping_strikes = 0; /* it has more to say than that it is there */
  switch (frame->type) {
  case SURE__REQUEST:
    sure__message_on_request(server, peer, frame, now_ms);
    break;
  case SURE__ACK:
    sure__server_session_on_ack(server, peer, &frame->ack);
    break;
  case SURE__CANCEL:
    sure__call_on_cancel(server, peer, frame);
    break;
  case SURE__SETTLE:
    sure__settle_on_frame(server, peer, frame);
    break;
  case SURE__DATA:
    sure__server_stream_on_data(server, peer, frame);
    break;
  case SURE__WINDOW:
    sure__server_stream_on_window(server, peer, frame);
    break;
  default:
    sure__assert(frame->type == SURE__CLOSE_SESSION && "the caller sends no other here");
    sure__server_session_on_close(server, peer);
    break;
  }
}

void sure__server_frame(struct sure__server *server, struct sure__peer *peer,
                        const struct sure__frame *frame, uint64_t now_ms) {
  if (peer->is_closing) {
    return;
  }
  peer->heard_at_ms = now_ms;
  peer->is_pinged = false;
  if (peer->phase == SURE__PEER_NEW && frame->type != SURE__HELLO) {
    sure__server_protocol_error(server, peer, "the first frame is not HELLO");
    return;
  }
  switch (frame->type) {
  case SURE__HELLO:
    sure__handshake_on_hello(server, peer, &frame->hello);
    break;
  case SURE__ATTACH:
    sure__handshake_on_attach(server, peer, frame, now_ms);
    break;
  case SURE__REQUEST:
  case SURE__ACK:
  case SURE__CANCEL:
  case SURE__SETTLE:
  case SURE__DATA:
  case SURE__WINDOW:
  case SURE__CLOSE_SESSION:
    on_attached_frame(server, peer, frame, now_ms);
    break;
  case SURE__PING:
    sure__peer_on_ping(server, peer, frame, now_ms);
    break;
  case SURE__PONG:
    break;
  case SURE__GOAWAY:
    sure__peer_close(server, peer, 0, "the client said GOAWAY");
    break;
  case SURE__WELCOME:
  case SURE__ATTACHED:
  case SURE__ACCEPTED:
  case SURE__RESPONSE:
  case SURE__SETTLED:
    sure__server_protocol_error(server, peer, "a frame that only servers send");
    break;
  default: /* a type of a later version that may be ignored (2.3) */
    break;
  }
}
