/* The connections of a channel: dialed, served, reaped. */
#include "rpc/client/channel_private.h"
#include "rpc/core/memory.h"
#include "rpc/net/clock.h"

static void on_bytes(void *user, struct sure_bytes frames) {
  struct sure__channel_link *link = user;
  struct sure_channel *channel = link->channel;
  pthread_mutex_lock(&channel->mutex);
  if (channel->link == link) {
    sure__client_receive(&channel->engine, frames, sure__clock_ms());
  }
  sure__channel_finish(channel); /* before the frames go away: completions look into them */
}

static void on_closed(void *user, const char *reason) {
  struct sure__channel_link *link = user;
  struct sure_channel *channel = link->channel;
  pthread_mutex_lock(&channel->mutex);
  if (channel->link == link) {
    channel->link = NULL;
    sure__client_disconnected(&channel->engine, reason, sure__clock_ms());
  }
  sure__list_append(&channel->dead, &link->dead);
  pthread_cond_broadcast(&channel->changed);
  sure__channel_finish(channel);
}

/* With the lock. Takes the stream; NULL when memory is short. */
static struct sure__channel_link *open_link(struct sure_channel *channel, nng_stream *stream) {
  struct sure__channel_link *link = sure__alloc(sizeof *link);
  if (link == NULL) {
    nng_stream_free(stream);
    return NULL;
  }
  link->channel = channel;
  link->connection = sure__connection_open(
      stream, &(struct sure__connection_config){
                  .on_bytes = on_bytes, .on_closed = on_closed, .user = link});
  if (link->connection == NULL) {
    sure__free(link);
    return NULL;
  }
  channel->link_count++;
  return link;
}

/* With the lock. What the dial brought: a stream, or NULL and an error. */
static struct sure__channel_link *take_stream(struct sure_channel *channel, nng_stream *stream,
                                              int error) {
  uint64_t now_ms = sure__clock_ms();
  if (stream == NULL) {
    sure__client_not_connected(&channel->engine, nng_strerror(error), now_ms);
    return NULL;
  }
  struct sure__channel_link *link = open_link(channel, stream);
  if (link == NULL) {
    sure__client_not_connected(&channel->engine, "memory is short", now_ms);
    return NULL;
  }
  channel->link = link;
  sure__client_connected(&channel->engine, now_ms);
  return link;
}

void sure__channel_on_dialed(void *user) {
  struct sure_channel *channel = user;
  int error = nng_aio_result(channel->dial_aio);
  nng_stream *stream = error == 0 ? nng_aio_get_output(channel->dial_aio, 0) : NULL;
  struct sure__channel_link *link = NULL;
  pthread_mutex_lock(&channel->mutex);
  bool abandoned = channel->dial_abandoned;
  channel->dialing = false;
  channel->dial_abandoned = false;
  if (!abandoned) {
    link = take_stream(channel, stream, error);
  } else if (channel->dial_again) {
    channel->engine.dial_wanted = true;
  }
  channel->dial_again = false;
  pthread_cond_broadcast(&channel->changed);
  sure__channel_finish(channel);
  if (abandoned && stream != NULL) {
    nng_stream_free(stream);
  }
  if (link != NULL) {
    sure__connection_start(link->connection); /* only then it can end, so it is still there */
  }
}

void sure__channel_reap(struct sure_channel *channel) {
  struct sure__list *first;
  while ((first = sure__list_pop(&channel->dead)) != NULL) {
    struct sure__channel_link *link = sure__container_of(first, struct sure__channel_link, dead);
    pthread_mutex_unlock(&channel->mutex);
    sure__connection_free(link->connection); /* waits for its callbacks, which take the lock */
    sure__free(link);
    pthread_mutex_lock(&channel->mutex);
    channel->link_count--;
  }
}
