/* What gRPC's interoperability tests check, one test each (docs/streaming.md has the table).
 *
 *     interop-test tcp | ipc | cut
 *
 * cut: over TCP through a proxy that ends all connections every 150 ms; the results are the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>
#include <sure/sure.h>

#include "interop.sure.h"
#include "tests/interop/interop_server.h"
#include "tests/lib/relay.h"

typedef Sure__Interop__V1__Part Part;
typedef Sure__Interop__V1__Nothing Nothing;
typedef Sure__Interop__V1__ChatRequest ChatRequest;

#ifdef SANITIZED
enum { CALLS_AT_ONCE = 100, SOAK_CALLS = 20 };
#else
enum { CALLS_AT_ONCE = 1000, SOAK_CALLS = 200 };
#endif
enum { CUT_EVERY_MS = 150 };

static const int32_t up_lens[] = {27182, 8, 1828, 45904};
static const int32_t down_lens[] = {31415, 9, 2653, 58979};
enum { LENS = 4 };

static const char *way; /* how the client reaches the server */
static struct sure_server *server;
static struct sure_channel *channel;
static struct sure_status *status;
static struct relay *relay;
static pthread_t cutter;
static atomic_bool cuts;

static const struct sure_call_options within_a_minute = {.timeout_ms = 60000};

/* ---- set-up ---- */

static void *cut_again_and_again(void *user) {
  (void)user;
  while (atomic_load(&cuts)) {
    nanosleep(&(struct timespec){.tv_nsec = CUT_EVERY_MS * 1000000L}, NULL);
    relay_cut(relay);
  }
  return NULL;
}

static struct sure_channel *open_channel(void) {
  struct sure_channel *opened = NULL;
  const struct sure_channel_options options = {.target = relay != NULL ? relay_url(relay)
                                                                       : sure_server_url(server, 0),
                                               .reconnect_ms_initial = 20,
                                               .retry_budget = {.is_unlimited = true}};
  assert_int_equal(SURE_OK, sure_channel_open(&options, &opened));
  return opened;
}

static int begin(void **state) {
  (void)state;
  char url[64] = "tcp://127.0.0.1:0";
  if (strcmp(way, "ipc") == 0) {
    snprintf(url, sizeof url, "ipc:///tmp/sure-interop-%d", (int)getpid());
  }
  server = interop_server_open(url);
  assert_non_null(server);
  if (strcmp(way, "cut") == 0) {
    relay = relay_open(sure_server_url(server, 0));
    atomic_store(&cuts, true);
    assert_int_equal(0, pthread_create(&cutter, NULL, cut_again_and_again, NULL));
  }
  channel = open_channel();
  status = sure_status_new();
  return 0;
}

static int end(void **state) {
  (void)state;
  if (relay != NULL) {
    atomic_store(&cuts, false);
    pthread_join(cutter, NULL);
  }
  channel = sure_channel_free(channel, 0);
  server = sure_server_free(server);
  relay = relay != NULL ? relay_free(relay) : NULL;
  sure_status_free(status);
  return 0;
}

static void expect_ok(enum sure_code code) {
  if (code != SURE_OK) {
    fail_msg("%s, %s: %s", sure_code_name(code), sure_reason_name(sure_status_reason(status)),
             sure_status_message(status));
  }
}

/* ---- one request, one reply ---- */

static void empty_unary(void **state) {
  (void)state;
  Nothing request = SURE__INTEROP__V1__NOTHING__INIT;
  Nothing *reply = NULL;
  expect_ok(sure__interop__v1__interop_client__empty(channel, &request, &within_a_minute, &reply,
                                                     status));
  sure__interop__v1__nothing__free_unpacked(reply, NULL);
}

static void large_unary_over(struct sure_channel *over) {
  static uint8_t body[271828];
  Sure__Interop__V1__UnaryRequest request = SURE__INTEROP__V1__UNARY_REQUEST__INIT;
  Sure__Interop__V1__UnaryReply *reply = NULL;
  request.body = (ProtobufCBinaryData){.len = sizeof body, .data = body};
  request.reply_len = 314159;
  expect_ok(
      sure__interop__v1__interop_client__unary(over, &request, &within_a_minute, &reply, status));
  assert_int_equal(314159, reply->body.len);
  sure__interop__v1__unary_reply__free_unpacked(reply, NULL);
}

static void large_unary(void **state) {
  (void)state;
  large_unary_over(channel);
}

static void unary_with_status(int32_t code, const char *text) {
  Sure__Interop__V1__Status wanted = SURE__INTEROP__V1__STATUS__INIT;
  Sure__Interop__V1__UnaryRequest request = SURE__INTEROP__V1__UNARY_REQUEST__INIT;
  Sure__Interop__V1__UnaryReply *reply = NULL;
  wanted.code = code;
  wanted.text = (char *)(uintptr_t)text;
  request.status = &wanted;
  assert_int_equal(code, sure__interop__v1__interop_client__unary(
                             channel, &request, &within_a_minute, &reply, status));
  assert_string_equal(text, sure_status_message(status));
}

static const char special_text[] = "\t\ntest with whitespace\r\nand Unicode BMP \u263A and non-BMP "
                                   "\U0001F608\t\n";

static void special_status_message(void **state) {
  (void)state;
  unary_with_status(SURE_UNKNOWN, special_text);
}

static void unimplemented_method(void **state) {
  (void)state;
  Nothing request = SURE__INTEROP__V1__NOTHING__INIT;
  Nothing *reply = NULL;
  assert_int_equal(SURE_UNIMPLEMENTED, sure__interop__v1__interop_client__unserved(
                                           channel, &request, &within_a_minute, &reply, status));
}

static void unimplemented_service(void **state) {
  (void)state;
  struct sure_method unknown = sure__interop__v1__interop_service.methods[0];
  unknown.full_name = "sure.interop.v1.Nowhere/Empty";
  unknown.id++;
  Nothing request = SURE__INTEROP__V1__NOTHING__INIT;
  ProtobufCMessage *reply = NULL;
  assert_int_equal(SURE_UNIMPLEMENTED, sure_channel_call(channel, &unknown, &request.base,
                                                         &within_a_minute, &reply, status));
}

/* ---- streams ---- */

static struct sure_stream *open_sum(void) {
  struct sure_stream *stream = NULL;
  expect_ok(
      sure__interop__v1__interop_client__sum__open(channel, &within_a_minute, &stream, status));
  return stream;
}

static void write_sum(struct sure_stream *stream, int32_t len) {
  static uint8_t body[100000];
  Part part = SURE__INTEROP__V1__PART__INIT;
  part.body = (ProtobufCBinaryData){.len = (size_t)len, .data = body};
  expect_ok(sure__interop__v1__interop_client__sum__write(stream, &part));
}

static void client_streaming_of(unsigned rounds) {
  struct sure_stream *stream = open_sum();
  for (unsigned i = 0; i < rounds * LENS; i++) {
    write_sum(stream, up_lens[i % LENS]);
  }
  Sure__Interop__V1__SumReply *reply = NULL;
  expect_ok(sure__interop__v1__interop_client__sum__finish(stream, &reply));
  assert_int_equal(74922 * rounds, reply->len);
  sure__interop__v1__sum_reply__free_unpacked(reply, NULL);
}

static void client_streaming(void **state) {
  (void)state;
  client_streaming_of(1);
}

static void server_streaming_of(unsigned rounds) {
  int32_t *lens = calloc((size_t)rounds * LENS, sizeof *lens);
  Sure__Interop__V1__ServeRequest request = SURE__INTEROP__V1__SERVE_REQUEST__INIT;
  struct sure_stream *stream = NULL;
  for (unsigned i = 0; i < rounds * LENS; i++) {
    lens[i] = down_lens[i % LENS];
  }
  request.lens = lens;
  request.n_lens = (size_t)rounds * LENS;
  expect_ok(sure__interop__v1__interop_client__serve__open(channel, &request, &within_a_minute,
                                                           &stream, status));
  unsigned count = 0;
  Part *part;
  enum sure_code code;
  while ((code = sure__interop__v1__interop_client__serve__read(stream, &part)) == SURE_OK) {
    assert_int_equal(down_lens[count++ % LENS], part->body.len);
    sure__interop__v1__part__free_unpacked(part, NULL);
  }
  assert_int_equal(SURE_OUT_OF_RANGE, code);
  expect_ok(sure__interop__v1__interop_client__serve__finish(stream));
  assert_int_equal(rounds * LENS, count);
  free(lens);
}

static void server_streaming(void **state) {
  (void)state;
  server_streaming_of(1);
}

/* So long that connections are cut in the middle of it, where they are. */
static void long_streams_either_way(void **state) {
  (void)state;
  unsigned rounds = relay == NULL && CALLS_AT_ONCE == 1000 ? 300 : 40;
  client_streaming_of(rounds);
  server_streaming_of(rounds);
}

static struct sure_stream *open_chat(const struct sure_call_options *options) {
  struct sure_stream *stream = NULL;
  expect_ok(sure__interop__v1__interop_client__chat__open(channel, options, &stream, status));
  return stream;
}

static enum sure_code say(struct sure_stream *stream, int32_t up_len, int32_t down_len,
                          Sure__Interop__V1__Status *wanted) {
  static uint8_t body[100000];
  ChatRequest request = SURE__INTEROP__V1__CHAT_REQUEST__INIT;
  request.body = (ProtobufCBinaryData){.len = (size_t)up_len, .data = body};
  request.lens = &down_len;
  request.n_lens = wanted == NULL;
  request.status = wanted;
  return sure__interop__v1__interop_client__chat__write(stream, &request);
}

static void hear(struct sure_stream *stream, int32_t len) {
  Part *part = NULL;
  expect_ok(sure__interop__v1__interop_client__chat__read(stream, &part));
  assert_int_equal(len, part->body.len);
  sure__interop__v1__part__free_unpacked(part, NULL);
}

static void ping_pong(void **state) {
  (void)state;
  struct sure_stream *stream = open_chat(&within_a_minute);
  for (unsigned i = 0; i < 50 * LENS; i++) {
    expect_ok(say(stream, up_lens[i % LENS], down_lens[i % LENS], NULL));
    hear(stream, down_lens[i % LENS]);
  }
  expect_ok(sure__interop__v1__interop_client__chat__finish(stream));
}

static void empty_stream(void **state) {
  (void)state;
  struct sure_stream *stream = open_chat(&within_a_minute);
  Part *part = NULL;
  sure_stream_done_writing(stream);
  assert_int_equal(SURE_OUT_OF_RANGE, sure__interop__v1__interop_client__chat__read(stream, &part));
  expect_ok(sure__interop__v1__interop_client__chat__finish(stream));
}

static void status_code_and_message(void **state) {
  (void)state;
  unary_with_status(SURE_UNKNOWN, "test status message");
  Sure__Interop__V1__Status wanted = SURE__INTEROP__V1__STATUS__INIT;
  wanted.code = SURE_UNKNOWN;
  wanted.text = (char *)(uintptr_t) "test status message";
  struct sure_stream *stream = open_chat(&within_a_minute);
  expect_ok(say(stream, 1, 0, &wanted));
  assert_int_equal(SURE_UNKNOWN, sure__interop__v1__interop_client__chat__finish(stream));
  assert_string_equal("test status message", sure_status_message(status));
}

static void expect_pair(const struct sure_metadata *metadata, const char *key, const void *value,
                        size_t len) {
  struct sure_bytes found;
  assert_true(sure_metadata_find(metadata, key, &found));
  assert_int_equal(len, found.len);
  assert_memory_equal(value, found.data, len);
}

static void custom_metadata(void **state) {
  (void)state;
  static const uint8_t binary[] = {0xAB, 0xAB, 0x00, 0xAB};
  struct sure_metadata *metadata = sure_metadata_new();
  static const char text[] = "test_initial_metadata_value";
  assert_int_equal(SURE_OK, sure_metadata_add(metadata, "x-echo-initial", text));
  assert_int_equal(SURE_OK, sure_metadata_add_bytes(metadata, "x-echo-trailing-bin",
                                                    (struct sure_bytes){binary, sizeof binary}));
  const struct sure_call_options options = {.timeout_ms = 60000, .metadata = metadata};
  Sure__Interop__V1__UnaryRequest request = SURE__INTEROP__V1__UNARY_REQUEST__INIT;
  Sure__Interop__V1__UnaryReply *reply = NULL;
  expect_ok(sure__interop__v1__interop_client__unary(channel, &request, &options, &reply, status));
  sure__interop__v1__unary_reply__free_unpacked(reply, NULL);
  for (int i = 0; i < 2; i++) {
    expect_pair(sure_status_initial_metadata(status), "x-echo-initial", text, strlen(text));
    expect_pair(sure_status_trailing_metadata(status), "x-echo-trailing-bin", binary,
                sizeof binary);
    if (i == 0) {
      expect_ok(sure__interop__v1__interop_client__chat__finish(open_chat(&options)));
    }
  }
  sure_metadata_free(metadata);
}

/* ---- giving up ---- */

static void cancel_after_begin(void **state) {
  (void)state;
  struct sure_stream *stream = open_sum();
  sure_stream_cancel(stream);
  Sure__Interop__V1__SumReply *reply = NULL;
  assert_int_equal(SURE_CANCELLED, sure__interop__v1__interop_client__sum__finish(stream, &reply));
}

static void cancel_after_first_response(void **state) {
  (void)state;
  struct sure_stream *stream = open_chat(&within_a_minute);
  expect_ok(say(stream, 27182, 31415, NULL));
  hear(stream, 31415);
  sure_stream_cancel(stream);
  Part *part = NULL;
  assert_int_equal(SURE_CANCELLED, sure__interop__v1__interop_client__chat__read(stream, &part));
  assert_int_equal(SURE_CANCELLED, sure__interop__v1__interop_client__chat__finish(stream));
}

static void timeout_on_sleeping_server(void **state) {
  (void)state;
  const struct sure_call_options options = {.timeout_ms = 50};
  Nothing request = SURE__INTEROP__V1__NOTHING__INIT;
  struct sure_stream *stream = NULL;
  expect_ok(
      sure__interop__v1__interop_client__sleep__open(channel, &request, &options, &stream, status));
  assert_int_equal(SURE_DEADLINE_EXCEEDED,
                   sure__interop__v1__interop_client__sleep__finish(stream));
}

/* The end of the test frees both while a handler waits for more. */
static void server_freed_in_the_middle_of_a_stream(void **state) {
  (void)state;
  struct sure_stream *stream = open_chat(&within_a_minute);
  expect_ok(say(stream, 8, 9, NULL));
  hear(stream, 9);
  server = sure_server_free(server);
  sure_stream_cancel(stream);
  assert_int_equal(SURE_CANCELLED, sure__interop__v1__interop_client__chat__finish(stream));
}

/* ---- many ---- */

struct crowd {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  unsigned ended;
  unsigned ok;
};

static void joined(void *user, const struct sure_status *how,
                   const Sure__Interop__V1__UnaryReply *reply) {
  struct crowd *crowd = user;
  pthread_mutex_lock(&crowd->mutex);
  crowd->ended++;
  crowd->ok += sure_status_code(how) == SURE_OK && reply->body.len == 314159;
  pthread_cond_broadcast(&crowd->changed);
  pthread_mutex_unlock(&crowd->mutex);
}

static void concurrent_large_unary(void **state) {
  (void)state;
  static uint8_t body[271828];
  unsigned count = CALLS_AT_ONCE;
  struct crowd crowd = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
  Sure__Interop__V1__UnaryRequest request = SURE__INTEROP__V1__UNARY_REQUEST__INIT;
  request.body = (ProtobufCBinaryData){.len = sizeof body, .data = body};
  request.reply_len = 314159;
  for (unsigned i = 0; i < count; i++) {
    assert_int_equal(SURE_OK, sure__interop__v1__interop_client__unary__async(
                                  channel, &request, &within_a_minute, joined, &crowd, NULL));
  }
  pthread_mutex_lock(&crowd.mutex);
  while (crowd.ended < count) {
    pthread_cond_wait(&crowd.changed, &crowd.mutex);
  }
  pthread_mutex_unlock(&crowd.mutex);
  assert_int_equal(count, crowd.ok);
}

static void soak_on_one_channel(void **state) {
  (void)state;
  for (int i = 0; i < SOAK_CALLS / (relay == NULL ? 1 : 10); i++) {
    large_unary_over(channel);
  }
}

static void soak_with_a_channel_for_each_call(void **state) {
  (void)state;
  for (int i = 0; i < SOAK_CALLS / (relay == NULL ? 1 : 10); i++) {
    struct sure_channel *own = open_channel();
    large_unary_over(own);
    sure_channel_free(own, 0);
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(int argc, char **argv) {
  way = argc > 1 ? argv[1] : "tcp";
  const struct CMUnitTest tests[] = {
      TEST(empty_unary),
      TEST(large_unary),
      TEST(client_streaming),
      TEST(server_streaming),
      TEST(long_streams_either_way),
      TEST(ping_pong),
      TEST(empty_stream),
      TEST(custom_metadata),
      TEST(status_code_and_message),
      TEST(special_status_message),
      TEST(unimplemented_method),
      TEST(unimplemented_service),
      TEST(cancel_after_begin),
      TEST(cancel_after_first_response),
      TEST(timeout_on_sleeping_server),
      TEST(server_freed_in_the_middle_of_a_stream),
      TEST(concurrent_large_unary),
      TEST(soak_on_one_channel),
      TEST(soak_with_a_channel_for_each_call),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
