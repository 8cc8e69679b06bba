/* Channels against a real server in the same process, over loopback TCP. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sure/sure.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "echo.sure.h"

typedef Sure__Test__V1__Line Line;

/* A gate that handlers and completions of a test pass through. */
struct gate {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  unsigned arrived;
  bool open;
};

static struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, false};

static void gate_arrive(void) {
  pthread_mutex_lock(&gate.mutex);
  gate.arrived++;
  pthread_cond_broadcast(&gate.changed);
  pthread_mutex_unlock(&gate.mutex);
}

static void gate_await(unsigned arrived) {
  pthread_mutex_lock(&gate.mutex);
  while (gate.arrived < arrived) {
    pthread_cond_wait(&gate.changed, &gate.mutex);
  }
  pthread_mutex_unlock(&gate.mutex);
}

static void gate_set(bool open) {
  pthread_mutex_lock(&gate.mutex);
  gate.open = open;
  gate.arrived = 0;
  pthread_cond_broadcast(&gate.changed);
  pthread_mutex_unlock(&gate.mutex);
}

static enum sure_code say(void *user, struct sure_call *call, const Line *request, Line *reply) {
  (void)user;
  (void)call;
  reply->text = request->text;
  return SURE_OK;
}

static enum sure_code wait_at_gate(void *user, struct sure_call *call, const Line *request,
                                   Line *reply) {
  gate_arrive();
  pthread_mutex_lock(&gate.mutex);
  while (!gate.open) {
    pthread_cond_wait(&gate.changed, &gate.mutex);
  }
  pthread_mutex_unlock(&gate.mutex);
  return say(user, call, request, reply);
}

static enum sure_code refuse(void *user, struct sure_call *call, const Line *request, Line *reply) {
  (void)user;
  (void)reply;
  return sure_call_fail(call, SURE_NOT_FOUND, "%s", request->text);
}

static const struct sure__test__v1__echo_server handlers = {
    .say = say, .wait = wait_at_gate, .refuse = refuse};

static struct sure_server *serve(const char *url) {
  struct sure_server *server = NULL;
  struct sure_server_options options = {
      .logger = {.fn = sure_log_to_stderr, .level_min = SURE_LOG_ERROR}};
  assert_int_equal(sure_server_open(&options, &server), SURE_OK);
  assert_int_equal(sure__test__v1__echo_server__register(server, &handlers, NULL), SURE_OK);
  assert_int_equal(sure_server_listen(server, url), SURE_OK);
  return server;
}

static struct sure_channel *connect_to(const char *url) {
  struct sure_channel *channel = NULL;
  assert_int_equal(sure_channel_open(&(struct sure_channel_options){.target = url}, &channel),
                   SURE_OK);
  return channel;
}

static enum sure_code say_to(struct sure_channel *channel, char *text, struct sure_status *status) {
  Line request = SURE__TEST__V1__LINE__INIT;
  request.text = text;
  Line *reply = NULL;
  enum sure_code code = sure__test__v1__echo_client__say(channel, &request, NULL, &reply, status);
  if (code == SURE_OK) {
    assert_string_equal(reply->text, text);
    sure__test__v1__line__free_unpacked(reply, NULL);
  }
  return code;
}

struct fixture {
  struct sure_server *server;
  struct sure_channel *channel;
  struct sure_status *status;
};

static void set_up(struct fixture *fixture) {
  gate_set(false);
  fixture->server = serve("tcp://127.0.0.1:0");
  fixture->channel = connect_to(sure_server_url(fixture->server, 0));
  fixture->status = sure_status_new();
  assert_non_null(fixture->status);
}

static void tear_down(struct fixture *fixture) {
  fixture->channel = sure_channel_free(fixture->channel, 0);
  fixture->server = sure_server_free(fixture->server);
  fixture->status = sure_status_free(fixture->status);
}

static void *say_often(void *user) {
  char text[32];
  for (int i = 0; i < 200; i++) {
    snprintf(text, sizeof text, "line %d", i);
    assert_int_equal(say_to(user, text, NULL), SURE_OK);
  }
  return NULL;
}

static void blocking_calls_of_many_threads_share_a_channel(void **state) {
  (void)state;
  struct fixture fixture;
  set_up(&fixture);
  pthread_t threads[8];
  for (int i = 0; i < 8; i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, say_often, fixture.channel), 0);
  }
  for (int i = 0; i < 8; i++) {
    pthread_join(threads[i], NULL);
  }
  struct sure_channel_stats stats;
  sure_channel_get_stats(fixture.channel, &stats);
  assert_int_equal(stats.calls, 1600);
  assert_int_equal(stats.open, 0);
  assert_int_equal(stats.connects, 1);
  tear_down(&fixture);
}

static void status_of_a_refusal_is_complete(void **state) {
  (void)state;
  struct fixture fixture;
  set_up(&fixture);
  Line request = SURE__TEST__V1__LINE__INIT;
  request.text = "no account 7";
  Line *untouched = &request;
  Line *reply = untouched;
  assert_int_equal(
      sure__test__v1__echo_client__refuse(fixture.channel, &request, NULL, &reply, fixture.status),
      SURE_NOT_FOUND);
  assert_ptr_equal(reply, untouched);
  assert_string_equal(sure_status_message(fixture.status), "no account 7");
  assert_int_equal(sure_status_outcome(fixture.status), SURE_NOT_APPLIED);
  assert_true(sure_status_recorded(fixture.status));
  assert_int_equal(sure_status_attempts(fixture.status), 1);
  assert_int_equal(sure_status_call_id(fixture.status).sequence, 1);
  tear_down(&fixture);
}

static void long_messages_travel_in_parts(void **state) {
  (void)state;
  struct fixture fixture;
  set_up(&fixture);
  size_t len = 3 * 1024 * 1024;
  char *text = malloc(len + 1);
  assert_non_null(text);
  for (size_t i = 0; i < len; i++) {
    text[i] = (char)('a' + i % 23);
  }
  text[len] = '\0';
  assert_int_equal(say_to(fixture.channel, text, fixture.status), SURE_OK);
  free(text);
  tear_down(&fixture);
}

static void request_over_the_limit_is_refused_here(void **state) {
  (void)state;
  struct fixture fixture;
  set_up(&fixture);
  size_t len = SURE_MESSAGE_LEN_MAX_DEFAULT;
  char *text = malloc(len + 1);
  assert_non_null(text);
  memset(text, 'x', len);
  text[len] = '\0';
  assert_int_equal(say_to(fixture.channel, text, fixture.status), SURE_RESOURCE_EXHAUSTED);
  assert_int_equal(sure_status_outcome(fixture.status), SURE_NOT_APPLIED);
  assert_int_equal(sure_status_attempts(fixture.status), 0);
  free(text);
  tear_down(&fixture);
}

/* Each completion starts the next call, and tries to wait for one, which it may not. */
struct chain {
  struct sure_channel *channel;
  unsigned left;
};

static void go_on(void *user, const struct sure_status *status, const Line *reply);

static void start_next(struct chain *chain) {
  Line request = SURE__TEST__V1__LINE__INIT;
  request.text = "on";
  assert_int_equal(
      sure__test__v1__echo_client__say__async(chain->channel, &request, NULL, go_on, chain, NULL),
      SURE_OK);
}

static void go_on(void *user, const struct sure_status *status, const Line *reply) {
  struct chain *chain = user;
  assert_int_equal(sure_status_code(status), SURE_OK);
  assert_string_equal(reply->text, "on");
  assert_int_equal(say_to(chain->channel, "no", NULL), SURE_FAILED_PRECONDITION);
  chain->left--;
  if (chain->left == 0) {
    gate_arrive();
  } else {
    start_next(chain);
  }
}

static void completions_start_calls_and_never_wait(void **state) {
  (void)state;
  struct fixture fixture;
  set_up(&fixture);
  struct chain chains[16];
  for (int i = 0; i < 16; i++) {
    chains[i] = (struct chain){fixture.channel, 200};
    start_next(&chains[i]);
  }
  gate_await(16);
  tear_down(&fixture);
}

static void expect_cancelled(void *user, const struct sure_status *status, const Line *reply) {
  (void)user;
  assert_int_equal(sure_status_code(status), SURE_CANCELLED);
  assert_int_equal(sure_status_outcome(status), SURE_OUTCOME_UNKNOWN);
  assert_null(reply);
  gate_arrive();
}

static uint64_t start_waiting(struct sure_channel *channel) {
  Line request = SURE__TEST__V1__LINE__INIT;
  uint64_t handle = 0;
  assert_int_equal(sure__test__v1__echo_client__wait__async(channel, &request, NULL,
                                                            expect_cancelled, NULL, &handle),
                   SURE_OK);
  gate_await(1); /* the handler runs */
  return handle;
}

static void cancelled_call_completes_once(void **state) {
  (void)state;
  struct fixture fixture;
  set_up(&fixture);
  uint64_t handle = start_waiting(fixture.channel);
  sure_channel_cancel(fixture.channel, handle);
  sure_channel_cancel(fixture.channel, handle);
  gate_await(2);
  gate_set(true);
  assert_int_equal(say_to(fixture.channel, "after", NULL), SURE_OK);
  tear_down(&fixture);
}

static void free_completes_what_is_open(void **state) {
  (void)state;
  struct fixture fixture;
  set_up(&fixture);
  start_waiting(fixture.channel);
  fixture.channel = sure_channel_free(fixture.channel, 0);
  gate_await(2);
  gate_set(true);
  tear_down(&fixture);
}

static void *serve_late(void *user) {
  gate_await(1);
  return serve(user);
}

static void channel_survives_its_server(void **state) {
  (void)state;
  struct fixture fixture;
  set_up(&fixture);
  assert_int_equal(say_to(fixture.channel, "before", NULL), SURE_OK);
  char url[64];
  snprintf(url, sizeof url, "%s", sure_server_url(fixture.server, 0));
  fixture.server = sure_server_free(fixture.server);
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, serve_late, url), 0);
  gate_arrive();
  if (say_to(fixture.channel, "after", fixture.status) != SURE_OK) {
    /* It left on the old connection, and only the store that is gone knew what became of it. */
    assert_int_equal(sure_status_outcome(fixture.status), SURE_OUTCOME_UNKNOWN);
    assert_int_equal(say_to(fixture.channel, "after", fixture.status), SURE_OK);
  }
  void *server;
  pthread_join(thread, &server);
  fixture.server = server;
  struct sure_channel_stats stats;
  sure_channel_get_stats(fixture.channel, &stats);
  assert_int_equal(stats.sessions, 2); /* a memory store forgets, and has another id */
  tear_down(&fixture);
}

static void deadline_without_a_server_is_not_applied(void **state) {
  (void)state;
  struct sure_channel *channel = connect_to("tcp://127.0.0.1:1");
  struct sure_status *status = sure_status_new();
  Line request = SURE__TEST__V1__LINE__INIT;
  Line *reply = NULL;
  struct sure_call_options options = {.timeout_ms = 100};
  assert_int_equal(sure__test__v1__echo_client__say(channel, &request, &options, &reply, status),
                   SURE_DEADLINE_EXCEEDED);
  assert_int_equal(sure_status_outcome(status), SURE_NOT_APPLIED);
  sure_status_free(status);
  sure_channel_free(channel, 0);
}

static void forked_child_is_refused(void **state) {
  (void)state;
  struct fixture fixture;
  set_up(&fixture);
  assert_int_equal(say_to(fixture.channel, "parent", NULL), SURE_OK);
  pid_t pid = fork();
  if (pid == 0) {
    enum sure_code code = say_to(fixture.channel, "child", fixture.status);
    bool right =
        code == SURE_FAILED_PRECONDITION && sure_status_outcome(fixture.status) == SURE_NOT_APPLIED;
    struct sure_channel_stats stats;
    sure_channel_get_stats(fixture.channel, &stats);
    right = right && stats.calls == 0;
    sure_channel_free(fixture.channel, 0);
    _exit(right ? 0 : 1);
  }
  int wait_status;
  assert_int_equal(waitpid(pid, &wait_status, 0), pid);
  assert_true(WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0);
  assert_int_equal(say_to(fixture.channel, "parent again", NULL), SURE_OK);
  tear_down(&fixture);
}

static void wrong_options_are_refused(void **state) {
  (void)state;
  struct sure_channel *untouched = (struct sure_channel *)&gate;
  struct sure_channel *channel = untouched;
  const struct sure_channel_options wrong[] = {
      {.target = NULL},
      {.target = "http://127.0.0.1:80"},
      {.target = "tcp://127.0.0.1:1", .timeout_ms = SURE_CALL_TIMEOUT_MS_MAX + 1},
      {.target = "tcp://127.0.0.1:1", .unresolved_calls_max = SURE_OPEN_CALLS_MAX + 1},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    assert_int_equal(sure_channel_open(&wrong[i], &channel), SURE_INVALID_ARGUMENT);
    assert_ptr_equal(channel, untouched);
  }
  assert_null(sure_channel_free(NULL, 0));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blocking_calls_of_many_threads_share_a_channel),
      cmocka_unit_test(status_of_a_refusal_is_complete),
      cmocka_unit_test(long_messages_travel_in_parts),
      cmocka_unit_test(request_over_the_limit_is_refused_here),
      cmocka_unit_test(completions_start_calls_and_never_wait),
      cmocka_unit_test(cancelled_call_completes_once),
      cmocka_unit_test(free_completes_what_is_open),
      cmocka_unit_test(channel_survives_its_server),
      cmocka_unit_test(deadline_without_a_server_is_not_applied),
      cmocka_unit_test(forked_child_is_refused),
      cmocka_unit_test(wrong_options_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
