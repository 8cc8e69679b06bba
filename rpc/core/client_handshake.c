/* From the connection to the session: HELLO to ATTACHED, and GOAWAY (protocol 3 and 9.2). */
#include <string.h>

#include "rpc/core/client_state.h"
#include "rpc/core/retry.h"

static bool same_store(const struct sure_store_id *a, const struct sure_store_id *b) {
  return memcmp(a, b, sizeof *a) == 0;
}

void sure__client_connected(struct sure__client *client, struct sure__link *link, uint64_t now_ms) {
  link->state = SURE__LINK_GREETING;
  link->quiet_since_ms = now_ms;
  sure__client_put(client, link,
                   &(struct sure__frame){
                       .type = SURE__HELLO,
                       .hello = {.version_min = SURE__PROTOCOL_VERSION,
                                 .version_max = SURE__PROTOCOL_VERSION,
                                 .message_len_max = client->config.message_len_max},
                   });
}

/* ---- ATTACH ---- */

static void put_attach(struct sure__client *client, struct sure__link *link,
                       enum sure__attach_mode mode, uint64_t now_ms) {
  struct sure__frame frame = {
      .type = SURE__ATTACH,
      .metadata = client->credentials,
      .attach = {.mode = (uint8_t)mode, .challenge = link->challenge},
  };
  if (mode == SURE__ATTACH_RESUME) {
    frame.attach.session = client->session->id;
    link->attach_epoch = client->session->epoch;
  }
  link->state = SURE__LINK_ATTACHING;
  link->attach_mode = mode;
  link->attach_later = false;
  sure__client_put(client, link, &frame);
  sure__timers_set(&client->timers, &link->timer, now_ms + client->config.connect_timeout_ms);
}

void sure__client_attach(struct sure__client *client, struct sure__link *link, uint64_t now_ms) {
  if (client->session != NULL) {
    put_attach(client, link, SURE__ATTACH_RESUME, now_ms);
  } else if (client->opening == NULL || client->opening == link) {
    client->opening = link;
    put_attach(client, link, SURE__ATTACH_NEW, now_ms);
  } else {
    link->state = SURE__LINK_WAITING;
  }
}

void sure__client_attach_waiting(struct sure__client *client, uint64_t now_ms) {
  for (struct sure__list *l = client->links.next; l != &client->links; l = l->next) {
    struct sure__link *link = sure__container_of(l, struct sure__link, of_client);
    if (link->state == SURE__LINK_WAITING) {
      sure__client_attach(client, link, now_ms);
    }
  }
}

static void attach_later(struct sure__client *client, struct sure__link *link,
                         uint32_t retry_after_ms, uint64_t now_ms) {
  struct sure__backoff backoff = {.initial_ms = client->config.reconnect_ms_initial,
                                  .max_ms = client->config.reconnect_ms_max,
                                  .multiplier_permille = 1600};
  uint64_t pause_ms = retry_after_ms;
  link->attach_count++;
  if (pause_ms == 0 || pause_ms > client->config.reconnect_ms_max) {
    pause_ms = sure__backoff_ms(&backoff, link->attach_count, &client->random);
  }
  link->attach_later = true;
  sure__timers_set(&client->timers, &link->timer, now_ms + pause_ms);
}

void sure__client_link_due(struct sure__client *client, struct sure__link *link, uint64_t now_ms) {
  if (link->state == SURE__LINK_ATTACHING && link->attach_later) {
    sure__client_attach(client, link, now_ms);
  } else if (link->state != SURE__LINK_ATTACHED) {
    sure__client_drop_link(client, link, "no session within the connect time-out", now_ms);
  }
}

/* ---- WELCOME ---- */

/* Nobody else is attached to the session, or about to be. */
static bool is_alone(const struct sure__client *client, const struct sure__link *link) {
  for (struct sure__list *l = client->links.next; l != &client->links; l = l->next) {
    const struct sure__link *other = sure__container_of(l, struct sure__link, of_client);
    bool is_attached = other->state == SURE__LINK_ATTACHING || other->state == SURE__LINK_ATTACHED;
    if (other != link && is_attached && !other->is_replica) {
      return false;
    }
  }
  return true;
}

/* The endpoint serves another store than that of the session (S2). If it served that one before, it
 * was replaced, and with nobody else left the session can't go on. Otherwise the endpoints of this
 * channel do not belong together, which somebody has to mend. False: it is of no use. */
static bool take_other_store(struct sure__client *client, struct sure__link *link,
                             uint64_t now_ms) {
  const struct sure__endpoint *endpoint = link->endpoint;
  bool was_replaced = endpoint->has_served && same_store(&endpoint->store, &client->session->store);
  if (was_replaced && is_alone(client, link)) {
    sure__client_end_session(client, SURE__SESSION_ELSEWHERE, link, now_ms);
    return true;
  }
  sure__log_queue(
      &client->log, SURE_LOG_ERROR,
      "%s serves another store than the other endpoints of this channel: it is not used",
      endpoint->url);
  sure__client_drop_link(client, link, "it serves another store", now_ms);
  return false;
}

const char *sure__client_on_welcome(struct sure__client *client, struct sure__link *link,
                                    const struct sure__frame *frame, uint64_t now_ms) {
  if (link->state != SURE__LINK_GREETING) {
    return "a second WELCOME";
  }
  if (frame->welcome.version != SURE__PROTOCOL_VERSION) {
    return "WELCOME with a version that was not offered";
  }
  link->challenge = frame->welcome.challenge;
  link->store = frame->welcome.store_id;
  link->message_len_max = frame->welcome.message_len_max;
  client->message_len_max = link->message_len_max;
  if (client->session == NULL || same_store(&client->session->store, &link->store) ||
      take_other_store(client, link, now_ms)) {
    sure__client_attach(client, link, now_ms);
  }
  return NULL;
}

/* ---- ATTACHED ---- */

static void be_ready(struct sure__client *client, struct sure__link *link) {
  sure__timers_cancel(&client->timers, &link->timer);
  link->state = SURE__LINK_ATTACHED;
  client->refusal = SURE_OK;
  sure__client_endpoint_ready(client, link);
}

/* The session that the link has asked for is still the channel's. */
static bool is_present(const struct sure__client *client, const struct sure__link *link) {
  return client->session != NULL && client->session->epoch == link->attach_epoch;
}

static const char *attached(struct sure__client *client, struct sure__link *link,
                            const struct sure__frame *frame, uint64_t now_ms) {
  const struct sure_session_id *id = &frame->attached.session;
  bool is_new = link->attach_mode == SURE__ATTACH_NEW;
  if (link->attach_mode == SURE__ATTACH_NONE) {
    return "ATTACHED to a session that was not asked for";
  }
  if (is_new && !sure__client_new_session(client, id, &link->store)) {
    return "memory is short";
  }
  if (!is_new && !is_present(client, link)) {
    sure__client_drop_link(client, link, "its session has ended meanwhile", now_ms);
    return NULL;
  }
  if (!is_new && memcmp(id, &client->session->id, sizeof *id) != 0) {
    return "ATTACHED to another session than was asked for";
  }
  sure__buffer_clear(&link->held, 0);
  if (!sure__buffer_append(&link->held, frame->payload.data, frame->payload.len)) {
    return "memory is short";
  }
  be_ready(client, link);
  sure__client_session_untell(client->session, now_ms);
  sure__log_queue(&client->log, SURE_LOG_INFO, "session %s %s at %s", sure__log_session(id).text,
                  is_new ? "opened" : "resumed", link->endpoint->url);
  if (is_new) {
    client->opening = NULL;
    sure__client_attach_waiting(client, now_ms);
  }
  return NULL;
}

static const char *gone(struct sure__client *client, struct sure__link *link,
                        enum sure__session_end how, uint64_t now_ms) {
  if (link->attach_mode != SURE__ATTACH_RESUME) {
    return "a new session that is lost already";
  }
  if (is_present(client, link)) {
    sure__client_end_session(client, how, link, now_ms);
  }
  sure__client_attach(client, link, now_ms);
  return NULL;
}

/* A replica keeps no sessions: it serves what needs none. */
static void turn_to_replica(struct sure__client *client, struct sure__link *link, uint64_t now_ms) {
  if (client->opening == link) {
    client->opening = NULL;
    sure__client_attach_waiting(client, now_ms);
  }
  put_attach(client, link, SURE__ATTACH_NONE, now_ms);
}

static const char *attached_without_session(struct sure__client *client, struct sure__link *link) {
  if (link->attach_mode != SURE__ATTACH_NONE) {
    return "ATTACHED without a session";
  }
  link->is_replica = true;
  client->replica_count++;
  client->dial_is_due = true; /* the original is still wanted */
  be_ready(client, link);
  sure__log_queue(&client->log, SURE_LOG_INFO, "%s is a replica", link->endpoint->url);
  return NULL;
}

/* The endpoint is tried again later, as one is that can't be reached; calls need not wait for that.
 */
static void refused(struct sure__client *client, struct sure__link *link, enum sure_code code,
                    uint64_t now_ms) {
  sure__log_queue(&client->log, SURE_LOG_ERROR, "%s does not let this client in: %s",
                  link->endpoint->url, sure_code_name(code));
  sure__client_drop_link(client, link, "the server does not let this client in", now_ms);
  client->refusal = code;
}

void sure__client_set_credentials(struct sure__client *client, struct sure_bytes credentials,
                                  uint64_t now_ms) {
  client->credentials = credentials;
  if (client->refusal != SURE_OK) {
    client->refusal = SURE_OK;
    sure__client_dial_now(client, now_ms);
  }
}

const char *sure__client_on_attached(struct sure__client *client, struct sure__link *link,
                                     const struct sure__frame *frame, uint64_t now_ms) {
  if (link->state != SURE__LINK_ATTACHING || link->attach_later) {
    return "ATTACHED that nobody asked for";
  }
  switch ((enum sure__attach_state)frame->attached.state) {
  case SURE__ATTACHED_OPEN:
    return attached(client, link, frame, now_ms);
  case SURE__ATTACHED_FENCED:
    return gone(client, link, SURE__SESSION_FENCED, now_ms);
  case SURE__ATTACHED_LOST:
    return gone(client, link, SURE__SESSION_LOST, now_ms);
  case SURE__ATTACHED_BUSY:
  case SURE__ATTACHED_FULL:
    attach_later(client, link, frame->attached.retry_after_ms, now_ms);
    return NULL;
  case SURE__ATTACHED_NONE:
    return attached_without_session(client, link);
  case SURE__ATTACHED_READ_ONLY:
    if (link->attach_mode == SURE__ATTACH_NONE) {
      return "a replica that takes no calls at all";
    }
    turn_to_replica(client, link, now_ms);
    return NULL;
  case SURE__ATTACHED_REFUSED:
    refused(client, link, frame->attached.code, now_ms);
    return NULL;
  }
  return "unknown state of ATTACHED";
}

/* ---- GOAWAY ---- */

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
  case SURE__GOAWAY_TOO_MANY_PINGS:
    return "the server wants fewer pings";
  case SURE__GOAWAY_MAX_AGE:
    return "the connection is old";
  }
  return "the server goes away";
}

const char *sure__client_on_goaway(struct sure__client *client, struct sure__link *link,
                                   const struct sure__frame *frame, uint64_t now_ms) {
  const char *text = goaway_text(frame->goaway.reason);
  bool is_drain =
      frame->goaway.reason == SURE__GOAWAY_DRAINING || frame->goaway.reason == SURE__GOAWAY_MAX_AGE;
  struct sure_bytes why = frame->goaway.text;
  bool is_explained = why.len > 0;
  sure__log_queue(&client->log, is_drain ? SURE_LOG_INFO : SURE_LOG_WARNING, "GOAWAY: %s%s%.*s%s",
                  text, is_explained ? " (" : "", (int)why.len, (const char *)why.data,
                  is_explained ? ")" : "");
  if (is_drain && link->state == SURE__LINK_ATTACHED) {
    sure__client_drain_link(client, link,
                            now_ms); /* the pump drops it when nothing is left on it */
    return NULL;
  }
  if (frame->goaway.reason == SURE__GOAWAY_TOO_MANY_PINGS) {
    client->config.keepalive_time_ms *= 2;
  }
  sure__client_blame_link(link);
  sure__client_drop_link(client, link, text, now_ms);
  return NULL;
}
