/* The channel as a whole: can it be used, does anybody use it (gRPC's connectivity semantics). */
#include "rpc/core/client_state.h"

static bool is_ready(const struct sure__link *link) {
  return link->state == SURE__LINK_ATTACHED && !link->is_parting;
}

/* READY before CONNECTING before TRANSIENT_FAILURE. An endpoint that has failed stays so until it
 * is ready again, though it is dialed meanwhile: a channel without a server does not look better
 * each time it tries. */
static enum sure_connectivity look(const struct sure__client *client) {
  if (client->shut_down) {
    return SURE_SHUTDOWN;
  }
  for (struct sure__list *l = client->links.next; l != &client->links; l = l->next) {
    if (is_ready(sure__container_of(l, struct sure__link, of_client))) {
      return SURE_READY;
    }
  }
  if (client->is_idle) {
    return SURE_IDLE;
  }
  bool has_any = false;
  for (struct sure__list *l = client->endpoints.next; l != &client->endpoints; l = l->next) {
    const struct sure__endpoint *endpoint = sure__container_of(l, struct sure__endpoint, of_client);
    if (!endpoint->has_failed) {
      return SURE_CONNECTING;
    }
    has_any = true;
  }
  return has_any || client->has_no_address ? SURE_TRANSIENT_FAILURE : SURE_CONNECTING;
}

/* Those that do not want to wait; if we are turned away, all that would wait for nothing. */
static void fail_impatient(struct sure__client *client, uint64_t now_ms) {
  struct sure__answer unreachable = {
      .code = SURE_UNAVAILABLE,
      .reason = SURE_REASON_CONNECTION,
      .text = sure__bytes_of("no endpoint can be reached, and the call does not wait"),
  };
  struct sure__answer refused = {
      .code = client->refusal,
      .reason = SURE_REASON_REFUSED,
      .text = sure__bytes_of("the server does not let this client in"),
  };
  struct sure__list *next;
  for (struct sure__list *l = client->queue.next; l != &client->queue; l = next) {
    next = l->next;
    struct sure__client_call *call = sure__container_of(l, struct sure__client_call, link);
    if (client->refusal != SURE_OK) {
      sure__client_end(client, call, &refused, now_ms);
    } else if (call->is_fail_fast) {
      sure__client_end(client, call, &unreachable, now_ms);
    }
  }
}

static void watch_for_idleness(struct sure__client *client, uint64_t now_ms) {
  bool is_quiet = client->stats.open == 0 && client->unresolved_count == 0;
  if (is_quiet && !client->is_idle && !client->shut_down &&
      !sure__timer_is_set(&client->idle_timer)) {
    client->busy_at_ms = now_ms;
    sure__timers_set(&client->timers, &client->idle_timer, now_ms + client->config.idle_timeout_ms);
  }
}

void sure__client_look_around(struct sure__client *client, uint64_t now_ms) {
  enum sure_connectivity now = look(client);
  if (now != client->connectivity) {
    client->connectivity = now;
    client->state_has_changed = true;
  }
  if (now == SURE_TRANSIENT_FAILURE) {
    fail_impatient(client, now_ms);
  }
  watch_for_idleness(client, now_ms);
}

/* Ends the session in good order on one connection; the others just go. */
static void part(struct sure__client *client, uint64_t now_ms) {
  struct sure__link *last = client->session == NULL ? NULL : sure__client_any_link(client);
  if (last != NULL) {
    sure__client_send_ack(client, last);
    sure__client_put(client, last, &(struct sure__frame){.type = SURE__CLOSE_SESSION});
    sure__client_put(client, last,
                     &(struct sure__frame){.type = SURE__PING, .sequence = SURE__PING_PARTING});
    last->is_parting = true;
    last->endpoint->link = last->endpoint->link == last ? NULL : last->endpoint->link;
  }
  struct sure__list *next;
  for (struct sure__list *l = client->links.next; l != &client->links; l = next) {
    next = l->next;
    struct sure__link *link = sure__container_of(l, struct sure__link, of_client);
    if (link != last) {
      sure__client_drop_link(client, link, "the channel is idle", now_ms);
    }
  }
  struct sure__client_session *session = client->session;
  client->session = NULL;
  if (session != NULL) {
    sure__client_drop_session_if_empty(client, session);
  }
}

/* The timer is set late and looks back. */
void sure__client_idle_due(struct sure__client *client, uint64_t now_ms) {
  if (client->stats.open > 0 || client->unresolved_count > 0) {
    return; /* set again when they have ended */
  }
  uint64_t due_ms = client->busy_at_ms + client->config.idle_timeout_ms;
  if (now_ms < due_ms) {
    sure__timers_set(&client->timers, &client->idle_timer, due_ms);
    return;
  }
  client->is_idle = true;
  sure__timers_cancel(&client->timers, &client->dial_timer);
  part(client, now_ms);
}

void sure__client_wake(struct sure__client *client, uint64_t now_ms) {
  client->is_idle = false;
  client->dial_is_due = true;
  client->busy_at_ms = now_ms;
  sure__client_dial(client, now_ms);
}

void sure__client_connect(struct sure__client *client, uint64_t now_ms) {
  if (client->is_idle && !client->shut_down) {
    sure__client_wake(client, now_ms);
    sure__client_pump(client, now_ms);
  }
}
