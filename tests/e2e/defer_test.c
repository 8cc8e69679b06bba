/* Handlers that answer later, from another thread. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>
#include <sure/sqlite.h>
#include <sure/sure.h>

#include "e2e.sure.h"

typedef Sure__E2e__V1__AddRequest AddRequest;
typedef Sure__E2e__V1__AddReply AddReply;

/* What the handler has left for the thread that finishes. */
struct desk {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  struct sure_call *call;
  const AddRequest *request;
  AddReply *reply;
  unsigned handler_count;
};

static struct desk desk = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
static char directory[] = "/tmp/sure-defer-XXXXXX";
static char database[64];
static struct sure_store *store;
static struct sure_server *server;
static struct sure_channel *channel;
static struct sure_status *status;
static pthread_t clerk;

static void put_on_desk(struct sure_call *call, const AddRequest *request, AddReply *reply) {
  pthread_mutex_lock(&desk.mutex);
  desk.call = call;
  desk.request = request;
  desk.reply = reply;
  desk.handler_count++;
  pthread_cond_broadcast(&desk.changed);
  pthread_mutex_unlock(&desk.mutex);
}

static struct sure_call *take_from_desk(AddReply **out_reply) {
  pthread_mutex_lock(&desk.mutex);
  while (desk.call == NULL) {
    pthread_cond_wait(&desk.changed, &desk.mutex);
  }
  struct sure_call *call = desk.call;
  *out_reply = desk.reply;
  (*out_reply)->total = desk.request->amount + 40;
  desk.call = NULL;
  pthread_mutex_unlock(&desk.mutex);
  return call;
}

/* ---- what handlers do ---- */

static enum sure_code defer(void *user, struct sure_call *call, const AddRequest *request,
                            AddReply *reply) {
  (void)user;
  enum sure_code code = sure_call_defer(call);
  if (code == SURE_OK) {
    put_on_desk(call, request, reply);
  }
  return code;
}

static enum sure_code finish_before_it_returns(void *user, struct sure_call *call,
                                               const AddRequest *request, AddReply *reply) {
  (void)user;
  (void)request;
  assert_int_equal(SURE_OK, sure_call_defer(call));
  reply->total = 42;
  sure_call_finish(call, SURE_OK);
  return SURE_ABORTED; /* counts for nothing */
}

static enum sure_code apply_total(void *user, struct sure_call *call, ProtobufCMessage *reply) {
  (void)user;
  assert_non_null(sure_call_sqlite(call)); /* in the transaction */
  assert_int_equal(SURE_INTERNAL, sure_call_defer(call));
  ((AddReply *)reply)->total++;
  return SURE_OK;
}

/* ---- what the clerk does, on its own thread ---- */

static void *finish_ok(void *user) {
  (void)user;
  AddReply *reply;
  sure_call_finish(take_from_desk(&reply), SURE_OK);
  return NULL;
}

static void *finish_with_failure(void *user) {
  (void)user;
  AddReply *reply;
  struct sure_call *call = take_from_desk(&reply);
  sure_call_finish(call, sure_call_fail(call, SURE_NOT_FOUND, "no account %d", 7));
  return NULL;
}

static void *finish_with_second_phase(void *user) {
  (void)user;
  AddReply *reply;
  struct sure_call *call = take_from_desk(&reply);
  sure_call_finish(call, sure_call_apply(call, apply_total, NULL));
  return NULL;
}

static void *finish_when_cancelled(void *user) {
  AddReply *reply;
  struct sure_call *call = take_from_desk(&reply);
  sure_channel_cancel(channel, *(const uint64_t *)user);
  while (!sure_call_is_cancelled(call)) {
    sched_yield();
  }
  sure_call_finish(call, SURE_CANCELLED);
  return NULL;
}

/* ---- set-up ---- */

static void serve(enum sure_run_mode mode, bool is_durable,
                  enum sure_code (*handler)(void *, struct sure_call *, const AddRequest *,
                                            AddReply *)) {
  static struct sure__e2e__v1__counter_server handlers;
  handlers = (struct sure__e2e__v1__counter_server){.add = handler};
  if (is_durable) {
    struct sure_sqlite_store_options sqlite = {.path = database};
    char error[256];
    assert_int_equal(SURE_OK, sure_sqlite_store_open(&sqlite, &store, error, sizeof error));
  } else {
    struct sure_memory_store_options memory = {.allow_volatile_keys = true};
    assert_int_equal(SURE_OK, sure_memory_store_open(&memory, &store));
  }
  assert_int_equal(SURE_OK,
                   sure_server_open(&(struct sure_server_options){.store = store}, &server));
  assert_int_equal(SURE_OK, sure_server_set_run_mode(server, "sure.e2e.v1.Counter/Add", mode));
  assert_int_equal(SURE_OK, sure__e2e__v1__counter_server__register(server, &handlers, NULL));
  assert_int_equal(SURE_OK, sure_server_listen(server, "tcp://127.0.0.1:0"));
  const struct sure_channel_options options = {.target = sure_server_url(server, 0)};
  assert_int_equal(SURE_OK, sure_channel_open(&options, &channel));
}

static enum sure_code add(int64_t *out_total) {
  AddRequest request = SURE__E2E__V1__ADD_REQUEST__INIT;
  AddReply *reply = NULL;
  request.amount = 2;
  enum sure_code code = sure__e2e__v1__counter_client__add(channel, &request, NULL, &reply, status);
  *out_total = reply == NULL ? -1 : reply->total;
  sure__e2e__v1__add_reply__free_unpacked(reply, NULL);
  return code;
}

static enum sure_code add_with_clerk(void *(*work)(void *), int64_t *out_total) {
  assert_int_equal(0, pthread_create(&clerk, NULL, work, NULL));
  enum sure_code code = add(out_total);
  pthread_join(clerk, NULL);
  return code;
}

static void stop(void) {
  channel = sure_channel_free(channel, 0);
  server = sure_server_free(server);
  sure_store_free(store);
  store = NULL;
}

static int begin(void **state) {
  (void)state;
  memset(directory + sizeof directory - 7, 'X', 6);
  if (mkdtemp(directory) == NULL) {
    return 1;
  }
  snprintf(database, sizeof database, "%s/db", directory);
  status = sure_status_new();
  desk.handler_count = 0;
  return 0;
}

static int end(void **state) {
  (void)state;
  stop();
  sure_status_free(status);
  unlink(database);
  char wal[80];
  snprintf(wal, sizeof wal, "%s-wal", database);
  unlink(wal);
  snprintf(wal, sizeof wal, "%s-shm", database);
  unlink(wal);
  rmdir(directory);
  return 0;
}

/* ---- tests ---- */

static void a_deferred_call_is_answered_by_another_thread(void **state) {
  (void)state;
  static const enum sure_run_mode modes[] = {SURE_RUN_POOL, SURE_RUN_INLINE};
  for (int i = 0; i < 2; i++) {
    serve(modes[i], false, defer);
    int64_t total;
    assert_int_equal(SURE_OK, add_with_clerk(finish_ok, &total));
    assert_int_equal(42, total);
    assert_true(sure_status_recorded(status));
    assert_int_equal(SURE_NOT_FOUND, add_with_clerk(finish_with_failure, &total));
    assert_string_equal("no account 7", sure_status_message(status));
    stop();
  }
}

static void a_call_may_be_finished_before_its_handler_returns(void **state) {
  (void)state;
  serve(SURE_RUN_POOL, false, finish_before_it_returns);
  int64_t total;
  assert_int_equal(SURE_OK, add(&total));
  assert_int_equal(42, total);
}

static void an_external_effect_may_be_deferred(void **state) {
  (void)state;
  serve(SURE_RUN_EXTERNAL, true, defer);
  int64_t total;
  assert_int_equal(SURE_OK, add_with_clerk(finish_ok, &total));
  assert_int_equal(42, total);
  assert_true(sure_status_recorded(status));
}

static void a_deferred_first_phase_has_its_second_in_the_transaction(void **state) {
  (void)state;
  serve(SURE_RUN_PREPARE, true, defer);
  int64_t total;
  assert_int_equal(SURE_OK, add_with_clerk(finish_with_second_phase, &total));
  assert_int_equal(43, total);
}

static void no_handler_defers_inside_of_a_transaction(void **state) {
  (void)state;
  serve(SURE_RUN_TX, true, defer);
  int64_t total;
  assert_int_equal(SURE_INTERNAL, add(&total));
  assert_int_equal(SURE_NOT_APPLIED, sure_status_outcome(status));
  assert_int_equal(0, desk.handler_count);
}

struct flight {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  bool is_over;
  enum sure_code code;
};

static void landed(void *user, const struct sure_status *how, const AddReply *reply) {
  struct flight *flight = user;
  (void)reply;
  pthread_mutex_lock(&flight->mutex);
  flight->is_over = true;
  flight->code = sure_status_code(how);
  pthread_cond_broadcast(&flight->changed);
  pthread_mutex_unlock(&flight->mutex);
}

static void the_thread_that_finishes_sees_the_cancellation(void **state) {
  (void)state;
  serve(SURE_RUN_POOL, false, defer);
  AddRequest request = SURE__E2E__V1__ADD_REQUEST__INIT;
  struct flight flight = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
  uint64_t handle;
  assert_int_equal(SURE_OK, sure__e2e__v1__counter_client__add__async(channel, &request, NULL,
                                                                      landed, &flight, &handle));
  assert_int_equal(0, pthread_create(&clerk, NULL, finish_when_cancelled, &handle));
  pthread_join(clerk, NULL);
  pthread_mutex_lock(&flight.mutex);
  while (!flight.is_over) {
    pthread_cond_wait(&flight.changed, &flight.mutex);
  }
  pthread_mutex_unlock(&flight.mutex);
  assert_int_equal(SURE_CANCELLED, flight.code);
}

/* The library would free the call under the feet of whoever finishes it. */
static void freeing_the_server_waits_for_deferred_calls(void **state) {
  (void)state;
  serve(SURE_RUN_POOL, false, defer);
  AddRequest request = SURE__E2E__V1__ADD_REQUEST__INIT;
  struct flight flight = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
  assert_int_equal(SURE_OK, sure__e2e__v1__counter_client__add__async(channel, &request, NULL,
                                                                      landed, &flight, NULL));
  AddReply *reply;
  struct sure_call *call = take_from_desk(&reply);
  channel = sure_channel_free(channel, 1);
  put_on_desk(call, desk.request, reply);
  assert_int_equal(0, pthread_create(&clerk, NULL, finish_ok, NULL));
  server = sure_server_free(server);
  assert_null(desk.call); /* the clerk has had it */
  pthread_join(clerk, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_deferred_call_is_answered_by_another_thread),
      TEST(a_call_may_be_finished_before_its_handler_returns),
      TEST(an_external_effect_may_be_deferred),
      TEST(a_deferred_first_phase_has_its_second_in_the_transaction),
      TEST(no_handler_defers_inside_of_a_transaction),
      TEST(the_thread_that_finishes_sees_the_cancellation),
      TEST(freeing_the_server_waits_for_deferred_calls),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
