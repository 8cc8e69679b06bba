/* Endpoints: which addresses there are, which of them are dialed, and when (protocol 1.6). */
#include <string.h>

#include "rpc/core/client_state.h"
#include "rpc/core/memory.h"
#include "rpc/core/retry.h"

static struct sure__endpoint *endpoint_at(struct sure__list *of_client) {
  return sure__container_of(of_client, struct sure__endpoint, of_client);
}

/* ---- which there are ---- */

static struct sure__endpoint *find(const struct sure__client *client, const char *url) {
  for (struct sure__list *l = client->endpoints.next; l != &client->endpoints; l = l->next) {
    if (strcmp(endpoint_at(l)->url, url) == 0) {
      return endpoint_at(l);
    }
  }
  return NULL;
}

static struct sure__endpoint *add(struct sure__client *client, const char *url) {
  size_t size = strlen(url) + 1;
  struct sure__endpoint *endpoint = sure__alloc(sizeof *endpoint + size);
  if (endpoint != NULL) {
    endpoint->number = ++client->endpoint_last;
    memcpy(endpoint->url, url, size);
    sure__list_append(&client->endpoints, &endpoint->of_client);
  }
  return endpoint;
}

static void want_only(struct sure__client *client, const char *const *urls, size_t count) {
  for (struct sure__list *l = client->endpoints.next; l != &client->endpoints; l = l->next) {
    endpoint_at(l)->is_wanted = false;
  }
  for (size_t i = 0; i < count; i++) {
    struct sure__endpoint *endpoint = find(client, urls[i]);
    endpoint->is_wanted = true;
    sure__list_remove(&endpoint->of_client); /* in the order of preference */
    sure__list_append(&client->endpoints, &endpoint->of_client);
  }
}

static void drain_unwanted(struct sure__client *client, uint64_t now_ms) {
  for (struct sure__list *l = client->endpoints.next; l != &client->endpoints; l = l->next) {
    struct sure__endpoint *endpoint = endpoint_at(l);
    if (!endpoint->is_wanted && endpoint->link != NULL) {
      sure__client_drain_link(client, endpoint->link, now_ms);
    }
  }
}

bool sure__client_set_endpoints(struct sure__client *client, const char *const *urls, size_t count,
                                uint64_t now_ms) {
  for (size_t i = 0; i < count; i++) {
    if (find(client, urls[i]) == NULL && add(client, urls[i]) == NULL) {
      sure__client_tidy_endpoints(client);
      return false;
    }
  }
  want_only(client, urls, count);
  client->has_no_address = count == 0;
  drain_unwanted(client, now_ms);
  client->dial_is_due = true;
  sure__client_pump(client, now_ms);
  sure__client_tidy_endpoints(client);
  return true;
}

void sure__client_not_resolved(struct sure__client *client, uint64_t now_ms) {
  client->has_no_address = sure__list_is_empty(&client->endpoints);
  sure__client_look_around(client, now_ms);
}

static bool has_link(const struct sure__client *client, const struct sure__endpoint *endpoint) {
  for (struct sure__list *l = client->links.next; l != &client->links; l = l->next) {
    if (sure__container_of(l, struct sure__link, of_client)->endpoint == endpoint) {
      return true;
    }
  }
  return false;
}

void sure__client_tidy_endpoints(struct sure__client *client) {
  struct sure__list *next;
  for (struct sure__list *l = client->endpoints.next; l != &client->endpoints; l = next) {
    next = l->next;
    struct sure__endpoint *endpoint = endpoint_at(l);
    if (!endpoint->is_wanted && !has_link(client, endpoint)) {
      sure__list_remove(&endpoint->of_client);
      client->turn = client->turn == endpoint ? NULL : client->turn;
      sure__free(endpoint);
    }
  }
}

/* ---- when they are dialed ---- */

static uint64_t pause_ms(struct sure__client *client, uint32_t n) {
  struct sure__backoff backoff = {.initial_ms = client->config.reconnect_ms_initial,
                                  .max_ms = client->config.reconnect_ms_max,
                                  .multiplier_permille = 1600};
  return sure__backoff_ms(&backoff, n, &client->random);
}

/* At once after a connection that worked, but two dials are never closer than the first pause: a
 * server that drops every session that it opens must not be hammered. */
void sure__client_endpoint_failed(struct sure__client *client, struct sure__link *link,
                                  uint64_t now_ms) {
  struct sure__endpoint *endpoint = link->endpoint;
  client->refusal = SURE_OK;
  if (link->state != SURE__LINK_ATTACHED) {
    endpoint->failure_count++;
    endpoint->has_failed = true;
    client->resolve_wanted = true;
  }
  bool has_worked = endpoint->failure_count == 0;
  uint64_t base_ms = has_worked ? endpoint->dialed_ms : now_ms;
  endpoint->dial_at_ms = base_ms + pause_ms(client, has_worked ? 1 : endpoint->failure_count);
  client->dial_is_due = true;
}

void sure__client_dial_now(struct sure__client *client, uint64_t now_ms) {
  for (struct sure__list *l = client->endpoints.next; l != &client->endpoints; l = l->next) {
    endpoint_at(l)->dial_at_ms = now_ms;
    endpoint_at(l)->failure_count = 0;
  }
  client->dial_is_due = true;
  sure__client_pump(client, now_ms);
}

void sure__client_endpoint_ready(struct sure__client *client, struct sure__link *link) {
  struct sure__endpoint *endpoint = link->endpoint;
  endpoint->failure_count = 0;
  endpoint->has_failed = false;
  if (!link->is_replica) {
    endpoint->has_served = true;
    endpoint->store = link->store;
  }
  client->stats.connects++;
}

/* With PICK_FIRST one connection is enough, and one try at a time. A replica is no substitute. */
static bool is_satisfied(const struct sure__client *client) {
  if (client->config.balancing != SURE_PICK_FIRST) {
    return false;
  }
  for (struct sure__list *l = client->endpoints.next; l != &client->endpoints; l = l->next) {
    const struct sure__link *link = endpoint_at(l)->link;
    if (link != NULL && !link->is_replica) {
      return true;
    }
  }
  return false;
}

static void dial(struct sure__client *client, struct sure__endpoint *endpoint, uint64_t now_ms) {
  endpoint->dialed_ms = now_ms;
  endpoint->is_missed = false;
  endpoint->link = sure__client_open_link(client, endpoint, now_ms);
  if (endpoint->link == NULL) { /* memory is short */
    endpoint->dial_at_ms = now_ms + client->config.reconnect_ms_initial;
  }
}

static void dial_due(struct sure__client *client, uint64_t now_ms) {
  uint64_t next_ms = SURE__TIME_NEVER;
  for (struct sure__list *l = client->endpoints.next; l != &client->endpoints; l = l->next) {
    struct sure__endpoint *endpoint = endpoint_at(l);
    bool is_enough = is_satisfied(client) && !endpoint->is_missed;
    if (endpoint->link != NULL || !endpoint->is_wanted || is_enough) {
      continue;
    }
    if (endpoint->dial_at_ms <= now_ms) {
      dial(client, endpoint, now_ms);
    }
    if (endpoint->link == NULL && endpoint->dial_at_ms < next_ms) {
      next_ms = endpoint->dial_at_ms;
    }
  }
  if (next_ms != SURE__TIME_NEVER) {
    sure__timers_set(&client->timers, &client->dial_timer, next_ms);
  }
}

void sure__client_dial(struct sure__client *client, uint64_t now_ms) {
  if (client->shut_down || client->is_idle || !client->dial_is_due) {
    return;
  }
  client->dial_is_due = false;
  sure__timers_cancel(&client->timers, &client->dial_timer);
  dial_due(client, now_ms);
}
