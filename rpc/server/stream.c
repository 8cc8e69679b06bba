/* Streams as handlers see them. A handler waits on its own condition variable, with its shard's
 * lock, until the engine says that something has changed. */
#include "rpc/net/stream.h"
#include "rpc/core/memory.h"
#include "rpc/core/server_stream.h"
#include "rpc/net/clock.h"
#include "rpc/server/shell.h"

/* On the stack of the thread that runs the handler. */
struct handler_stream {
  struct sure_stream base;
  struct sure_call *call;
  pthread_cond_t changed;
};

static struct sure__shard *shard_of(const struct sure_call *call) {
  return sure__container_of(call->server, struct sure__shard, engine);
}

static enum sure_code code_of(const struct sure_call *call, enum sure__stream_turn turn) {
  switch (turn) {
  case SURE__STREAM_DONE:
    return SURE_OK;
  case SURE__STREAM_ENDED:
    return SURE_OUT_OF_RANGE;
  case SURE__STREAM_OVER:
  case SURE__STREAM_WAIT:
    break;
  }
  if (sure_call_is_cancelled(call)) {
    return SURE_CANCELLED;
  }
  return sure_call_time_left_ms(call) == 0 ? SURE_DEADLINE_EXCEEDED
                                           : SURE_UNAVAILABLE; /* the server ends */
}

static enum sure_code read_stream(struct sure_stream *base,
                                  struct sure__stream_message **out_message) {
  struct handler_stream *stream = (struct handler_stream *)base;
  struct sure__shard *shard = shard_of(stream->call);
  enum sure__stream_turn turn;
  pthread_mutex_lock(&shard->lock);
  while ((turn = sure__server_stream_read(&shard->engine, stream->call, sure__clock_ms(),
                                          out_message)) == SURE__STREAM_WAIT) {
    pthread_cond_wait(&stream->changed, &shard->lock);
  }
  sure__shard_finish(shard);
  return code_of(stream->call, turn);
}

static enum sure_code write_stream(struct sure_stream *base, struct sure__stream_message *message) {
  struct handler_stream *stream = (struct handler_stream *)base;
  struct sure__shard *shard = shard_of(stream->call);
  enum sure__stream_turn turn;
  pthread_mutex_lock(&shard->lock);
  while ((turn = sure__server_stream_write(&shard->engine, stream->call, sure__clock_ms(),
                                           message)) == SURE__STREAM_WAIT) {
    pthread_cond_wait(&stream->changed, &shard->lock);
  }
  sure__shard_finish(shard);
  if (turn != SURE__STREAM_DONE) {
    sure__free(message);
  }
  return code_of(stream->call, turn);
}

static size_t message_len_max(const struct sure_stream *base) {
  return ((const struct handler_stream *)base)->call->reply_len_max;
}

static const struct sure__stream_side handler_side = {
    .read = read_stream, .write = write_stream, .message_len_max = message_len_max};

struct sure_stream *sure_call_stream(struct sure_call *call) {
  return call->stream == NULL ? NULL : call->stream->shell;
}

static void set_shell(struct sure_call *call, struct sure_stream *stream) {
  struct sure__shard *shard = shard_of(call);
  pthread_mutex_lock(&shard->lock);
  call->stream->shell = stream;
  pthread_mutex_unlock(&shard->lock);
}

enum sure_code sure__call_run_streaming(struct sure_call *call) {
  const struct sure__method_entry *method = call->method;
  const struct sure_method *table = method->table;
  struct handler_stream stream = {
      .base = {.side = &handler_side,
               .read_type = table->client_streams ? table->request : NULL,
               .write_type = table->server_streams ? table->reply : NULL},
      .call = call,
      .changed = PTHREAD_COND_INITIALIZER};
  set_shell(call, &stream.base);
  enum sure_code code =
      method->trampoline(method->handlers, method->user, call, call->request, call->reply);
  set_shell(call, NULL);
  pthread_cond_destroy(&stream.changed);
  return code;
}

void sure__streams_wake(struct sure__list *woken) {
  struct sure__list *link;
  while ((link = sure__list_pop(woken)) != NULL) {
    struct sure__server_stream *stream =
        sure__container_of(link, struct sure__server_stream, woken);
    if (stream->shell != NULL) {
      pthread_cond_broadcast(&((struct handler_stream *)stream->shell)->changed);
    }
  }
}
