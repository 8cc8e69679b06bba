#include "tests/interop/interop_server.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sure/sure.h>

#include "interop.sure.h"

typedef Sure__Interop__V1__Part Part;
typedef Sure__Interop__V1__ChatRequest ChatRequest;

static const char *const echoed[] = {"x-echo-initial", "x-echo-trailing-bin"};

/* What the client sent beside the request goes back, the one before the messages, the other after.
 */
static void echo_metadata(struct sure_call *call) {
  struct sure_metadata *targets[] = {sure_call_initial_metadata(call),
                                     sure_call_trailing_metadata(call)};
  for (size_t i = 0; i < 2; i++) {
    struct sure_bytes value;
    if (sure_metadata_find(sure_call_metadata(call), echoed[i], &value)) {
      (void)(i == 0 ? sure_metadata_add(targets[i], echoed[i], (const char *)value.data)
                    : sure_metadata_add_bytes(targets[i], echoed[i], value));
    }
  }
}

static enum sure_code wanted_status(struct sure_call *call,
                                    const Sure__Interop__V1__Status *status) {
  return status == NULL || status->code == SURE_OK
             ? SURE_OK
             : sure_call_fail(call, (enum sure_code)status->code, "%s", status->text);
}

static enum sure_code empty(void *user, struct sure_call *call,
                            const Sure__Interop__V1__Nothing *request,
                            Sure__Interop__V1__Nothing *reply) {
  (void)user;
  (void)call;
  (void)request;
  (void)reply;
  return SURE_OK;
}

static enum sure_code unary(void *user, struct sure_call *call,
                            const Sure__Interop__V1__UnaryRequest *request,
                            Sure__Interop__V1__UnaryReply *reply) {
  (void)user;
  echo_metadata(call);
  reply->body.len = (size_t)request->reply_len;
  reply->body.data = sure_call_alloc(call, reply->body.len + 1);
  return wanted_status(call, request->status);
}

static enum sure_code sum(void *user, struct sure_call *call, struct sure_stream *stream,
                          Sure__Interop__V1__SumReply *reply) {
  (void)user;
  Part *part;
  enum sure_code code;
  echo_metadata(call);
  while ((code = sure__interop__v1__interop_server__sum__read(stream, &part)) == SURE_OK) {
    reply->len += (int64_t)part->body.len;
    sure__interop__v1__part__free_unpacked(part, NULL);
  }
  return code == SURE_OUT_OF_RANGE ? SURE_OK : code;
}

static enum sure_code write_part(struct sure_stream *stream, int32_t len) {
  Part part = SURE__INTEROP__V1__PART__INIT;
  part.body.len = (size_t)len;
  part.body.data = calloc(1, part.body.len + 1);
  enum sure_code code = sure__interop__v1__interop_server__serve__write(stream, &part);
  free(part.body.data);
  return code;
}

static enum sure_code write_parts(struct sure_stream *stream, const int32_t *lens, size_t count) {
  enum sure_code code = SURE_OK;
  for (size_t i = 0; code == SURE_OK && i < count; i++) {
    code = write_part(stream, lens[i]);
  }
  return code;
}

static enum sure_code serve(void *user, struct sure_call *call,
                            const Sure__Interop__V1__ServeRequest *request,
                            struct sure_stream *stream) {
  (void)user;
  (void)call;
  return write_parts(stream, request->lens, request->n_lens);
}

static enum sure_code chat(void *user, struct sure_call *call, struct sure_stream *stream) {
  (void)user;
  ChatRequest *request;
  enum sure_code code;
  echo_metadata(call);
  while ((code = sure__interop__v1__interop_server__chat__read(stream, &request)) == SURE_OK) {
    code = wanted_status(call, request->status);
    code = code == SURE_OK ? write_parts(stream, request->lens, request->n_lens) : code;
    sure__interop__v1__chat_request__free_unpacked(request, NULL);
    if (code != SURE_OK) {
      return code;
    }
  }
  return code == SURE_OUT_OF_RANGE ? SURE_OK : code;
}

/* Until nobody waits any more. */
static enum sure_code sleep_on(void *user, struct sure_call *call,
                               const Sure__Interop__V1__Nothing *request,
                               struct sure_stream *stream) {
  (void)user;
  (void)request;
  (void)stream;
  while (sure_call_time_left_ms(call) > 0 && !sure_call_is_cancelled(call)) {
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  return SURE_DEADLINE_EXCEEDED;
}

struct sure_server *interop_server_open(const char *url) {
  static const struct sure__interop__v1__interop_server handlers = {
      .empty = empty, .unary = unary, .sum = sum, .serve = serve, .chat = chat, .sleep = sleep_on};
  struct sure_server *server = NULL;
  enum sure_code code = sure_server_open(NULL, &server);
  code = code ? code : sure__interop__v1__interop_server__register(server, &handlers, NULL);
  code = code ? code : sure_server_listen(server, url);
  return code ? sure_server_free(server) : server;
}
