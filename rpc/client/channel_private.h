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

#include "rpc/client/resolver.h"
#include "rpc/core/client.h"
#include "rpc/core/metadata.h"
#include "rpc/net/connection.h"

/* What belongs to one link of the engine: a dial, then a connection.
 *
 *     dialing --connected--> connected --> over (in `dead`, until nobody holds it) --> freed
 *            \--failed or given up------> */
struct sure__channel_link {
  struct sure_channel *channel;
  struct sure__link *link; /* NULL: the engine wants nothing of it any more */
  nng_stream_dialer *dialer;
  nng_aio *aio;                        /* of the dial */
  bool is_dialing;                     /* it can be cancelled */
  unsigned hold_count;                 /* who is about to dial or to cancel the dial */
  struct sure__connection *connection; /* NULL: not yet */
  struct sure__list dead;
  char url[];
};

struct sure_channel {
  uint64_t fork_generation; /* of the process that opened it */
  struct sure_logger logger;
  uint32_t timeout_ms;
  const struct sure_service_config *service_config; /* may be NULL */
  struct sure_client_interceptor interceptors[SURE_INTERCEPTORS_MAX];
  size_t interceptor_count;
  struct sure__resolver *resolver; /* NULL: the target has no names in it */
  pthread_t thread;
  bool is_started; /* the thread */

  pthread_mutex_t mutex; /* guards all that follows */
  pthread_cond_t changed;
  struct sure__client engine;
  unsigned link_count;            /* sure__channel_links that are not freed yet */
  struct sure__arena credentials; /* what the engine's are in */
  struct sure__list dead;         /* over, to be freed by the thread */
  unsigned completing_count;      /* threads that run completions or hooks now */
  uint64_t sleep_until_ms;        /* of the thread; 0: it is awake */
  bool stopping;
};

/* A blocking call that waits; on the caller's stack. */
struct sure__channel_waiter {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  bool done;
  bool is_stream; /* it is part of one, whose owner may want to hear of its end */
  enum sure_code code;
  struct sure_status *status; /* may be NULL */
  ProtobufCMessage *reply;
};

/* channel.c */
/* This process did not open the channel (S3). */
bool sure__channel_is_foreign(const struct sure_channel *channel);

/* channel_intercept.c */

/* On the caller's thread, without the lock: all interceptors' call_begins, which may add to `meta`.
 */
struct sure__refusal sure__intercept_call(const struct sure_channel *channel,
                                          struct sure__client_call *call, struct sure__meta *meta);
/* Tells those whose call_begins said OK. */
void sure__intercept_end(const struct sure_channel *channel, const struct sure__client_call *call,
                         const struct sure_status *status);
/* The same for a call that was never started. */
void sure__intercept_refused(const struct sure_channel *channel,
                             const struct sure__client_call *call,
                             const struct sure__refusal *refusal);

/* Hooks of attempts that are due: collected with the lock, run without it, and what they said is
 * fed to the engine with it. */
enum { SURE__HOOKS_MAX = 8 };
struct sure__hooks {
  struct sure__attempt_begin {
    uint64_t handle;
    struct sure_outgoing outgoing;
    size_t metadata_room;
    enum sure_code code;
    struct sure__arena arena;
    struct sure_bytes metadata;
  } begins[SURE__HOOKS_MAX];
  struct sure_attempt_end ends[SURE__HOOKS_MAX];
  size_t begin_count;
  size_t end_count;
};
void sure__hooks_collect(struct sure_channel *channel, struct sure__hooks *hooks);
void sure__hooks_run(const struct sure_channel *channel, struct sure__hooks *hooks);
void sure__hooks_feed(struct sure_channel *channel, struct sure__hooks *hooks);

/* channel_finish.c */
/* After an event; called with the lock, returns without it. */
void sure__channel_finish(struct sure_channel *channel);

/* channel_link.c */
/* With the lock: what belongs to `link`, not dialed yet, and held. NULL when memory is short. */
struct sure__channel_link *sure__channel_link_new(struct sure_channel *channel,
                                                  struct sure__link *link);
/* Without the lock. Both give up the hold. */
void sure__channel_link_dial(struct sure__channel_link *link);
void sure__channel_link_cancel_dial(struct sure__channel_link *link);
/* Frees one that is over; called with the lock, which it gives up meanwhile. False: none is. */
bool sure__channel_reap(struct sure_channel *channel);

/* channel_call.c */
/* Starts a call with streams, whose end is told to `waiter`. `request` NULL: they are a stream. */
struct sure__refusal
sure__channel_start_stream(struct sure_channel *channel, const struct sure_method *method,
                           const ProtobufCMessage *request, const struct sure_call_options *options,
                           struct sure__client_stream *stream, struct sure__channel_waiter *waiter,
                           uint64_t *out_handle);

/* channel_stream.c */
/* With the lock: whoever waits for one of the engine's woken streams looks again. Those that want
 * to be told are appended to `told`, for the other function, without the lock. */
void sure__channel_streams_wake(struct sure_channel *channel, struct sure__list *told);
void sure__channel_streams_tell(struct sure_channel *channel, struct sure__list *told);
/* The end of a stream's call is in its waiter, which is done from here on. */
void sure__channel_stream_done(struct sure__channel_waiter *waiter);

/* channel_deliver.c */
/* Tells the end of a call to whoever waits for it. Without the lock; `status` is room for it. */
void sure__channel_deliver(const struct sure_channel *channel, struct sure__client_call *call,
                           struct sure_status *status);

#endif
