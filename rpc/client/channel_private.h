/* The inside of a channel: the shell around the client engine.
 *
 * One mutex guards the engine. Whoever has given it an event (an application's thread with a call,
 * a thread of nng with bytes, the channel's own thread with the time) calls sure__channel_finish,
 * which collects under the lock what the engine wants done, unlocks, and does it: bytes are
 * flushed, connections opened and closed, completions run.
 *
 * The channel's thread wakes the engine when time has passed, and frees connections, which can
 * neither be done under the lock nor on a thread of nng. */
#ifndef SURE_CLIENT_CHANNEL_PRIVATE_H
#define SURE_CLIENT_CHANNEL_PRIVATE_H

#include <nng/nng.h>
#include <pthread.h>
#include <sure/channel.h>

#include "rpc/core/client.h"
#include "rpc/net/connection.h"

/* One connection of a channel; the user of its callbacks. */
struct sure__channel_link {
  struct sure_channel *channel;
  struct sure__connection *connection;
  struct sure__list dead;
};

struct sure_channel {
  uint64_t fork_generation; /* of the process that opened it */
  struct sure_logger logger;
  uint32_t timeout_ms;
  nng_stream_dialer *dialer;
  nng_aio *dial_aio;
  pthread_t thread;

  pthread_mutex_t mutex; /* guards all that follows */
  pthread_cond_t changed;
  struct sure__client engine;
  struct sure__channel_link *link; /* the present one, or NULL */
  unsigned link_count;             /* all that are not freed yet */
  struct sure__list dead;          /* over, to be freed by the thread */
  bool dialing;                    /* dial_aio is under way */
  bool dial_abandoned;             /* the engine does not want what comes of it */
  bool dial_again;                 /* but it wants another one */
  unsigned completing_count;       /* threads that run completions now */
  uint64_t sleep_until_ms;         /* of the thread; 0: it is awake */
  bool stopping;
};

/* A blocking call that waits; on the caller's stack. */
struct sure__channel_waiter {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  bool done;
  enum sure_code code;
  struct sure_status *status; /* may be NULL */
  ProtobufCMessage *reply;
};

/* channel.c */
/* This process did not open the channel (S3). */
bool sure__channel_is_foreign(const struct sure_channel *channel);

/* channel_finish.c */
/* After an event; called with the lock, returns without it. */
void sure__channel_finish(struct sure_channel *channel);

/* channel_link.c */
void sure__channel_on_dialed(void *user);
/* Frees the connections that are over; called with the lock, which it gives up meanwhile. */
void sure__channel_reap(struct sure_channel *channel);

/* channel_deliver.c */
/* Tells the end of a call to whoever waits for it. Without the lock; `status` is room for it. */
void sure__channel_deliver(struct sure__client_call *call, struct sure_status *status);

#endif
