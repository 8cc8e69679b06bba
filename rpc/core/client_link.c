/* Links: their beginning, keepalive, draining and end (protocol 9). */
#include "rpc/core/assert.h"
#include "rpc/core/client_state.h"
#include "rpc/core/memory.h"

enum { TIMERS_PER_LINK = 2 };

struct sure__link *sure__client_open_link(struct sure__client *client,
                                          struct sure__endpoint *endpoint, uint64_t now_ms) {
  struct sure__link *link = sure__alloc(sizeof *link);
  if (link == NULL || !sure__client_reserve_timers(client, TIMERS_PER_LINK)) {
    sure__free(link);
    return NULL;
  }
  link->endpoint = endpoint;
  link->state = SURE__LINK_DIALING;
  link->timer.kind = SURE__CLIENT_TIMER_LINK;
  link->keepalive.kind = SURE__CLIENT_TIMER_KEEPALIVE;
  link->dial_wanted = true;
  sure__list_init(&link->in_flight);
  sure__list_init(&link->sending);
  sure__bodies_init(&link->bodies);
  sure__list_init(&link->settle_sent);
  sure__list_append(&client->links, &link->of_client);
  sure__client_touch(client, link);
  sure__timers_set(&client->timers, &link->timer, now_ms + client->config.connect_timeout_ms);
  return link;
}

/* ---- the end ---- */

static void lose_attempts(struct sure__client *client, struct sure__link *link, const char *reason,
                          uint64_t now_ms) {
  struct sure__answer answer = {
      .code = SURE_UNAVAILABLE, .reason = SURE_REASON_CONNECTION, .text = sure__bytes_of(reason)};
  while (!sure__list_is_empty(&link->in_flight)) {
    sure__client_fail_attempt(
        client, sure__container_of(link->in_flight.next, struct sure__attempt, of_link), &answer,
        now_ms);
  }
  struct sure__list *l;
  while ((l = sure__list_pop(&link->settle_sent)) != NULL) {
    struct sure__client_call *call = sure__container_of(l, struct sure__client_call, link);
    call->is_asked = false;
    sure__client_enqueue_settle(client, call);
  }
}

/* The connection, or the try to get one, is over, whoever ended it. */
static void take_down(struct sure__client *client, struct sure__link *link, const char *reason,
                      uint64_t now_ms) {
  sure__list_remove(&link->of_client);
  sure__timers_cancel(&client->timers, &link->timer);
  sure__timers_cancel(&client->timers, &link->keepalive);
  sure__buffer_clear(&link->out, 0);
  sure__bodies_fini(&link->bodies);
  client->replica_count -= link->is_replica;
  if (link->endpoint->link == link) {
    link->endpoint->link = NULL;
    sure__client_endpoint_failed(client, link, now_ms);
  }
  if (client->session != NULL && link->state == SURE__LINK_ATTACHED) {
    sure__client_session_untell(client->session, now_ms);
  }
  lose_attempts(client, link, reason, now_ms);
  client->parted = client->parted || (link->is_parting && client->shut_down);
  if (client->opening == link) {
    client->opening = NULL;
    sure__client_attach_waiting(client, now_ms);
  }
  sure__client_tidy_endpoints(client);
}

static void free_link(struct sure__client *client, struct sure__link *link) {
  sure__list_remove(&link->acting);
  sure__buffer_fini(&link->out);
  sure__buffer_fini(&link->held);
  client->timer_count -= TIMERS_PER_LINK;
  sure__free(link);
}

void sure__client_drop_link(struct sure__client *client, struct sure__link *link,
                            const char *reason, uint64_t now_ms) {
  sure__assert(link->close_reason == NULL && "a link ends once");
  sure__log_queue(&client->log, SURE_LOG_INFO, "closing the connection to %s: %s",
                  link->endpoint->url, reason);
  link->close_reason = reason;
  link->dial_wanted = false;
  sure__client_touch(client, link);
  take_down(client, link, reason, now_ms);
}

void sure__client_link_closed(struct sure__client *client, struct sure__link *link) {
  free_link(client, link);
}

void sure__client_disconnected(struct sure__client *client, struct sure__link *link,
                               const char *reason, uint64_t now_ms) {
  sure__log_queue(&client->log, SURE_LOG_INFO, "connection to %s lost: %s", link->endpoint->url,
                  reason);
  take_down(client, link, reason, now_ms);
  free_link(client, link);
  sure__client_pump(client, now_ms);
}

void sure__client_not_connected(struct sure__client *client, struct sure__link *link,
                                const char *reason, uint64_t now_ms) {
  sure__log_queue(&client->log, SURE_LOG_INFO, "no connection to %s: %s", link->endpoint->url,
                  reason);
  take_down(client, link, reason, now_ms);
  free_link(client, link);
  sure__client_pump(client, now_ms);
}

void sure__client_blame_link(struct sure__link *link) {
  if (link->state == SURE__LINK_ATTACHED) {
    link->endpoint->failure_count = 1; /* the others count when they go down */
  }
}

/* ---- draining ---- */

void sure__client_drain_link(struct sure__client *client, struct sure__link *link,
                             uint64_t now_ms) {
  link->is_draining = true;
  if (link->endpoint->link == link) {
    link->endpoint->link = NULL;
    sure__client_endpoint_failed(client, link, now_ms);
  }
}

void sure__client_end_drained(struct sure__client *client, uint64_t now_ms) {
  struct sure__list *next;
  for (struct sure__list *l = client->links.next; l != &client->links; l = next) {
    next = l->next;
    struct sure__link *link = sure__container_of(l, struct sure__link, of_client);
    if (link->is_draining && sure__list_is_empty(&link->in_flight) &&
        sure__list_is_empty(&link->settle_sent)) {
      sure__client_drop_link(client, link, "it is drained", now_ms);
    }
  }
}

/* ---- keepalive ---- */

/* It begins with something that has an answer, and ends when all is answered; the timer is set late
 * and looks back. What was given up unanswered still counts, until anything is heard: short calls
 * on a dead connection would never find out otherwise. */
void sure__client_watch(struct sure__client *client, struct sure__link *link, uint64_t now_ms) {
  if (link->asked_ms == 0) {
    link->asked_ms = now_ms;
  }
  if (!sure__timer_is_set(&link->keepalive)) {
    link->quiet_since_ms = now_ms;
    sure__timers_set(&client->timers, &link->keepalive, now_ms + client->config.keepalive_time_ms);
  }
}

void sure__client_keepalive_due(struct sure__client *client, struct sure__link *link,
                                uint64_t now_ms) {
  if (link->pinged) {
    sure__client_drop_link(client, link, "the server is silent", now_ms);
    return;
  }
  bool is_awaiting = link->asked_ms != 0 || !sure__list_is_empty(&link->in_flight) ||
                     !sure__list_is_empty(&link->settle_sent);
  if (!is_awaiting) {
    return;
  }
  uint64_t due_ms = link->quiet_since_ms + client->config.keepalive_time_ms;
  if (now_ms >= due_ms) {
    link->pinged = true; /* until anything arrives */
    due_ms = now_ms + client->config.keepalive_timeout_ms;
    sure__client_put(client, link,
                     &(struct sure__frame){.type = SURE__PING, .sequence = SURE__PING_KEEPALIVE});
  }
  sure__timers_set(&client->timers, &link->keepalive, due_ms);
}
