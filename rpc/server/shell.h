/* The server's shell: what its files share.
 *
 * Threads, and what each of them does:
 *
 * - nng's: read frames, drive the engine, run inline handlers, submit to a store that does not
 *   block, write
 * - writer: submits to a store that blocks; nothing else (it encodes and sends nothing)
 * - loop: timers, what the writer has committed, connections to be freed
 * - pool: handlers that may take their time, read transactions
 *
 * Locks: one a shard around its engine; one around the loop's lists, one around the writer's queue,
 * one around the pool's queue, one around the list of links. The latter four are leaves. No lock is
 * held while a handler runs, while the store works, or while nng is called. */
#ifndef SURE_SERVER_SHELL_H
#define SURE_SERVER_SHELL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sure/server.h>
#include <sure/stream.h>

#include "rpc/core/server.h"
#include "rpc/net/connection.h"
#include "rpc/server/address.h"

struct nng_stream;
struct sure__listener;

enum { SURE__SHARD_COUNT = 4 };

struct sure__shard {
  pthread_mutex_t lock;
  struct sure__server engine;
  struct sure_server *server;
};

/* One connection. Its shard changes only with the lock of the old one held. */
struct sure__link {
  struct sure__peer peer;
  struct sure__buffer out; /* what the engine has for it; moved on with the shard's lock held */
  struct sure__connection *connection;
  struct sure_server *server;
  _Atomic(struct sure__shard *) shard;
  struct sure__address *address; /* whose connection it is, if that is limited */
  struct sure__list of_server;   /* server.links, then loop.closed */
  struct sure__list to_close;    /* while somebody is closing it */
};

/* Ops on their way to a store that blocks. */
struct sure__writer {
  pthread_mutex_t lock;
  pthread_cond_t wake;
  pthread_t thread;
  bool is_started;
  bool is_stopping;
  struct sure__list calls;
  struct sure__list tasks;
  struct sure_store_op **batch; /* room for batch_len_max */
  uint64_t batch_count;
};

struct sure__pool {
  pthread_mutex_t lock;
  pthread_cond_t wake;
  pthread_t *threads;
  uint32_t thread_count;
  bool is_stopping;
  struct sure__list calls;
  uint32_t stream_count; /* threads of streams, one each */
};

struct sure__loop {
  pthread_mutex_t lock;
  pthread_cond_t wake;
  pthread_t thread;
  bool is_started;
  bool is_stopping;
  uint64_t wake_at_ms;
  struct sure__list calls; /* decided by the writer's store */
  struct sure__list tasks;
  struct sure__list closed; /* links to free */
  _Atomic uint64_t armed_ms;
};

struct sure_attach {
  const struct sure_metadata *credentials;
  uint8_t principal_len;
  uint8_t principal[SURE_PRINCIPAL_LEN_MAX];
};

struct sure__run_mode_choice {
  struct sure__list link;
  enum sure_run_mode mode;
  char name[];
};

struct sure_server {
  struct sure_server_options options; /* with the defaults filled in */
  struct sure_store *store;
  struct sure_store *own_store; /* freed with the server */
  struct sure__registry registry;
  struct sure__list run_modes;
  struct sure_server_interceptor interceptors[SURE_INTERCEPTORS_MAX];
  size_t interceptor_count;
  struct sure__gate gate; /* if is_gated */
  bool is_gated;
  _Atomic uint64_t committed_clock;
  struct sure__shard shards[SURE__SHARD_COUNT];
  size_t shard_count; /* that are initialised */
  struct sure__writer writer;
  struct sure__pool pool;
  struct sure__loop loop;

  pthread_mutex_t lock; /* of what follows */
  pthread_cond_t changed;
  struct sure__list links;
  size_t link_count;
  size_t finishing_count; /* threads of the application that are in sure_call_finish */
  struct sure__addresses addresses;
  struct sure__listener **listeners;
  size_t listener_count;
  bool is_draining;
  atomic_bool is_stopping;
  atomic_bool has_failed; /* the store is broken (S20) */
  int event_fd;           /* readable when sure_server_run is to return */
};

/* shard.c */

/* Lock the shard that the link is in now. */
struct sure__shard *sure__link_lock(struct sure__link *link);
/* The shard of a session. */
struct sure__shard *sure__shard_of(struct sure_server *server, const struct sure_session_id *id);
/* Do what the engine has asked for, until it asks for nothing more. The lock is held when this is
 * called and free when it returns. */
void sure__shard_finish(struct sure__shard *shard);

/* call.c */

const struct sure_store *sure__call_store(const struct sure_call *call);
/* What goes back beside the reply, made if it is not there. NULL when memory is short. */
struct sure__meta *sure__call_reply_meta(struct sure_call *call);

/* run.c */

/* Unpack the metadata of an attempt, or the request of an admitted call as well. False: op.record
 * says why not. */
bool sure__call_unpack_metadata(struct sure_call *call);
bool sure__call_unpack(struct sure_call *call);
/* What a handler or interceptor that returned `code` has left in the call. */
struct sure_record sure__call_failure(struct sure_call *call, enum sure_code code);
/* Run the handler outside of the store, `transaction` being NULL or that of a read. True: the
 * result is in op.record and is_unrecorded. False: the handler has deferred its answer, and the
 * call belongs to whoever finishes it. */
bool sure__call_run(struct sure_call *call, void *transaction);
/* The same for one that was not begun, as something for it was short. */
void sure__call_not_run(struct sure_call *call, const char *text);
/* It has ended with `code`: its result is in op.record and is_unrecorded. */
void sure__call_run_ended(struct sure_call *call, enum sure_code code, bool in_transaction);
/* The sure_store_run_fn of every call. */
bool sure__call_run_in_store(void *user, struct sure_store_op *op, void *transaction,
                             struct sure_record *out_record);

/* What a handler has committed, while the store does that. */
struct sure__commit {
  struct sure_call *call;
  sure_stream_commit_fn *fn;
  void *user;
};
/* The sure_store_run_fn of it. */
bool sure__call_commit_in_store(void *user, struct sure_store_op *op, void *transaction,
                                struct sure_record *out_record);

/* stream.c */

/* The handler of a call with streams, or its next step. False: it waits for another one, and the
 * call belongs to whoever runs that. */
bool sure__call_run_streaming(struct sure_call *call, enum sure_code *out_code);
bool sure__call_step(struct sure_call *call, enum sure_code *out_code);
/* With the lock of their shard: handlers that wait for one of these look again. */
void sure__streams_wake(struct sure__list *woken);

/* defer.c */

/* After a handler. False: the call is no longer ours. Else `*code` is its code. */
bool sure__call_handler_returned(struct sure_call *call, enum sure_code *code);
/* Until nobody is in sure_call_finish. */
void sure__finishers_wait(struct sure_server *server);

/* intercept.c */

/* Ask who the client with these credentials is: the answer is in `attach`. Another code than
 * SURE_OK turns it away. */
enum sure_code sure__intercept_attach(const struct sure_server *server,
                                      struct sure_bytes credentials, struct sure_attach *attach);
/* Ask whether to let the attempt through: op.record says SURE_OK, or what it is answered. */
void sure__intercept_arrival(const struct sure_server *server, struct sure_call *call);
/* Before a handler runs. Another code than SURE_OK takes its place: it does not. */
enum sure_code sure__intercept_run_begins(const struct sure_server *server, struct sure_call *call);
/* After one that was to run. */
void sure__intercept_run_ended(const struct sure_server *server, struct sure_call *call,
                               enum sure_code code);

/* writer.c, pool.c, loop.c: start returns false when threads are short; stop is harmless before it.
 */

bool sure__writer_start(struct sure_server *server);
void sure__writer_stop(struct sure_server *server);
/* Takes the calls and tasks over. */
void sure__writer_submit(struct sure_server *server, struct sure__list *calls,
                         struct sure__list *tasks);

bool sure__pool_start(struct sure_server *server);
void sure__pool_stop(struct sure_server *server);
/* False: there is no thread to be had for its stream. */
bool sure__pool_submit(struct sure_server *server, struct sure_call *call);
/* Its handler goes on: sure__call_step. Takes no lock but the pool's. */
void sure__pool_step(struct sure_server *server, struct sure_call *call);

bool sure__loop_start(struct sure_server *server);
void sure__loop_stop(struct sure_server *server);
/* The store has decided a batch. Takes the lists over. */
void sure__loop_decided(struct sure_server *server, struct sure__list *calls,
                        struct sure__list *tasks);
/* A link is closed for good: free it. */
void sure__loop_reap(struct sure_server *server, struct sure__link *link);
/* An engine wants the time at `at_ms`. */
void sure__loop_arm(struct sure_server *server, uint64_t at_ms);

/* link.c */

/* A client has connected. Takes the stream. Does not block. */
void sure__link_open(struct sure_server *server, struct nng_stream *stream);
/* Frees what is closed; on the loop's thread. */
void sure__link_free(struct sure__link *link);
/* Close all connections. */
void sure__links_close(struct sure_server *server, const char *reason);
/* Close those that have not taken their replies for too long (S23). */
void sure__links_close_stalled(struct sure_server *server, uint64_t now_ms);

/* listener.c */

enum sure_code sure__listener_open(struct sure_server *server, const char *url,
                                   struct sure__listener **out_listener);
const char *sure__listener_url(const struct sure__listener *listener);
/* Accept no more. */
void sure__listener_close(struct sure__listener *listener);
void sure__listener_free(struct sure__listener *listener);

/* stop.c */

/* Close everything and wait until nothing runs. */
void sure__server_end(struct sure_server *server);
/* The store has failed: nothing can be served any more. Any thread. */
void sure__server_fail(struct sure_server *server);

#endif
