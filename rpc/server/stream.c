/* Streams as handlers see them: one that blocks waits on its own condition variable, with its
 * shard's lock, until the engine says that something has changed; one that goes on in steps stands
 * until then.
 *
 *     RUNS --returns sure_stream_wait--> STANDS --news--> LINED_UP --a thread of the pool--> RUNS
 *     RUNS --news--> RUNS_WITH_NEWS --returns sure_stream_wait--> LINED_UP
 *     RUNS, RUNS_WITH_NEWS --returns a code--> the call ends */
#include "rpc/net/stream.h"
#include "rpc/core/assert.h"
#include "rpc/core/server_stream.h"
#include "rpc/net/callback_mark.h"
#include "rpc/net/clock.h"
#include "rpc/server/shell.h"

enum pace { RUNS, RUNS_WITH_NEWS, STANDS, LINED_UP };

/* In the memory of its call. */
struct handler_stream {
  struct sure_stream base;
  struct sure_call *call;
  pthread_cond_t changed;
  sure_stream_step_fn *step; /* NULL: the handler, or its last step, has ended the call */
  void *step_user;
  enum pace pace; /* guarded by the shard's lock */
};

static struct sure__shard *shard_of(const struct sure_call *call) {
  return sure__container_of(call->server, struct sure__shard, engine);
}

static enum sure_code code_of(const struct sure_call *call, enum sure__stream_turn turn) {
  switch (turn) {
  case SURE__STREAM_DONE:
  case SURE__STREAM_WAIT:
    return SURE_OK;
  case SURE__STREAM_ENDED:
    return SURE_OUT_OF_RANGE;
  case SURE__STREAM_OVER:
    break;
  }
  if (sure_call_is_cancelled(call)) {
    return SURE_CANCELLED;
  }
  if (call->stream->is_taken_over) {
    return SURE_ABORTED;
  }
  bool is_idle = call->stream->is_idle && !call->method->plan.advances; /* that can go on */
  bool is_too_late = is_idle || sure_call_time_left_ms(call) == 0;
  return is_too_late ? SURE_DEADLINE_EXCEEDED : SURE_UNAVAILABLE; /* the server ends */
}

static enum sure_code read_stream(struct sure_stream *base, bool may_wait,
                                  struct sure__stream_message **out_message) {
  struct handler_stream *stream = (struct handler_stream *)base;
  struct sure__shard *shard = shard_of(stream->call);
  enum sure__stream_turn turn;
  if (may_wait && sure__callback_is_running()) {
    return SURE_FAILED_PRECONDITION;
  }
  if (may_wait && sure__server_stream_is_ahead(stream->call)) {
    return SURE_FAILED_PRECONDITION; /* the client may be waiting for that to be committed */
  }
  pthread_mutex_lock(&shard->lock);
  while ((turn = sure__server_stream_read(&shard->engine, stream->call, sure__clock_ms(),
                                          out_message)) == SURE__STREAM_WAIT &&
         may_wait) {
    pthread_cond_wait(&stream->changed, &shard->lock);
  }
  sure__shard_finish(shard);
  return code_of(stream->call, turn);
}

static enum sure_code write_stream(struct sure_stream *base, bool may_wait,
                                   struct sure__stream_message *message, bool *out_taken) {
  struct handler_stream *stream = (struct handler_stream *)base;
  struct sure__shard *shard = shard_of(stream->call);
  enum sure__stream_turn turn;
  if (may_wait && sure__callback_is_running()) {
    return SURE_FAILED_PRECONDITION;
  }
  pthread_mutex_lock(&shard->lock);
  while ((turn = sure__server_stream_write(&shard->engine, stream->call, sure__clock_ms(),
                                           message)) == SURE__STREAM_WAIT &&
         may_wait) {
    pthread_cond_wait(&stream->changed, &shard->lock);
  }
  sure__shard_finish(shard);
  *out_taken = turn == SURE__STREAM_DONE;
  return code_of(stream->call, turn);
}

static size_t message_len_max(const struct sure_stream *base) {
  return ((const struct handler_stream *)base)->call->reply_len_max;
}

static uint64_t committed(struct sure_stream *base) {
  const struct sure_call *call = ((struct handler_stream *)base)->call;
  struct sure__shard *shard = shard_of(call);
  pthread_mutex_lock(&shard->lock);
  uint64_t count = call->stream->ends.in.acked;
  pthread_mutex_unlock(&shard->lock);
  return count;
}

static const struct sure__stream_side handler_side = {.read = read_stream,
                                                      .write = write_stream,
                                                      .committed = committed,
                                                      .message_len_max = message_len_max};

struct sure_stream *sure_call_stream(struct sure_call *call) {
  return call->stream == NULL ? NULL : call->stream->shell;
}

enum sure_code sure_stream_check(const struct sure_stream *base) {
  const struct sure_call *call = ((const struct handler_stream *)base)->call;
  struct sure__shard *shard = shard_of(call);
  pthread_mutex_lock(&shard->lock);
  bool is_over = sure__server_stream_is_over(call, sure__clock_ms());
  bool is_draining = shard->engine.is_draining;
  pthread_mutex_unlock(&shard->lock);
  return is_over ? code_of(call, SURE__STREAM_OVER) : is_draining ? SURE_UNAVAILABLE : SURE_OK;
}

/* ---- commits ---- */

/* What the store's verdict is to a handler. */
static enum sure_code code_of_commit(const struct sure_call *call) {
  switch (call->op.verdict) {
  case SURE_STORE_DONE:
    return SURE_OK;
  case SURE_STORE_UNRECORDED:
    return call->op.record.code;
  case SURE_STORE_TAKEN_OVER:
    return SURE_ABORTED;
  case SURE_STORE_FULL:
    return SURE_RESOURCE_EXHAUSTED;
  case SURE_STORE_BROKE:
    return SURE_INTERNAL;
  default: /* busy; or it has failed, and what is committed only the next claim will know */
    return SURE_UNAVAILABLE;
  }
}

enum sure_code sure_stream_commit(struct sure_stream *base, sure_stream_commit_fn *fn, void *user) {
  struct handler_stream *stream = (struct handler_stream *)base;
  struct sure_call *call = stream->call;
  struct sure__shard *shard = shard_of(call);
  if (!call->method->plan.advances || sure__callback_is_running()) {
    return SURE_FAILED_PRECONDITION;
  }
  struct sure__commit commit = {.call = call, .fn = fn, .user = user};
  call->op.run = sure__call_commit_in_store;
  call->op.run_user = &commit;
  pthread_mutex_lock(&shard->lock);
  sure__server_stream_commit(&shard->engine, call);
  sure__shard_finish(shard);
  pthread_mutex_lock(&shard->lock);
  while (call->step == SURE__CALL_ADVANCES) {
    pthread_cond_wait(&stream->changed, &shard->lock);
  }
  enum sure_code code = code_of_commit(call);
  pthread_mutex_unlock(&shard->lock);
  return code;
}

/* ---- steps ---- */

enum sure_code sure_stream_wait(struct sure_stream *base, sure_stream_step_fn *step, void *user) {
  struct handler_stream *stream = (struct handler_stream *)base;
  sure__assert(stream->step == NULL && "a handler or step waits once");
  stream->step = step;
  stream->step_user = user;
  return SURE_OK;
}

/* With the shard's lock. */
static void tell(struct handler_stream *stream) {
  switch (stream->pace) {
  case STANDS:
    stream->pace = LINED_UP;
    sure__pool_step(shard_of(stream->call)->server, stream->call);
    break;
  case RUNS:
    stream->pace = RUNS_WITH_NEWS;
    break;
  case RUNS_WITH_NEWS:
  case LINED_UP:
    break;
  }
  pthread_cond_broadcast(&stream->changed);
}

void sure_stream_wake(struct sure_stream *base) {
  struct handler_stream *stream = (struct handler_stream *)base;
  struct sure__shard *shard = shard_of(stream->call);
  pthread_mutex_lock(&shard->lock);
  tell(stream);
  pthread_mutex_unlock(&shard->lock);
}

void sure__streams_wake(struct sure__list *woken) {
  struct sure__list *link;
  while ((link = sure__list_pop(woken)) != NULL) {
    struct sure__server_stream *stream =
        sure__container_of(link, struct sure__server_stream, woken);
    if (stream->shell != NULL) {
      tell(stream->shell);
    }
  }
}

/* What has run waits for its next step, and from now on belongs to whoever runs that; or it has
 * ended the call, and is a stream no more. */
static bool stands(struct handler_stream *stream, enum sure_code code) {
  struct sure_call *call = stream->call;
  struct sure__shard *shard = shard_of(call);
  bool waits = stream->step != NULL && code == SURE_OK;
  pthread_mutex_lock(&shard->lock);
  bool has_news = stream->pace == RUNS_WITH_NEWS;
  if (waits) {
    stream->pace = STANDS;
    if (has_news) {
      tell(stream);
    }
  } else {
    call->stream->shell = NULL;
  }
  pthread_mutex_unlock(&shard->lock);
  if (!waits) {
    pthread_cond_destroy(&stream->changed);
  }
  return waits;
}

static struct handler_stream *new_stream(struct sure_call *call) {
  const struct sure_method *table = call->method->table;
  struct handler_stream *stream = sure__arena_alloc(&call->arena, sizeof *stream);
  if (stream != NULL) {
    *stream =
        (struct handler_stream){.base = {.side = &handler_side,
                                         .read_type = table->client_streams ? table->request : NULL,
                                         .write_type = table->server_streams ? table->reply : NULL},
                                .call = call,
                                .changed = PTHREAD_COND_INITIALIZER};
  }
  return stream;
}

static bool begin(struct sure_call *call) {
  struct handler_stream *stream = new_stream(call);
  struct sure__shard *shard = shard_of(call);
  pthread_mutex_lock(&shard->lock);
  call->stream->shell = stream;
  pthread_mutex_unlock(&shard->lock);
  return stream != NULL;
}

bool sure__call_run_streaming(struct sure_call *call, enum sure_code *out_code) {
  const struct sure__method_entry *method = call->method;
  if (!begin(call)) {
    *out_code = sure_call_not_applied(call, SURE_RESOURCE_EXHAUSTED);
    return true;
  }
  bool may_block = method->plan.threads;
  if (!may_block) {
    sure__callback_enter();
  }
  *out_code = method->trampoline(method->handlers, method->user, call, call->request, call->reply);
  if (!may_block) {
    sure__callback_leave();
  }
  return !stands(call->stream->shell, *out_code);
}

bool sure__call_step(struct sure_call *call, enum sure_code *out_code) {
  struct handler_stream *stream = call->stream->shell;
  struct sure__shard *shard = shard_of(call);
  pthread_mutex_lock(&shard->lock);
  sure__assert(stream->pace == LINED_UP && "a step comes for each news once");
  stream->pace = RUNS;
  pthread_mutex_unlock(&shard->lock);
  sure_stream_step_fn *step = stream->step;
  stream->step = NULL;
  sure__callback_enter();
  *out_code = step(stream->step_user, call, &stream->base);
  sure__callback_leave();
  return !stands(stream, *out_code);
}
