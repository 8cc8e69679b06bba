/* Streams as applications see them. Whoever reads or writes waits on the stream's own condition
 * variable, with the channel's lock, until the engine says that something has changed. */
#include "rpc/client/channel_private.h"
#include "rpc/core/client_stream.h"
#include "rpc/core/memory.h"
#include "rpc/net/callback_mark.h"
#include "rpc/net/clock.h"
#include "rpc/net/stream.h"

struct channel_stream {
  struct sure_stream base;
  struct sure_channel *channel;
  struct sure__client_stream engine;
  pthread_cond_t changed;
  struct sure__channel_waiter waiter; /* for the end of the call */
  uint64_t handle;
  struct sure__list taken; /* messages for the next reads, so that not each takes the lock */
  /* Guarded by the channel's mutex. */
  sure_stream_news_fn *notify; /* NULL: nobody wants to be told */
  void *notify_user;
  struct sure__list told; /* in the list of those whose `notify` is about to be called */
  bool is_telling;        /* it is in that list, or `notify` runs */
  bool has_news;          /* since `notify` was called */
  bool is_finishing;      /* nobody is to be told any more */
};

/* The call has ended, and its end is told. */
static enum sure_code await_end(struct channel_stream *stream) {
  struct sure__channel_waiter *waiter = &stream->waiter;
  pthread_mutex_lock(&waiter->mutex);
  while (!waiter->done) {
    pthread_cond_wait(&waiter->changed, &waiter->mutex);
  }
  pthread_mutex_unlock(&waiter->mutex);
  return waiter->code;
}

/* With the channel's lock. All that is there is taken at once. */
static bool has_news(struct channel_stream *stream, struct sure__stream_message **out_message) {
  struct sure__client_stream *engine = &stream->engine;
  struct sure__stream_message *message;
  uint64_t now_ms = sure__clock_ms();
  while ((message = sure__client_stream_read(&stream->channel->engine, engine, now_ms)) != NULL) {
    sure__list_append(&stream->taken, &message->link);
  }
  *out_message = sure__stream_message_pop(&stream->taken);
  return *out_message != NULL || engine->is_over || sure__inflow_is_over(&engine->ends.in);
}

/* How the call has ended, for whoever may wait until that is told; SURE_OK: it may not be known. */
static enum sure_code end_code(struct channel_stream *stream, bool may_wait, bool *out_known) {
  struct sure__channel_waiter *waiter = &stream->waiter;
  *out_known = true;
  if (!may_wait) {
    pthread_mutex_lock(&waiter->mutex);
    *out_known = waiter->done;
    pthread_mutex_unlock(&waiter->mutex);
  }
  return *out_known ? await_end(stream) : SURE_OK;
}

static enum sure_code read_stream(struct sure_stream *base, bool may_wait,
                                  struct sure__stream_message **out_message) {
  struct channel_stream *stream = (struct channel_stream *)base;
  struct sure_channel *channel = stream->channel;
  if (may_wait && sure__callback_is_running()) {
    return SURE_FAILED_PRECONDITION;
  }
  *out_message = sure__stream_message_pop(&stream->taken);
  if (*out_message != NULL) {
    return SURE_OK;
  }
  pthread_mutex_lock(&channel->mutex);
  bool is_ready;
  while (!(is_ready = has_news(stream, out_message)) && may_wait) {
    pthread_cond_wait(&stream->changed, &channel->mutex);
  }
  bool has_ended = sure__inflow_is_over(&stream->engine.ends.in);
  sure__channel_finish(channel);
  if (*out_message != NULL || !is_ready) {
    return SURE_OK;
  }
  bool is_known = true;
  enum sure_code code = has_ended ? SURE_OK : end_code(stream, may_wait, &is_known);
  return code == SURE_OK && is_known ? SURE_OUT_OF_RANGE : code;
}

/* With the channel's lock. */
static bool write_now(struct channel_stream *stream, struct sure__stream_message *message) {
  return !stream->engine.is_over &&
         sure__client_stream_write(&stream->channel->engine, &stream->engine, message,
                                   sure__clock_ms());
}

static enum sure_code write_stream(struct sure_stream *base, bool may_wait,
                                   struct sure__stream_message *message, bool *out_taken) {
  struct channel_stream *stream = (struct channel_stream *)base;
  struct sure_channel *channel = stream->channel;
  bool is_allowed = !may_wait || !sure__callback_is_running();
  pthread_mutex_lock(&channel->mutex);
  is_allowed = is_allowed && !stream->engine.ends.out.ends;
  while (is_allowed && !(*out_taken = write_now(stream, message)) && may_wait &&
         !stream->engine.is_over) {
    pthread_cond_wait(&stream->changed, &channel->mutex);
  }
  bool is_over = stream->engine.is_over;
  sure__channel_finish(channel);
  if (*out_taken) {
    return SURE_OK;
  }
  if (!is_allowed) {
    return SURE_FAILED_PRECONDITION;
  }
  bool is_known = is_over;
  enum sure_code code = is_over ? end_code(stream, may_wait, &is_known) : SURE_OK;
  return code == SURE_OK && is_known ? SURE_CANCELLED : code; /* the server wanted no more */
}

static size_t message_len_max(const struct sure_stream *base) {
  return ((const struct channel_stream *)base)->channel->engine.config.message_len_max;
}

static uint64_t committed(struct sure_stream *base) {
  struct channel_stream *stream = (struct channel_stream *)base;
  pthread_mutex_lock(&stream->channel->mutex);
  uint64_t count = sure__outflow_acked(&stream->engine.ends.out);
  pthread_mutex_unlock(&stream->channel->mutex);
  return count;
}

static const struct sure__stream_side channel_side = {.read = read_stream,
                                                      .write = write_stream,
                                                      .committed = committed,
                                                      .message_len_max = message_len_max};

/* With the channel's lock. */
static void wake(struct channel_stream *stream, struct sure__list *told) {
  pthread_cond_broadcast(&stream->changed);
  if (stream->is_telling) {
    stream->has_news = true;
  } else if (stream->notify != NULL && !stream->is_finishing) {
    stream->is_telling = true;
    sure__list_append(told, &stream->told);
  }
}

void sure__channel_streams_wake(struct sure_channel *channel, struct sure__list *told) {
  struct sure__list *link;
  while ((link = sure__list_pop(&channel->engine.woken)) != NULL) {
    struct sure__client_stream *engine =
        sure__container_of(link, struct sure__client_stream, woken);
    wake(sure__container_of(engine, struct channel_stream, engine), told);
  }
}

/* It is woken, once. With the channel's lock. */
static void wake_again(struct channel_stream *stream) {
  sure__list_remove(&stream->engine.woken);
  sure__list_append(&stream->channel->engine.woken, &stream->engine.woken);
}

/* Whoever finishes the stream waits until is_telling is false, so it is there as long as that. What
 * comes meanwhile is told in the next round, so that others have their turn. */
static void tell(struct sure_channel *channel, struct channel_stream *stream) {
  stream->notify(stream->notify_user, &stream->base);
  pthread_mutex_lock(&channel->mutex);
  if (stream->has_news) {
    wake_again(stream);
  }
  stream->has_news = false;
  stream->is_telling = false;
  pthread_cond_broadcast(&stream->changed);
  pthread_mutex_unlock(&channel->mutex);
}

void sure__channel_streams_tell(struct sure_channel *channel, struct sure__list *told) {
  struct sure__list *link;
  while ((link = sure__list_pop(told)) != NULL) {
    tell(channel, sure__container_of(link, struct channel_stream, told));
  }
}

/* Under the channel's lock, which whoever finishes the stream takes before it goes away. */
void sure__channel_stream_done(struct sure__channel_waiter *waiter) {
  struct channel_stream *stream = sure__container_of(waiter, struct channel_stream, waiter);
  struct sure_channel *channel = stream->channel;
  pthread_mutex_lock(&channel->mutex);
  pthread_mutex_lock(&waiter->mutex);
  waiter->done = true;
  pthread_cond_signal(&waiter->changed);
  pthread_mutex_unlock(&waiter->mutex);
  wake_again(stream);
  pthread_mutex_unlock(&channel->mutex);
}

void sure_stream_notify(struct sure_stream *base, sure_stream_news_fn *fn, void *user) {
  struct channel_stream *stream = (struct channel_stream *)base;
  struct sure_channel *channel = stream->channel;
  pthread_mutex_lock(&channel->mutex);
  stream->notify = fn;
  stream->notify_user = user;
  wake_again(stream); /* it may be ready by now */
  sure__channel_finish(channel);
}

static void free_stream(struct channel_stream *stream) {
  sure__client_stream_fini(&stream->engine);
  pthread_cond_destroy(&stream->changed);
  pthread_cond_destroy(&stream->waiter.changed);
  pthread_mutex_destroy(&stream->waiter.mutex);
  sure__free(stream);
}

static struct channel_stream *new_stream(struct sure_channel *channel,
                                         const struct sure_method *method,
                                         struct sure_status *status) {
  struct channel_stream *stream = sure__alloc(sizeof *stream);
  if (stream == NULL) {
    return NULL;
  }
  stream->base =
      (struct sure_stream){.side = &channel_side,
                           .read_type = method->server_streams ? method->reply : NULL,
                           .write_type = method->client_streams ? method->request : NULL};
  stream->channel = channel;
  sure__list_init(&stream->taken);
  stream->waiter.status = status;
  stream->waiter.is_stream = true;
  pthread_cond_init(&stream->changed, NULL);
  pthread_cond_init(&stream->waiter.changed, NULL);
  pthread_mutex_init(&stream->waiter.mutex, NULL);
  sure__client_stream_init(&stream->engine, method, channel->engine.config.message_len_max);
  return stream;
}

enum sure_code
sure_channel_open_stream(struct sure_channel *channel, const struct sure_method *method,
                         const ProtobufCMessage *request, const struct sure_call_options *options,
                         struct sure_stream **out_stream, struct sure_status *status) {
  struct channel_stream *stream = new_stream(channel, method, status);
  struct sure__refusal refusal = sure__refuse(SURE_RESOURCE_EXHAUSTED, "memory is short");
  if (stream != NULL) {
    refusal = sure__channel_start_stream(channel, method, request, options, &stream->engine,
                                         &stream->waiter, &stream->handle);
  }
  if (refusal.text == NULL) {
    *out_stream = &stream->base;
    return SURE_OK;
  }
  if (stream != NULL) {
    free_stream(stream);
  }
  return sure__status_set_refusal(status, &refusal, SURE_NOT_APPLIED);
}

void sure_stream_done_writing(struct sure_stream *base) {
  struct channel_stream *stream = (struct channel_stream *)base;
  struct sure_channel *channel = stream->channel;
  pthread_mutex_lock(&channel->mutex);
  if (!stream->engine.is_over && stream->engine.ends.sends && !stream->engine.ends.out.ends) {
    sure__client_stream_done_writing(&channel->engine, &stream->engine, sure__clock_ms());
  }
  sure__channel_finish(channel);
}

void sure_stream_cancel(struct sure_stream *base) {
  struct channel_stream *stream = (struct channel_stream *)base;
  sure_channel_cancel(stream->channel, stream->handle);
}

/* From here on whoever finishes the stream is the only one who reads it. */
static void stop_telling(struct channel_stream *stream) {
  pthread_mutex_lock(&stream->channel->mutex);
  stream->is_finishing = true;
  while (stream->is_telling) {
    pthread_cond_wait(&stream->changed, &stream->channel->mutex);
  }
  pthread_mutex_unlock(&stream->channel->mutex);
}

/* What nobody has read stands in the way of the end. */
static void drop_messages(struct sure_stream *base) {
  struct sure__stream_message *message;
  while (base->read_type != NULL && read_stream(base, true, &message) == SURE_OK) {
    sure__free(message);
  }
}

enum sure_code sure_stream_finish(struct sure_stream *base, ProtobufCMessage **out_reply) {
  struct channel_stream *stream = (struct channel_stream *)base;
  stop_telling(stream);
  sure_stream_done_writing(base);
  drop_messages(base);
  enum sure_code code = await_end(stream);
  if (code == SURE_OK && out_reply != NULL) {
    *out_reply = stream->waiter.reply;
  } else if (stream->waiter.reply != NULL) {
    protobuf_c_message_free_unpacked(stream->waiter.reply, NULL);
  }
  /* The end was told with the stream's call over; but the wake of it may still be on its way. */
  pthread_mutex_lock(&stream->channel->mutex);
  sure__list_remove(&stream->engine.woken);
  pthread_mutex_unlock(&stream->channel->mutex);
  free_stream(stream);
  return code;
}
