/* Calls that a handler makes: what they inherit from the call that it serves. A front server's
 * handler calls a back server, whose handler waits for the test. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sure/sure.h>

#include "e2e.sure.h"

typedef Sure__E2e__V1__AddRequest AddRequest;
typedef Sure__E2e__V1__AddReply AddReply;

struct side {
  struct sure_store *store;
  struct sure_server *server;
  struct sure_channel *channel; /* to it */
};

static struct side front;
static struct side back;

/* What the two handlers have come to. */
static struct {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  struct sure_call *at_back; /* the call that the back server serves and that waits */
  char traceparent[64];
  uint32_t time_left_ms;
  bool front_is_done;
  enum sure_code front_saw; /* how its own call ended */
  enum sure_outcome front_outcome;
} scene = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static enum sure_code wait_at_back(void *user, struct sure_call *call, const AddRequest *request,
                                   AddReply *reply) {
  (void)user;
  (void)request;
  (void)reply;
  sure_call_defer(call);
  pthread_mutex_lock(&scene.mutex);
  scene.at_back = call;
  const char *trace = sure_call_traceparent(call);
  snprintf(scene.traceparent, sizeof scene.traceparent, "%s", trace == NULL ? "" : trace);
  scene.time_left_ms = sure_call_time_left_ms(call);
  pthread_cond_broadcast(&scene.changed);
  pthread_mutex_unlock(&scene.mutex);
  return SURE_OK;
}

static enum sure_code call_back(void *user, struct sure_call *call, const AddRequest *request,
                                AddReply *reply) {
  (void)user;
  (void)reply;
  struct sure_status *status = sure_status_new();
  AddReply *inner = NULL;
  const struct sure_call_options options = {.parent = call};
  enum sure_code code =
      sure__e2e__v1__counter_client__add(back.channel, request, &options, &inner, status);
  sure__e2e__v1__add_reply__free_unpacked(inner, NULL);
  pthread_mutex_lock(&scene.mutex);
  scene.front_is_done = true;
  scene.front_saw = code;
  scene.front_outcome = sure_status_outcome(status);
  pthread_cond_broadcast(&scene.changed);
  pthread_mutex_unlock(&scene.mutex);
  sure_status_free(status);
  return code;
}

static void serve(struct side *side,
                  enum sure_code (*handler)(void *, struct sure_call *, const AddRequest *,
                                            AddReply *),
                  struct sure__e2e__v1__counter_server *handlers) {
  handlers->add = handler;
  struct sure_memory_store_options memory = {.allow_volatile_keys = true};
  assert_int_equal(SURE_OK, sure_memory_store_open(&memory, &side->store));
  const struct sure_server_options server_options = {.store = side->store};
  assert_int_equal(SURE_OK, sure_server_open(&server_options, &side->server));
  assert_int_equal(SURE_OK, sure__e2e__v1__counter_server__register(side->server, handlers, NULL));
  assert_int_equal(SURE_OK, sure_server_listen(side->server, "tcp://127.0.0.1:0"));
  const struct sure_channel_options options = {.target = sure_server_url(side->server, 0)};
  assert_int_equal(SURE_OK, sure_channel_open(&options, &side->channel));
}

static int begin(void **state) {
  static struct sure__e2e__v1__counter_server front_handlers;
  static struct sure__e2e__v1__counter_server back_handlers;
  (void)state;
  scene.at_back = NULL;
  scene.front_is_done = false;
  serve(&back, wait_at_back, &back_handlers);
  serve(&front, call_back, &front_handlers);
  return 0;
}

static void stop(struct side *side) {
  side->channel = sure_channel_free(side->channel, 0);
  side->server = sure_server_free(side->server);
  sure_store_free(side->store);
}

static int end(void **state) {
  (void)state;
  stop(&front);
  stop(&back);
  return 0;
}

static void ended(void *user, const struct sure_status *status, const AddReply *reply) {
  (void)user;
  (void)status;
  (void)reply;
}

static uint64_t start(const struct sure_call_options *options) {
  AddRequest request = SURE__E2E__V1__ADD_REQUEST__INIT;
  uint64_t handle = 0;
  assert_int_equal(SURE_OK, sure__e2e__v1__counter_client__add__async(
                                front.channel, &request, options, ended, NULL, &handle));
  return handle;
}

static struct sure_call *wait_for_back(void) {
  pthread_mutex_lock(&scene.mutex);
  while (scene.at_back == NULL) {
    pthread_cond_wait(&scene.changed, &scene.mutex);
  }
  struct sure_call *call = scene.at_back;
  pthread_mutex_unlock(&scene.mutex);
  return call;
}

static void wait_for_front(void) {
  pthread_mutex_lock(&scene.mutex);
  while (!scene.front_is_done) {
    pthread_cond_wait(&scene.changed, &scene.mutex);
  }
  pthread_mutex_unlock(&scene.mutex);
}

static void cancelling_a_call_cancels_what_its_handler_has_under_way(void **state) {
  (void)state;
  uint64_t handle = start(NULL);
  struct sure_call *at_back = wait_for_back();
  sure_channel_cancel(front.channel, handle);
  while (!sure_call_is_cancelled(at_back)) {
    sched_yield();
  }
  sure_call_finish(at_back, SURE_CANCELLED);
  wait_for_front();
  assert_int_equal(SURE_CANCELLED, scene.front_saw);
}

/* A handler may ignore the cancellation; then the effect is there, and is not denied. */
static void a_cancelled_call_that_was_applied_says_so(void **state) {
  (void)state;
  uint64_t handle = start(NULL);
  struct sure_call *at_back = wait_for_back();
  sure_channel_cancel(front.channel, handle);
  while (!sure_call_is_cancelled(at_back)) {
    sched_yield();
  }
  sure_call_finish(at_back, SURE_OK);
  wait_for_front();
  assert_int_equal(SURE_CANCELLED, scene.front_saw);
  assert_int_equal(SURE_APPLIED, scene.front_outcome);
}

static void a_call_inherits_deadline_and_trace_of_its_parent(void **state) {
  (void)state;
  static const char trace[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  start(&(struct sure_call_options){.timeout_ms = 5000, .traceparent = trace});
  struct sure_call *at_back = wait_for_back();
  assert_string_equal(trace, scene.traceparent);
  assert_in_range(scene.time_left_ms, 1, 5000); /* and not the channel's 10 000 */
  sure_call_finish(at_back, SURE_OK);
  wait_for_front();
  assert_int_equal(SURE_OK, scene.front_saw);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(cancelling_a_call_cancels_what_its_handler_has_under_way),
      TEST(a_cancelled_call_that_was_applied_says_so),
      TEST(a_call_inherits_deadline_and_trace_of_its_parent),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
