/* Calls of the test service, blocking and not, and what the server says of them. */
#include <stdlib.h>
#include <string.h>

#include "world.h"

static struct end end_of(const struct sure_status *status, const Sure__E2e__V1__AddReply *reply) {
  struct end end = {
      .code = sure_status_code(status),
      .outcome = sure_status_outcome(status),
      .reason = sure_status_reason(status),
      .attempts = sure_status_attempts(status),
      .replayed = sure_status_replayed(status),
      .recorded = sure_status_recorded(status),
      .settled = sure_status_settled(status),
      .id = sure_status_call_id(status),
  };
  if (reply != NULL) {
    end.total = reply->total;
    end.ballast_len = reply->ballast.len;
  }
  return end;
}

/* The end of a blocking call; frees both. */
static struct end take(struct sure_status *status, Sure__E2e__V1__AddReply *reply) {
  struct end end = end_of(status, reply);
  sure__e2e__v1__add_reply__free_unpacked(reply, NULL);
  sure_status_free(status);
  return end;
}

Sure__E2e__V1__AddRequest add_request(int64_t amount) {
  Sure__E2e__V1__AddRequest request = SURE__E2E__V1__ADD_REQUEST__INIT;
  request.amount = amount;
  return request;
}

static Sure__E2e__V1__AddKeyedRequest keyed_request(const char *key, int64_t amount) {
  Sure__E2e__V1__AddKeyedRequest request = SURE__E2E__V1__ADD_KEYED_REQUEST__INIT;
  request.key = (char *)(uintptr_t)key;
  request.amount = amount;
  return request;
}

struct end add(struct sure_channel *channel, const Sure__E2e__V1__AddRequest *request,
               const struct sure_call_options *options) {
  struct sure_status *status = sure_status_new();
  Sure__E2e__V1__AddReply *reply = NULL;
  sure__e2e__v1__counter_client__add(channel, request, options, &reply, status);
  return take(status, reply);
}

struct end add_one(struct sure_channel *channel) {
  Sure__E2e__V1__AddRequest request = add_request(1);
  return add(channel, &request, NULL);
}

struct end add_keyed(struct sure_channel *channel, const char *key, int64_t amount) {
  struct sure_status *status = sure_status_new();
  Sure__E2e__V1__AddReply *reply = NULL;
  Sure__E2e__V1__AddKeyedRequest request = keyed_request(key, amount);
  sure__e2e__v1__counter_client__add_keyed(channel, &request, NULL, &reply, status);
  return take(status, reply);
}

struct end settle_call(struct sure_channel *channel, struct sure_call_id id) {
  struct sure_status *status = sure_status_new();
  Sure__E2e__V1__AddReply *reply = NULL;
  struct sure_settle what = {.call = id};
  sure__e2e__v1__counter_client__add__settle(channel, &what, NULL, &reply, status);
  return take(status, reply);
}

struct end settle_key(struct sure_channel *channel, const char *key) {
  struct sure_status *status = sure_status_new();
  Sure__E2e__V1__AddReply *reply = NULL;
  struct sure_settle what = {.key = {(const uint8_t *)key, strlen(key)}};
  sure__e2e__v1__counter_client__add_keyed__settle(channel, &what, NULL, &reply, status);
  return take(status, reply);
}

struct account account_of(const struct server *server) {
  struct sure_channel *channel = open_channel(server->url, NULL);
  Sure__E2e__V1__GetRequest request = SURE__E2E__V1__GET_REQUEST__INIT;
  Sure__E2e__V1__GetReply *reply = NULL;
  assert_int_equal(sure__e2e__v1__counter_client__get(channel, &request, NULL, &reply, NULL),
                   SURE_OK);
  struct account account = {
      .total = reply->total,
      .effects = reply->effects,
      .runs = reply->runs,
      .joined = reply->joined,
      .replayed = reply->replayed,
      .stale = reply->stale,
      .protocol_errors = reply->protocol_errors,
  };
  sure__e2e__v1__get_reply__free_unpacked(reply, NULL);
  sure_channel_free(channel, 0);
  return account;
}

void assert_account(const struct server *server, int64_t total, uint64_t effects) {
  struct account account = account_of(server);
  assert_int_equal(account.total, total);
  assert_int_equal(account.effects, effects);
}

/* ---- not waited for yet ---- */

static void on_end(void *user, const struct sure_status *status,
                   const Sure__E2e__V1__AddReply *reply) {
  struct pending *pending = user;
  pthread_mutex_lock(&pending->mutex);
  pending->end = end_of(status, reply);
  pending->done = true;
  pthread_cond_broadcast(&pending->changed);
  pthread_mutex_unlock(&pending->mutex);
}

static struct pending *pending_new(struct world *world) {
  struct pending *pending = calloc(1, sizeof *pending);
  assert_non_null(pending);
  pthread_mutex_init(&pending->mutex, NULL);
  pthread_cond_init(&pending->changed, NULL);
  pending->next = world->pendings;
  world->pendings = pending;
  return pending;
}

void pendings_free(struct pending *pendings) {
  while (pendings != NULL) {
    struct pending *next = pendings->next;
    pthread_cond_destroy(&pendings->changed);
    pthread_mutex_destroy(&pendings->mutex);
    free(pendings);
    pendings = next;
  }
}

struct pending *pending_add(struct world *world, struct sure_channel *channel,
                            const Sure__E2e__V1__AddRequest *request,
                            const struct sure_call_options *options) {
  struct pending *pending = pending_new(world);
  assert_int_equal(sure__e2e__v1__counter_client__add__async(channel, request, options, on_end,
                                                             pending, &pending->handle),
                   SURE_OK);
  return pending;
}

struct pending *pending_add_keyed(struct world *world, struct sure_channel *channel,
                                  const char *key, int64_t amount) {
  Sure__E2e__V1__AddKeyedRequest request = keyed_request(key, amount);
  struct pending *pending = pending_new(world);
  assert_int_equal(sure__e2e__v1__counter_client__add_keyed__async(channel, &request, NULL, on_end,
                                                                   pending, &pending->handle),
                   SURE_OK);
  return pending;
}

bool pending_is_done(struct pending *pending) {
  pthread_mutex_lock(&pending->mutex);
  bool done = pending->done;
  pthread_mutex_unlock(&pending->mutex);
  return done;
}

struct end pending_wait(struct pending *pending) {
  pthread_mutex_lock(&pending->mutex);
  while (!pending->done) {
    pthread_cond_wait(&pending->changed, &pending->mutex);
  }
  pthread_mutex_unlock(&pending->mutex);
  return pending->end;
}
