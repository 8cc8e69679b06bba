/* The connections of a channel: dialed, served, reaped. */
#include <string.h>

#include "rpc/client/channel_private.h"
#include "rpc/core/client_stream.h"
#include "rpc/core/memory.h"
#include "rpc/net/clock.h"

/* ---- the connection ---- */

static void on_bytes(void *user, struct sure_bytes frames) {
  struct sure__channel_link *link = user;
  struct sure_channel *channel = link->channel;
  pthread_mutex_lock(&channel->mutex);
  if (link->link != NULL) {
    sure__client_receive(&channel->engine, link->link, frames, sure__clock_ms());
  }
  sure__channel_finish(channel); /* before the frames go away: completions look into them */
}

/* What streams had for it has left. */
static void on_room(void *user) {
  struct sure__channel_link *link = user;
  struct sure_channel *channel = link->channel;
  pthread_mutex_lock(&channel->mutex);
  if (link->link != NULL) {
    sure__client_sent(&channel->engine, link->link, sure__connection_unsent_len(link->connection),
                      sure__clock_ms());
  }
  sure__channel_finish(channel);
}

/* With the lock. */
static void bury(struct sure__channel_link *link) {
  link->link = NULL;
  sure__list_append(&link->channel->dead, &link->dead);
  pthread_cond_broadcast(&link->channel->changed);
}

static void on_closed(void *user, const char *reason) {
  struct sure__channel_link *link = user;
  struct sure_channel *channel = link->channel;
  pthread_mutex_lock(&channel->mutex);
  if (link->link != NULL) {
    sure__client_disconnected(&channel->engine, link->link, reason, sure__clock_ms());
  }
  bury(link);
  sure__channel_finish(channel);
}

/* ---- the dial ---- */

/* With the lock. What the dial brought: a stream, or NULL and an error. True: it is connected. */
static bool take_stream(struct sure__channel_link *link, nng_stream *stream, int error) {
  struct sure__client *engine = &link->channel->engine;
  const struct sure__connection_config config = {
      .on_bytes = on_bytes, .on_closed = on_closed, .on_room = on_room, .user = link};
  const char *problem = stream == NULL ? nng_strerror(error) : "memory is short";
  link->connection = stream == NULL ? NULL : sure__connection_open(stream, &config);
  if (link->connection == NULL) {
    sure__client_not_connected(engine, link->link, problem, sure__clock_ms());
    return false;
  }
  sure__client_connected(engine, link->link, sure__clock_ms());
  return true;
}

static void on_dialed(void *user) {
  struct sure__channel_link *link = user;
  struct sure_channel *channel = link->channel;
  int error = nng_aio_result(link->aio);
  nng_stream *stream = error == 0 ? nng_aio_get_output(link->aio, 0) : NULL;
  pthread_mutex_lock(&channel->mutex);
  bool is_wanted = link->link != NULL;
  bool is_connected = is_wanted && take_stream(link, stream, error);
  if (!is_connected) {
    bury(link);
  }
  sure__channel_finish(channel);
  if (!is_wanted && stream != NULL) {
    nng_stream_free(stream);
  }
  if (is_connected) {
    sure__connection_start(link->connection); /* only then it can end, so it is still there */
  }
}

struct sure__channel_link *sure__channel_link_new(struct sure_channel *channel,
                                                  struct sure__link *engine_link) {
  size_t url_size = strlen(engine_link->endpoint->url) + 1;
  struct sure__channel_link *link = sure__alloc(sizeof *link + url_size);
  if (link == NULL) {
    return NULL;
  }
  link->channel = channel;
  link->link = engine_link;
  link->hold_count = 1;
  memcpy(link->url, engine_link->endpoint->url, url_size);
  engine_link->user = link;
  channel->link_count++;
  return link;
}

static int start_dial(struct sure__channel_link *link) {
  int error = nng_stream_dialer_alloc(&link->dialer, link->url);
  if (error == 0) {
    /* nng leaves Nagle's algorithm on. What is not TCP does not know the option. */
    (void)nng_stream_dialer_set_bool(link->dialer, NNG_OPT_TCP_NODELAY, true);
    error = nng_aio_alloc(&link->aio, on_dialed, link);
  }
  if (error == 0) {
    nng_aio_set_timeout(link->aio, NNG_DURATION_INFINITE);
    nng_stream_dialer_dial(link->dialer, link->aio);
  }
  return error;
}

/* With the lock, which is free afterwards. */
static void release(struct sure__channel_link *link) {
  struct sure_channel *channel = link->channel;
  link->hold_count--;
  pthread_cond_broadcast(&channel->changed);
  sure__channel_finish(channel);
}

/* Nobody else cancels a dial before it has begun. */
void sure__channel_link_dial(struct sure__channel_link *link) {
  struct sure_channel *channel = link->channel;
  int error = start_dial(link);
  pthread_mutex_lock(&channel->mutex);
  link->is_dialing = error == 0;
  bool is_given_up = link->link == NULL;
  if (error != 0) {
    if (!is_given_up) {
      sure__client_not_connected(&channel->engine, link->link, nng_strerror(error),
                                 sure__clock_ms());
    }
    bury(link);
  } else if (is_given_up) {
    pthread_mutex_unlock(&channel->mutex);
    nng_aio_cancel(link->aio);
    pthread_mutex_lock(&channel->mutex);
  }
  release(link);
}

void sure__channel_link_cancel_dial(struct sure__channel_link *link) {
  nng_aio_cancel(link->aio);
  pthread_mutex_lock(&link->channel->mutex);
  release(link);
}

/* ---- the end ---- */

/* One that is over and that nobody holds; NULL: there is none now. */
static struct sure__channel_link *find_free(struct sure_channel *channel) {
  for (struct sure__list *l = channel->dead.next; l != &channel->dead; l = l->next) {
    struct sure__channel_link *link = sure__container_of(l, struct sure__channel_link, dead);
    if (link->hold_count == 0) {
      return link;
    }
  }
  return NULL;
}

/* Waits for its callbacks, which take the lock. */
static void link_free(struct sure__channel_link *link) {
  sure__connection_free(link->connection);
  if (link->aio != NULL) {
    nng_aio_free(link->aio);
  }
  if (link->dialer != NULL) {
    nng_stream_dialer_free(link->dialer);
  }
  sure__free(link);
}

bool sure__channel_reap(struct sure_channel *channel) {
  struct sure__channel_link *link = find_free(channel);
  if (link == NULL) {
    return false;
  }
  sure__list_remove(&link->dead);
  pthread_mutex_unlock(&channel->mutex);
  link_free(link);
  pthread_mutex_lock(&channel->mutex);
  channel->link_count--;
  return true;
}
