/* Balancing: which endpoint gets an attempt (sure/policy.h). */
#include "rpc/core/client_state.h"
#include "rpc/core/client_stream.h"
#include "rpc/core/random.h"

/* Connections in a row that its server did not take, and a stream is looked for elsewhere. */
enum { HOME_FAILURES_MAX = 3 };

/* How good an endpoint is for an attempt; only the best that there are take part in the balancing.
 */
enum rank {
  UNFIT,
  EJECTED, /* better than nothing */
  OLD,     /* a replica, where the call allows one */
  TRIED,   /* the call's last attempt went there: elsewhere it may fare better */
  GOOD,
};

static bool is_ready(const struct sure__link *link) {
  return link != NULL && link->state == SURE__LINK_ATTACHED && !link->is_draining &&
         !link->is_parting;
}

static bool carries(const struct sure__client_call *call, const struct sure__link *link) {
  for (struct sure__list *l = call->attempts.next; l != &call->attempts; l = l->next) {
    if (sure__container_of(l, struct sure__attempt, of_call)->link == link) {
      return true;
    }
  }
  return false;
}

static enum rank rank_of(const struct sure__endpoint *endpoint,
                         const struct sure__client_call *call, uint64_t now_ms) {
  const struct sure__link *link = endpoint->link;
  if (!is_ready(link) || carries(call, link)) {
    return UNFIT;
  }
  if (link->is_replica && (call->method->partition != SURE_PARTITION_STALE_OK || call->is_settle)) {
    return UNFIT;
  }
  if (sure__client_is_ejected(endpoint, now_ms)) {
    return EJECTED;
  }
  if (link->is_replica) {
    return OLD;
  }
  return call->sent > 0 && call->endpoint == endpoint->number ? TRIED : GOOD;
}

struct field {
  enum rank best;
  size_t count; /* of the best */
};

static struct field survey(const struct sure__client *client, const struct sure__client_call *call,
                           uint64_t now_ms) {
  struct field field = {UNFIT, 0};
  for (struct sure__list *l = client->endpoints.next; l != &client->endpoints; l = l->next) {
    enum rank rank = rank_of(sure__container_of(l, struct sure__endpoint, of_client), call, now_ms);
    if (rank > field.best) {
      field = (struct field){rank, 0};
    }
    field.count += rank == field.best;
  }
  return field;
}

/* The n-th of the best, n from 0, counted from the one behind `start` on; NULL: from the first. */
static struct sure__endpoint *nth(const struct sure__client *client,
                                  const struct sure__client_call *call, struct field field,
                                  struct sure__endpoint *start, size_t n, uint64_t now_ms) {
  const struct sure__list *l = start == NULL ? &client->endpoints : &start->of_client;
  for (;;) {
    l = l->next;
    if (l == &client->endpoints) {
      continue;
    }
    struct sure__endpoint *endpoint =
        sure__container_of((struct sure__list *)(uintptr_t)l, struct sure__endpoint, of_client);
    if (rank_of(endpoint, call, now_ms) == field.best && n-- == 0) {
      return endpoint;
    }
  }
}

static struct sure__endpoint *less_busy(struct sure__client *client,
                                        const struct sure__client_call *call, struct field field,
                                        uint64_t now_ms) {
  size_t first = (size_t)(sure__random_next(&client->random) % field.count);
  size_t second = (size_t)(sure__random_next(&client->random) % (field.count - 1));
  second += second >= first; /* two that are not the same */
  struct sure__endpoint *a = nth(client, call, field, NULL, first, now_ms);
  struct sure__endpoint *b = nth(client, call, field, NULL, second, now_ms);
  return a->link->in_flight_count <= b->link->in_flight_count ? a : b;
}

static struct sure__endpoint *choose(struct sure__client *client,
                                     const struct sure__client_call *call, struct field field,
                                     uint64_t now_ms) {
  switch (client->config.balancing) {
  case SURE_PICK_FIRST:
    break;
  case SURE_ROUND_ROBIN:
    client->turn = nth(client, call, field, client->turn, 0, now_ms);
    return client->turn;
  case SURE_LEAST_OUTSTANDING:
    if (field.count > 1) {
      return less_busy(client, call, field, now_ms);
    }
    break;
  }
  return nth(client, call, field, NULL, 0, now_ms);
}

/* Where a stream is that can't be begun anew elsewhere; NULL: anywhere, or it can't be reached. */
static struct sure__endpoint *home_of(const struct sure__client *client,
                                      const struct sure__client_call *call) {
  if (call->stream == NULL || call->sent == 0 || !sure__stream_has_begun(&call->stream->ends)) {
    return NULL;
  }
  for (struct sure__list *l = client->endpoints.next; l != &client->endpoints; l = l->next) {
    struct sure__endpoint *endpoint = sure__container_of(l, struct sure__endpoint, of_client);
    if (endpoint->number == call->endpoint && endpoint->is_wanted) {
      return endpoint->failure_count < HOME_FAILURES_MAX ? endpoint : NULL;
    }
  }
  return NULL;
}

struct sure__link *sure__client_pick(struct sure__client *client,
                                     const struct sure__client_call *call, uint64_t now_ms) {
  if (client->shut_down) {
    return NULL;
  }
  struct sure__endpoint *home = home_of(client, call);
  if (home != NULL && home->link == NULL && !home->is_missed) {
    home->is_missed = true;
    client->dial_is_due = true;
  }
  if (home != NULL) {
    return is_ready(home->link) ? home->link : NULL;
  }
  struct field field = survey(client, call, now_ms);
  return field.best == UNFIT ? NULL : choose(client, call, field, now_ms)->link;
}

/* One that is draining still takes what is not a new attempt. */
struct sure__link *sure__client_any_link(const struct sure__client *client) {
  for (struct sure__list *l = client->links.next; l != &client->links; l = l->next) {
    struct sure__link *link = sure__container_of(l, struct sure__link, of_client);
    if (link->state == SURE__LINK_ATTACHED && !link->is_replica && !link->is_parting) {
      return link;
    }
  }
  return NULL;
}
