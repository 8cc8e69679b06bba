/* Handlers that go on in steps: two threads of the pool are enough for any number of streams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sure/sure.h>

#include "steps.sure.h"

typedef Sure__Steps__V1__Number Number;

enum { STREAMS = 300, ROUNDS = 3, COUNTED = 2000, LISTENERS = 50 };

static struct sure_server *server;
static struct sure_channel *channel;
static struct sure_status *status;
static const struct sure_call_options within_a_minute = {.timeout_ms = 60000};

/* ---- what handlers do ---- */

static atomic_uint ended_count;

static enum sure_code end(enum sure_code code) {
  atomic_fetch_add(&ended_count, 1);
  return code == SURE_OUT_OF_RANGE ? SURE_OK : code;
}

/* What was read last and could not be written yet is kept. */
struct echo {
  Number *number;
};

static enum sure_code echo_on(void *user, struct sure_call *call, struct sure_stream *stream) {
  struct echo *echo = user;
  (void)call;
  for (;;) {
    enum sure_code code = SURE_OK;
    if (echo->number == NULL) {
      code = sure__steps__v1__steps_server__echo__try_read(stream, &echo->number);
    }
    bool is_taken = false;
    if (code == SURE_OK && echo->number != NULL) {
      code = sure__steps__v1__steps_server__echo__try_write(stream, echo->number, &is_taken);
    }
    if (code == SURE_OK && !is_taken) {
      return sure_stream_wait(stream, echo_on, echo);
    }
    if (echo->number != NULL) {
      sure__steps__v1__number__free_unpacked(echo->number, NULL);
      echo->number = NULL;
    }
    if (code != SURE_OK) {
      return end(code);
    }
  }
}

static enum sure_code echo(void *user, struct sure_call *call, struct sure_stream *stream) {
  (void)user;
  struct echo *echo = sure_call_alloc(call, sizeof *echo);
  return echo == NULL ? SURE_RESOURCE_EXHAUSTED : echo_on(echo, call, stream);
}

struct count {
  uint64_t next;
  uint64_t last;
};

static enum sure_code count_on(void *user, struct sure_call *call, struct sure_stream *stream) {
  struct count *count = user;
  static uint8_t ballast[1000];
  (void)call;
  while (count->next <= count->last) {
    Number number = SURE__STEPS__V1__NUMBER__INIT;
    number.value = count->next;
    number.ballast = (ProtobufCBinaryData){sizeof ballast, ballast};
    bool is_taken;
    enum sure_code code =
        sure__steps__v1__steps_server__count__try_write(stream, &number, &is_taken);
    if (code != SURE_OK) {
      return end(code);
    }
    if (!is_taken) {
      return sure_stream_wait(stream, count_on, count);
    }
    count->next++;
  }
  return end(SURE_OK);
}

static enum sure_code count(void *user, struct sure_call *call, const Number *request,
                            struct sure_stream *stream) {
  (void)user;
  struct count *count = sure_call_alloc(call, sizeof *count);
  if (count == NULL) {
    return SURE_RESOURCE_EXHAUSTED;
  }
  *count = (struct count){1, request->value};
  if (request->value == 0) {
    sure_stream_wait(stream, count_on, count);
    return SURE_NOT_FOUND;
  }
  return count_on(count, call, stream);
}

static struct {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  uint64_t value;
  unsigned listener_count;
  struct sure_stream *listeners[LISTENERS];
} wire = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void give_out(void) {
  pthread_mutex_lock(&wire.mutex);
  wire.value++;
  for (unsigned i = 0; i < LISTENERS; i++) {
    if (wire.listeners[i] != NULL) {
      sure_stream_wake(wire.listeners[i]);
    }
  }
  pthread_mutex_unlock(&wire.mutex);
}

static void seat(struct sure_stream *before, struct sure_stream *after) {
  pthread_mutex_lock(&wire.mutex);
  unsigned i = 0;
  while (i < LISTENERS && wire.listeners[i] != before) {
    i++;
  }
  assert_true(i < LISTENERS);
  wire.listeners[i] = after;
  wire.listener_count += after != NULL ? 1u : -1u;
  pthread_cond_broadcast(&wire.changed);
  pthread_mutex_unlock(&wire.mutex);
}

static uint64_t given_out(void) {
  pthread_mutex_lock(&wire.mutex);
  uint64_t value = wire.value;
  pthread_mutex_unlock(&wire.mutex);
  return value;
}

static enum sure_code listen_on(void *user, struct sure_call *call, struct sure_stream *stream) {
  uint64_t *heard = user;
  (void)call;
  enum sure_code code = sure_stream_check(stream);
  bool is_taken = true;
  for (uint64_t last = given_out(); code == SURE_OK && *heard < last && is_taken;) {
    Number number = SURE__STEPS__V1__NUMBER__INIT;
    number.value = *heard + 1;
    code = sure__steps__v1__steps_server__listen__try_write(stream, &number, &is_taken);
    *heard += is_taken;
  }
  if (code == SURE_OK) {
    return sure_stream_wait(stream, listen_on, heard);
  }
  seat(stream, NULL);
  return end(code);
}

static enum sure_code listen(void *user, struct sure_call *call, const Number *request,
                             struct sure_stream *stream) {
  (void)user;
  (void)request;
  uint64_t *heard = sure_call_alloc(call, sizeof *heard);
  if (heard == NULL) {
    return SURE_RESOURCE_EXHAUSTED;
  }
  *heard = given_out();
  seat(NULL, stream);
  return listen_on(heard, call, stream);
}

static enum sure_code block(void *user, struct sure_call *call, struct sure_stream *stream) {
  (void)user;
  (void)call;
  Number *number;
  Number answer = SURE__STEPS__V1__NUMBER__INIT;
  enum sure_code code = sure__steps__v1__steps_server__block__read(stream, &number);
  return code == SURE_FAILED_PRECONDITION
             ? sure__steps__v1__steps_server__block__write(stream, &answer)
             : SURE_INTERNAL;
}

/* ---- set-up ---- */

static int begin(void **state) {
  (void)state;
  static const struct sure__steps__v1__steps_server handlers = {
      .echo = echo, .count = count, .listen = listen, .block = block};
  static const struct sure_server_options options = {.pool_thread_count = 2};
  assert_int_equal(SURE_OK, sure_server_open(&options, &server));
  assert_int_equal(SURE_OK, sure_server_set_run_mode(server, "sure.steps.v1.Steps", SURE_RUN_POOL));
  assert_int_equal(SURE_OK, sure__steps__v1__steps_server__register(server, &handlers, NULL));
  assert_int_equal(SURE_OK, sure_server_listen(server, "tcp://127.0.0.1:0"));
  const struct sure_channel_options to = {.target = sure_server_url(server, 0)};
  assert_int_equal(SURE_OK, sure_channel_open(&to, &channel));
  status = sure_status_new();
  atomic_store(&ended_count, 0);
  wire.listener_count = 0;
  return 0;
}

static int finish(void **state) {
  (void)state;
  channel = sure_channel_free(channel, 0);
  server = sure_server_free(server);
  sure_status_free(status);
  return 0;
}

static struct sure_stream *open_echo(void) {
  struct sure_stream *stream = NULL;
  assert_int_equal(SURE_OK, sure__steps__v1__steps_client__echo__open(channel, &within_a_minute,
                                                                      &stream, status));
  return stream;
}

static struct sure_stream *open_listener(void) {
  Number request = SURE__STEPS__V1__NUMBER__INIT;
  struct sure_stream *stream = NULL;
  assert_int_equal(SURE_OK, sure__steps__v1__steps_client__listen__open(
                                channel, &request, &within_a_minute, &stream, status));
  return stream;
}

static void wait_for_listeners(unsigned count) {
  pthread_mutex_lock(&wire.mutex);
  while (wire.listener_count != count) {
    pthread_cond_wait(&wire.changed, &wire.mutex);
  }
  pthread_mutex_unlock(&wire.mutex);
}

/* ---- the tests ---- */

static void few_threads_serve_many_streams_that_are_open_at_once(void **state) {
  (void)state;
  struct sure_stream *streams[STREAMS];
  for (unsigned i = 0; i < STREAMS; i++) {
    streams[i] = open_echo();
  }
  for (uint64_t round = 0; round < ROUNDS; round++) {
    for (unsigned i = 0; i < STREAMS; i++) {
      Number number = SURE__STEPS__V1__NUMBER__INIT;
      number.value = round * STREAMS + i;
      assert_int_equal(SURE_OK, sure__steps__v1__steps_client__echo__write(streams[i], &number));
    }
    for (unsigned i = 0; i < STREAMS; i++) {
      Number *answer = NULL;
      assert_int_equal(SURE_OK, sure__steps__v1__steps_client__echo__read(streams[i], &answer));
      assert_int_equal(answer->value, round * STREAMS + i);
      sure__steps__v1__number__free_unpacked(answer, NULL);
    }
  }
  for (unsigned i = 0; i < STREAMS; i++) {
    assert_int_equal(SURE_OK, sure__steps__v1__steps_client__echo__finish(streams[i]));
  }
  assert_int_equal(atomic_load(&ended_count), STREAMS);
}

/* Far more than the windows hold: it has to wait for its reader again and again. */
static void step_comes_when_there_is_room_again(void **state) {
  (void)state;
  Number request = SURE__STEPS__V1__NUMBER__INIT;
  request.value = COUNTED;
  struct sure_stream *stream = NULL;
  assert_int_equal(SURE_OK, sure__steps__v1__steps_client__count__open(
                                channel, &request, &within_a_minute, &stream, status));
  for (uint64_t value = 1; value <= COUNTED; value++) {
    Number *number = NULL;
    assert_int_equal(SURE_OK, sure__steps__v1__steps_client__count__read(stream, &number));
    assert_int_equal(number->value, value);
    sure__steps__v1__number__free_unpacked(number, NULL);
  }
  assert_int_equal(SURE_OK, sure__steps__v1__steps_client__count__finish(stream));
}

static void news_of_the_application_make_a_step(void **state) {
  (void)state;
  struct sure_stream *streams[LISTENERS];
  for (unsigned i = 0; i < LISTENERS; i++) {
    streams[i] = open_listener();
  }
  wait_for_listeners(LISTENERS);
  for (unsigned round = 0; round < ROUNDS; round++) {
    give_out();
    for (unsigned i = 0; i < LISTENERS; i++) {
      Number *number = NULL;
      assert_int_equal(SURE_OK, sure__steps__v1__steps_client__listen__read(streams[i], &number));
      assert_int_equal(number->value, given_out());
      sure__steps__v1__number__free_unpacked(number, NULL);
    }
  }
  for (unsigned i = 0; i < LISTENERS; i++) {
    sure_stream_cancel(streams[i]);
    assert_int_equal(SURE_CANCELLED, sure__steps__v1__steps_client__listen__finish(streams[i]));
  }
  wait_for_listeners(0);
}

static void nothing_blocks_on_a_thread_of_the_pool(void **state) {
  (void)state;
  struct sure_stream *stream = NULL;
  assert_int_equal(SURE_OK, sure__steps__v1__steps_client__block__open(channel, &within_a_minute,
                                                                       &stream, status));
  assert_int_equal(SURE_FAILED_PRECONDITION, sure__steps__v1__steps_client__block__finish(stream));
}

static void failure_ends_a_stream_whose_handler_meant_to_wait(void **state) {
  (void)state;
  Number request = SURE__STEPS__V1__NUMBER__INIT;
  struct sure_stream *stream = NULL;
  assert_int_equal(SURE_OK, sure__steps__v1__steps_client__count__open(
                                channel, &request, &within_a_minute, &stream, status));
  assert_int_equal(SURE_NOT_FOUND, sure__steps__v1__steps_client__count__finish(stream));
}

static void those_that_wait_are_stepped_to_their_end_when_the_server_is_freed(void **state) {
  (void)state;
  struct sure_stream *streams[LISTENERS];
  for (unsigned i = 0; i < LISTENERS; i++) {
    streams[i] = open_listener();
  }
  wait_for_listeners(LISTENERS);
  server = sure_server_free(server);
  wait_for_listeners(0);
  for (unsigned i = 0; i < LISTENERS; i++) {
    sure_stream_cancel(streams[i]);
    assert_int_not_equal(SURE_OK, sure__steps__v1__steps_client__listen__finish(streams[i]));
  }
}

static void streams_without_an_end_of_their_own_do_not_hold_up_a_drain(void **state) {
  (void)state;
  struct sure_stream *streams[LISTENERS];
  for (unsigned i = 0; i < LISTENERS; i++) {
    streams[i] = open_listener();
  }
  wait_for_listeners(LISTENERS);
  assert_int_equal(SURE_OK, sure_server_drain(server, 30000));
  wait_for_listeners(0);
  for (unsigned i = 0; i < LISTENERS; i++) {
    sure_stream_cancel(streams[i]);
    assert_int_not_equal(SURE_OK, sure__steps__v1__steps_client__listen__finish(streams[i]));
  }
}

static void client_that_tries_to_read_is_told_that_there_is_nothing_yet(void **state) {
  (void)state;
  struct sure_stream *stream = open_listener();
  wait_for_listeners(1);
  Number *number = (Number *)&number;
  assert_int_equal(SURE_OK, sure__steps__v1__steps_client__listen__try_read(stream, &number));
  assert_null(number);
  give_out();
  while (number == NULL) {
    assert_int_equal(SURE_OK, sure__steps__v1__steps_client__listen__try_read(stream, &number));
  }
  assert_int_equal(number->value, given_out());
  sure__steps__v1__number__free_unpacked(number, NULL);
  sure_stream_cancel(stream);
  enum sure_code code;
  do {
    code = sure__steps__v1__steps_client__listen__try_read(stream, &number);
  } while (code == SURE_OK);
  assert_int_equal(SURE_CANCELLED, code);
  assert_int_equal(SURE_CANCELLED, sure__steps__v1__steps_client__listen__finish(stream));
  wait_for_listeners(0);
}

static void client_that_tries_to_write_is_told_when_there_is_no_room(void **state) {
  (void)state;
  static uint8_t ballast[30000];
  struct sure_stream *stream = open_echo();
  Number number = SURE__STEPS__V1__NUMBER__INIT;
  number.ballast = (ProtobufCBinaryData){sizeof ballast, ballast};
  unsigned written_count = 0;
  bool is_taken = true;
  while (is_taken) { /* nobody reads what is said again */
    assert_int_equal(SURE_OK,
                     sure__steps__v1__steps_client__echo__try_write(stream, &number, &is_taken));
    written_count += is_taken;
    assert_true(written_count < 100);
  }
  for (unsigned i = 0; i < written_count; i++) {
    Number *answer = NULL;
    assert_int_equal(SURE_OK, sure__steps__v1__steps_client__echo__read(stream, &answer));
    sure__steps__v1__number__free_unpacked(answer, NULL);
  }
  assert_int_equal(SURE_OK, sure__steps__v1__steps_client__echo__finish(stream));
}

/* What its notifications have brought. */
struct reader {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  uint64_t read_count;
  enum sure_code code;
  bool is_in_call; /* of the notification */
};

static void read_all(void *user, struct sure_stream *stream) {
  struct reader *reader = user;
  Number *number;
  pthread_mutex_lock(&reader->mutex);
  assert_false(reader->is_in_call);
  reader->is_in_call = true;
  pthread_mutex_unlock(&reader->mutex);
  enum sure_code code;
  uint64_t count = 0;
  while ((code = sure__steps__v1__steps_client__count__try_read(stream, &number)) == SURE_OK &&
         number != NULL) {
    count++;
    sure__steps__v1__number__free_unpacked(number, NULL);
  }
  pthread_mutex_lock(&reader->mutex);
  reader->read_count += count;
  reader->code = code;
  reader->is_in_call = false;
  pthread_cond_broadcast(&reader->changed);
  pthread_mutex_unlock(&reader->mutex);
}

static void client_is_notified_of_all_that_comes_and_of_the_end(void **state) {
  (void)state;
  struct reader readers[LISTENERS];
  struct sure_stream *streams[LISTENERS];
  Number request = SURE__STEPS__V1__NUMBER__INIT;
  request.value = COUNTED / 4;
  for (unsigned i = 0; i < LISTENERS; i++) {
    readers[i] =
        (struct reader){.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    assert_int_equal(SURE_OK, sure__steps__v1__steps_client__count__open(
                                  channel, &request, &within_a_minute, &streams[i], NULL));
    sure_stream_notify(streams[i], read_all, &readers[i]);
  }
  for (unsigned i = 0; i < LISTENERS; i++) {
    pthread_mutex_lock(&readers[i].mutex);
    while (readers[i].code == SURE_OK) {
      pthread_cond_wait(&readers[i].changed, &readers[i].mutex);
    }
    pthread_mutex_unlock(&readers[i].mutex);
    assert_int_equal(SURE_OUT_OF_RANGE, readers[i].code);
    assert_int_equal(COUNTED / 4, readers[i].read_count);
    assert_int_equal(SURE_OK, sure__steps__v1__steps_client__count__finish(streams[i]));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)
      TEST(few_threads_serve_many_streams_that_are_open_at_once),
      TEST(step_comes_when_there_is_room_again),
      TEST(news_of_the_application_make_a_step),
      TEST(nothing_blocks_on_a_thread_of_the_pool),
      TEST(failure_ends_a_stream_whose_handler_meant_to_wait),
      TEST(those_that_wait_are_stepped_to_their_end_when_the_server_is_freed),
      TEST(streams_without_an_end_of_their_own_do_not_hold_up_a_drain),
      TEST(client_that_tries_to_read_is_told_that_there_is_nothing_yet),
      TEST(client_that_tries_to_write_is_told_when_there_is_no_room),
      TEST(client_is_notified_of_all_that_comes_and_of_the_end),
#undef TEST
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
