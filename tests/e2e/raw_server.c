#include "tests/e2e/raw_server.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include <cmocka.h>

#include "echo.pb-c.h"

enum { LARGE_LEN = 600000 };

static sem_t slow_inside;
static sem_t slow_may_go;

static enum sure_code echo_line(struct sure_call *call, const ProtobufCMessage *request,
                                ProtobufCMessage *reply) {
  ((Echo__Line *)reply)->text = sure_call_strdup(call, ((const Echo__Line *)request)->text);
  return SURE_OK;
}

static enum sure_code run_echo(const void *handlers, void *user, struct sure_call *call,
                               const ProtobufCMessage *request, ProtobufCMessage *reply) {
  (void)handlers;
  struct echo_server *echo = user;
  atomic_fetch_add(&echo->run_count, 1);
  return echo_line(call, request, reply);
}

static enum sure_code run_slow(const void *handlers, void *user, struct sure_call *call,
                               const ProtobufCMessage *request, ProtobufCMessage *reply) {
  sem_post(&slow_inside);
  while (sem_wait(&slow_may_go) != 0) {
  }
  return run_echo(handlers, user, call, request, reply);
}

static enum sure_code run_large(const void *handlers, void *user, struct sure_call *call,
                                const ProtobufCMessage *request, ProtobufCMessage *reply) {
  (void)handlers;
  (void)request;
  struct echo_server *echo = user;
  atomic_fetch_add(&echo->run_count, 1);
  char *text = sure_call_alloc(call, LARGE_LEN + 1);
  memset(text, 'l', LARGE_LEN);
  ((Echo__Line *)reply)->text = text;
  return SURE_OK;
}

struct prepared {
  struct echo_server *echo;
  const ProtobufCMessage *request;
};

static enum sure_code apply(void *user, struct sure_call *call, ProtobufCMessage *reply) {
  const struct prepared *prepared = user;
  atomic_fetch_add(&prepared->echo->run_count, 1);
  return echo_line(call, prepared->request, reply);
}

static enum sure_code run_prepare(const void *handlers, void *user, struct sure_call *call,
                                  const ProtobufCMessage *request, ProtobufCMessage *reply) {
  (void)handlers;
  (void)reply;
  struct prepared *prepared = sure_call_alloc(call, sizeof *prepared);
  *prepared = (struct prepared){.echo = user, .request = request};
  atomic_fetch_add(&prepared->echo->prepare_count, 1);
  return sure_call_apply(call, apply, prepared);
}

static const struct {
  const char *name;
  enum sure_semantics semantics;
  enum sure_run_mode mode;
  sure_handler_fn *run;
} plans[ECHO_METHODS] = {
    [ECHO_INLINE] = {"echo.Echo/Inline", SURE_EXACTLY_ONCE, SURE_RUN_INLINE, run_echo},
    [ECHO_POOL] = {"echo.Echo/Pool", SURE_EXACTLY_ONCE, SURE_RUN_POOL, run_echo},
    [ECHO_TX] = {"echo.Echo/Tx", SURE_EXACTLY_ONCE, SURE_RUN_TX, run_echo},
    [ECHO_PREPARE] = {"echo.Echo/Prepare", SURE_EXACTLY_ONCE, SURE_RUN_PREPARE, run_prepare},
    [ECHO_SLOW] = {"echo.Echo/Slow", SURE_EXACTLY_ONCE, SURE_RUN_POOL, run_slow},
    [ECHO_LARGE] = {"echo.Echo/Large", SURE_EXACTLY_ONCE, SURE_RUN_POOL, run_large},
    [ECHO_READ] = {"echo.Echo/Read", SURE_NO_SIDE_EFFECTS, SURE_RUN_AUTO, run_echo},
};

static struct sure_method methods[ECHO_METHODS];
static sure_handler_fn *trampolines[ECHO_METHODS];
static const struct sure_service service = {
    .abi = SURE_ABI, .full_name = "echo.Echo", .methods = methods, .method_count = ECHO_METHODS};

static void fill_in_table(struct sure_server *server) {
  for (int i = 0; i < ECHO_METHODS; i++) {
    methods[i] = (struct sure_method){.full_name = plans[i].name,
                                      .id = XXH3_64bits(plans[i].name, strlen(plans[i].name)),
                                      .semantics = plans[i].semantics,
                                      .request = &echo__line__descriptor,
                                      .reply = &echo__line__descriptor};
    trampolines[i] = plans[i].run;
    assert_int_equal(SURE_OK, sure_server_set_run_mode(server, plans[i].name, plans[i].mode));
  }
}

void echo_start(struct echo_server *echo, const struct sure_server_options *options,
                const char *url) {
  *echo = (struct echo_server){0};
  sem_init(&slow_inside, 0, 0);
  sem_init(&slow_may_go, 0, 0);
  assert_int_equal(SURE_OK, sure_server_open(options, &echo->server));
  fill_in_table(echo->server);
  assert_int_equal(SURE_OK, sure_server_register(echo->server, &service, trampolines, NULL, echo));
  assert_int_equal(SURE_OK,
                   sure_server_listen(echo->server, url == NULL ? "tcp://127.0.0.1:0" : url));
  echo->url = sure_server_url(echo->server, 0);
}

void echo_stop(struct echo_server *echo) {
  echo->server = sure_server_free(echo->server);
  sem_destroy(&slow_inside);
  sem_destroy(&slow_may_go);
}

void echo_wait_for_slow(void) {
  while (sem_wait(&slow_inside) != 0) {
  }
}

void echo_let_go(void) {
  sem_post(&slow_may_go);
}

struct sure__frame echo_request(enum echo_method method, uint64_t sequence, uint32_t attempt,
                                struct sure_bytes payload) {
  return (struct sure__frame){
      .type = SURE__REQUEST,
      .sequence = sequence,
      .attempt = attempt,
      .payload = payload,
      .request = {.method = methods[method].id, .watermark = 1, .timeout_ms = 30000}};
}

void echo_call(struct raw_client *client, enum echo_method method, uint64_t sequence,
               uint32_t attempt, const char *text) {
  uint8_t packed[4096];
  Echo__Line line = ECHO__LINE__INIT;
  line.text = (char *)(uintptr_t)text;
  assert_true(echo__line__get_packed_size(&line) <= sizeof packed);
  size_t len = echo__line__pack(&line, packed);
  struct sure__frame frame =
      echo_request(method, sequence, attempt, (struct sure_bytes){packed, len});
  raw_send(client, &frame);
}

void echo_expect(struct raw_client *client, uint64_t sequence, const char *text, unsigned flags) {
  struct sure__frame frame = raw_expect(client, SURE__RESPONSE);
  assert_int_equal(sequence, frame.sequence);
  assert_string_equal("OK", sure_code_name(frame.response.code));
  assert_int_equal(flags, frame.flags);
  Echo__Line *line = echo__line__unpack(NULL, frame.payload.len, frame.payload.data);
  assert_non_null(line);
  assert_string_equal(text, line->text);
  echo__line__free_unpacked(line, NULL);
}
