/* The link: dialing, the handshake, keepalive, and the loss of a connection (protocol 3 and 9). */
#include <string.h>

#include "rpc/core/client_state.h"
#include "rpc/core/random.h"
#include "rpc/core/retry.h"

static uint64_t reconnect_pause_ms(struct sure__client *client, uint32_t n) {
  struct sure__backoff backoff = {.initial_ms = client->config.reconnect_ms_initial,
                                  .max_ms = client->config.reconnect_ms_max,
                                  .multiplier_permille = 1600};
  return sure__backoff_ms(&backoff, n, &client->random);
}

/* At once after a connection that worked, but two dials are never closer than the first pause:
 * a server that drops every session that it opens must not be hammered. */
static void plan_dial(struct sure__client *client, uint64_t now_ms) {
  struct sure__link *link = &client->link;
  uint32_t n = link->failure_count > 0 ? link->failure_count : 1;
  uint64_t base_ms = link->failure_count > 0 ? now_ms : link->dialed_ms;
  uint64_t at_ms = base_ms + reconnect_pause_ms(client, n);
  sure__timers_set(&client->timers, &link->timer, at_ms > now_ms ? at_ms : now_ms);
}

static void dial(struct sure__client *client, uint64_t now_ms) {
  client->link.state = SURE__LINK_DIALING;
  client->link.dialed_ms = now_ms;
  client->dial_wanted = true;
  sure__timers_set(&client->timers, &client->link.timer,
                   now_ms + client->config.connect_timeout_ms);
}

static void lose_attempts(struct sure__client *client, const char *reason, uint64_t now_ms) {
  struct sure__answer answer = {
      .code = SURE_UNAVAILABLE, .reason = SURE_REASON_CONNECTION, .text = sure__bytes_of(reason)};
  struct sure__list *link;
  while ((link = sure__list_pop(&client->in_flight)) != NULL) {
    sure__client_attempt_failed(client, sure__container_of(link, struct sure__client_call, link),
                                &answer, now_ms);
  }
  while ((link = sure__list_pop(&client->settle_sent)) != NULL) {
    sure__client_enqueue_settle(client, sure__container_of(link, struct sure__client_call, link));
  }
}

/* The connection, or the try to get one, is over, whoever ended it. */
static void go_down(struct sure__client *client, const char *reason, uint64_t now_ms) {
  struct sure__link *link = &client->link;
  bool had_session = link->state == SURE__LINK_ATTACHED;
  if (!had_session) {
    link->failure_count++;
  }
  sure__timers_cancel(&client->timers, &link->keepalive);
  *link = (struct sure__link){.state = SURE__LINK_DOWN,
                              .timer = link->timer,
                              .dialed_ms = link->dialed_ms,
                              .failure_count = link->failure_count};
  client->out.len = 0;
  client->dial_wanted = false;
  lose_attempts(client, reason, now_ms);
  if (client->shut_down) {
    client->parted = true;
    sure__timers_cancel(&client->timers, &link->timer);
  } else {
    plan_dial(client, now_ms);
  }
}

void sure__client_disconnected(struct sure__client *client, const char *reason, uint64_t now_ms) {
  sure__log_queue(&client->log, SURE_LOG_INFO, "connection lost: %s", reason);
  go_down(client, reason, now_ms);
  sure__client_pump(client, now_ms);
}

void sure__client_not_connected(struct sure__client *client, const char *reason, uint64_t now_ms) {
  sure__log_queue(&client->log, SURE_LOG_INFO, "no connection: %s", reason);
  go_down(client, reason, now_ms);
}

void sure__client_drop_link(struct sure__client *client, const char *reason, uint64_t now_ms) {
  sure__log_queue(&client->log, SURE_LOG_INFO, "closing the connection: %s", reason);
  client->close_reason = reason;
  go_down(client, reason, now_ms);
}

void sure__client_blame_link(struct sure__client *client) {
  if (client->link.state == SURE__LINK_ATTACHED) {
    client->link.failure_count = 1; /* the others count when they go down */
  }
}

void sure__client_connected(struct sure__client *client, uint64_t now_ms) {
  client->link.state = SURE__LINK_GREETING;
  client->link.quiet_since_ms = now_ms;
  sure__client_put(client, &(struct sure__frame){
                               .type = SURE__HELLO,
                               .hello = {.version_min = SURE__PROTOCOL_VERSION,
                                         .version_max = SURE__PROTOCOL_VERSION,
                                         .message_len_max = client->config.message_len_max},
                           });
}

static void send_attach(struct sure__client *client, uint64_t now_ms) {
  struct sure__link *link = &client->link;
  struct sure__frame frame = {
      .type = SURE__ATTACH,
      .attach = {.mode = SURE__ATTACH_NEW, .challenge = link->challenge},
  };
  link->resuming = client->session != NULL;
  if (link->resuming) {
    frame.attach.mode = SURE__ATTACH_RESUME;
    frame.attach.session = client->session->id;
  }
  link->state = SURE__LINK_ATTACHING;
  link->attach_later = false;
  sure__client_put(client, &frame);
  sure__timers_set(&client->timers, &link->timer, now_ms + client->config.connect_timeout_ms);
}

const char *sure__client_on_welcome(struct sure__client *client, const struct sure__frame *frame,
                                    uint64_t now_ms) {
  struct sure__link *link = &client->link;
  if (link->state != SURE__LINK_GREETING) {
    return "a second WELCOME";
  }
  if (frame->welcome.version != SURE__PROTOCOL_VERSION) {
    return "WELCOME with a version that was not offered";
  }
  link->challenge = frame->welcome.challenge;
  link->store = frame->welcome.store_id;
  link->message_len_max = frame->welcome.message_len_max;
  struct sure__client_session *session = client->session;
  if (session != NULL && memcmp(&session->store, &link->store, sizeof link->store) != 0) {
    sure__client_end_session(client, SURE__SESSION_ELSEWHERE, now_ms);
  }
  send_attach(client, now_ms);
  return NULL;
}

static void attach_later(struct sure__client *client, uint32_t retry_after_ms, uint64_t now_ms) {
  struct sure__link *link = &client->link;
  link->attach_count++;
  uint64_t pause_ms = retry_after_ms;
  if (pause_ms == 0 || pause_ms > client->config.reconnect_ms_max) {
    pause_ms = reconnect_pause_ms(client, link->attach_count);
  }
  link->attach_later = true;
  sure__timers_set(&client->timers, &link->timer, now_ms + pause_ms);
}

static const char *attached(struct sure__client *client, const struct sure_session_id *id,
                            uint64_t now_ms) {
  struct sure__link *link = &client->link;
  if (!link->resuming && !sure__client_new_session(client, id)) {
    return "memory is short";
  }
  if (link->resuming && memcmp(id, &client->session->id, sizeof *id) != 0) {
    return "ATTACHED to another session than was asked for";
  }
  sure__timers_cancel(&client->timers, &link->timer);
  link->state = SURE__LINK_ATTACHED;
  link->failure_count = 0;
  client->stats.connects++;
  sure__client_session_untell(client->session, now_ms);
  sure__log_queue(&client->log, SURE_LOG_INFO, "session %s %s", sure__log_session(id).text,
                  link->resuming ? "resumed" : "opened");
  return NULL;
}

const char *sure__client_on_attached(struct sure__client *client, const struct sure__frame *frame,
                                     uint64_t now_ms) {
  struct sure__link *link = &client->link;
  if (link->state != SURE__LINK_ATTACHING || link->attach_later) {
    return "ATTACHED that nobody asked for";
  }
  switch ((enum sure__attach_state)frame->attached.state) {
  case SURE__ATTACHED_OPEN:
    return attached(client, &frame->attached.session, now_ms);
  case SURE__ATTACHED_FENCED:
  case SURE__ATTACHED_LOST:
    if (!link->resuming) {
      return "a new session that is lost already";
    }
    sure__client_end_session(client,
                             frame->attached.state == SURE__ATTACHED_LOST ? SURE__SESSION_LOST
                                                                          : SURE__SESSION_FENCED,
                             now_ms);
    send_attach(client, now_ms);
    return NULL;
  case SURE__ATTACHED_BUSY:
  case SURE__ATTACHED_FULL:
    attach_later(client, frame->attached.retry_after_ms, now_ms);
    return NULL;
  case SURE__ATTACHED_NONE:
    return "ATTACHED without a session";
  }
  return "unknown state of ATTACHED";
}

static const char *goaway_text(uint8_t reason) {
  switch ((enum sure__goaway_reason)reason) {
  case SURE__GOAWAY_DRAINING:
    return "the server is draining";
  case SURE__GOAWAY_VERSION:
    return "the server speaks no common version";
  case SURE__GOAWAY_PROTOCOL_ERROR:
    return "the server found a protocol error";
  case SURE__GOAWAY_IDLE:
    return "the server closes idle connections";
  case SURE__GOAWAY_OVERLOADED:
    return "the server is overloaded";
  }
  return "the server goes away";
}

const char *sure__client_on_goaway(struct sure__client *client, const struct sure__frame *frame,
                                   uint64_t now_ms) {
  const char *text = goaway_text(frame->goaway.reason);
  struct sure_bytes why = frame->goaway.text;
  bool is_explained = why.len > 0;
  sure__log_queue(&client->log, SURE_LOG_WARNING, "GOAWAY: %s%s%.*s%s", text,
                  is_explained ? " (" : "", (int)why.len, (const char *)why.data,
                  is_explained ? ")" : "");
  if (frame->goaway.reason == SURE__GOAWAY_DRAINING && client->link.state == SURE__LINK_ATTACHED) {
    client->link.draining = true; /* the pump drops the link when nothing is left on it */
    return NULL;
  }
  sure__client_blame_link(client);
  sure__client_drop_link(client, text, now_ms);
  return NULL;
}

void sure__client_link_due(struct sure__client *client, uint64_t now_ms) {
  switch (client->link.state) {
  case SURE__LINK_DOWN:
    dial(client, now_ms);
    break;
  case SURE__LINK_ATTACHING:
    if (client->link.attach_later) {
      send_attach(client, now_ms);
      break;
    }
    /* fall through */
  case SURE__LINK_DIALING:
  case SURE__LINK_GREETING:
    sure__client_drop_link(client, "no session within the connect time-out", now_ms);
    break;
  case SURE__LINK_ATTACHED:
    break;
  }
}

/* Keepalive begins with something that has an answer, and ends when all is answered; the timer is
 * set late and looks back. What was given up unanswered still counts: short calls on a dead
 * connection would never find out otherwise. */

void sure__client_watch(struct sure__client *client, uint64_t now_ms) {
  if (client->link.keepalive.place == 0) {
    client->link.quiet_since_ms = now_ms;
    sure__timers_set(&client->timers, &client->link.keepalive,
                     now_ms + client->config.keepalive_time_ms);
  }
}

void sure__client_keepalive_due(struct sure__client *client, uint64_t now_ms) {
  struct sure__link *link = &client->link;
  if (link->pinged) {
    sure__client_drop_link(client, "the server is silent", now_ms);
    return;
  }
  bool is_awaiting =
      !sure__list_is_empty(&client->in_flight) || !sure__list_is_empty(&client->settle_sent);
  uint64_t due_ms = link->quiet_since_ms + client->config.keepalive_time_ms;
  if (now_ms >= due_ms) {
    link->pinged = true; /* until anything arrives */
    due_ms = now_ms + client->config.keepalive_timeout_ms;
    sure__client_put(client,
                     &(struct sure__frame){.type = SURE__PING, .sequence = SURE__PING_KEEPALIVE});
  } else if (!is_awaiting) {
    return;
  }
  sure__timers_set(&client->timers, &link->keepalive, due_ms);
}
