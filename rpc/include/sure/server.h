/* The server side: services, the addresses they are served on, and a stop in good order. */
#ifndef SURE_SERVER_H
#define SURE_SERVER_H

#include <sure/call.h>
#include <sure/interceptor.h>
#include <sure/log.h>
#include <sure/method.h>
#include <sure/store.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sure_server;

#define SURE_SESSION_LEASE_MS_DEFAULT              (60 * 1000)
#define SURE_SESSION_RETENTION_MS_DURABLE_DEFAULT  (24 * 3600 * 1000)
#define SURE_SESSION_RETENTION_MS_VOLATILE_DEFAULT (10 * 60 * 1000)

/* Zero in any field means the default that is named beside it. */
struct sure_server_options {
  /* Where sessions and completion records live. Borrowed; must outlive the server. NULL: a memory
   * store of the server's own, which forgets everything when the process ends. */
  struct sure_store *store;
  struct sure_logger logger;
  uint32_t pool_thread_count;    /* threads for handlers that run outside a transaction: 4 */
  uint32_t batch_len_max;        /* calls in one transaction at most: 256 */
  uint32_t message_len_max;      /* largest request or reply, bytes: 4 MiB */
  uint32_t connection_count_max; /* further ones are closed at once: 10 000 */
  uint32_t running_calls_max;    /* further ones are refused with RESOURCE_EXHAUSTED: 65 536 */
  uint32_t connection_calls_max; /* the same for one connection: 4000 */
  /* Calls at work at a time, running or in line. Further ones are not run: RESOURCE_EXHAUSTED, with
   * the time after which they may come again. Acknowledgments, settles, cancels and attempts that
   * join a running call always pass; other retries do a little over the limit. No limit but
   * running_calls_max. */
  uint32_t concurrency_max;
  /* Find a lower limit, from how long calls take now and with nobody in the way. */
  bool adapts_concurrency;
  uint32_t unsent_len_max;       /* reply bytes waiting on one connection, then it is not read
                                    (S23): 8 MiB */
  uint32_t unsent_ms_max;        /* so long not read, then closed: 30 000 */
  uint32_t handshake_ms_max;     /* from connect to ATTACH: 10 000 */
  uint32_t keepalive_time_ms;    /* silence of a peer, then a PING: 20 000 */
  uint32_t keepalive_timeout_ms; /* silence after the PING, then closed: 10 000 */
  uint32_t ping_interval_ms_min; /* pings of a client that follow each other sooner, with nothing in
                                    between, are counted; at the third GOAWAY, closed: 1000 */
  uint32_t connection_age_ms_max;   /* a connection so old, give or take a tenth, is told to leave
                                       with GOAWAY; its client goes on over another: never */
  uint32_t connection_age_grace_ms; /* so long after that, closed: 30 000 */
  uint32_t stream_idle_ms; /* a stream that nothing has come or gone on for so long is over, also
                              while its client is away: no limit but its deadline */
  uint32_t address_connections_max; /* from one IP address; further ones are closed at once: no
                                       limit but connection_count_max */
  uint32_t address_sessions_max;    /* that one IP address may open in session_lease_ms: no limit */
  uint32_t clock_drift_ms_max;   /* stamps of clients that are further ahead of this machine's clock
                                  are not believed (S25): 500 */
  uint32_t reconcile_ms;         /* between looks for calls in doubt (S15): 5000 */
  uint32_t session_lease_ms;     /* a session nobody is attached to is fenced after: 60 000 */
  uint32_t session_retention_ms; /* a fenced one is forgotten after: 24 h, memory 10 min */
};

/* Create a server. Does not listen yet: register services first. On SURE_OK the caller owns
 * `*out_server` (sure_server_free).
 * SURE_INVALID_ARGUMENT: a number out of its range.
 * SURE_RESOURCE_EXHAUSTED: memory or threads. */
SURE_API enum sure_code sure_server_open(const struct sure_server_options *options,
                                         struct sure_server **out_server);

/* How handlers run (S14). */
enum sure_run_mode {
  /* EXTERNAL for a method with external_effects, which takes no other mode. For one with streams:
   * the same if it is EXACTLY_ONCE and the store is durable; else its handler has a thread of its
   * own and no transaction. For all others TX with a durable store, POOL with a volatile one. */
  SURE_RUN_AUTO = 0,
  /* On the store's writer, inside the transaction that also holds the completion record; a method
   * with NO_SIDE_EFFECTS runs in a read transaction instead, on a thread of the pool. The handler
   * gets the transaction from its store (sure_call_sqlite). It may run several times for one call,
   * and only its writes through that handle count. It may not block or call out.
   * With a stream of requests and one reply, EXACTLY_ONCE: on a thread of its own, with one
   * transaction after the other (sure_stream_commit). Such a call needs an idempotency key; it goes
   * on at the next server, or for the next client with that key, behind what is committed, and
   * ends here when its client has been away for session_lease_ms. A failure that it returns after
   * a commit closes nothing. */
  SURE_RUN_TX = 1,
  /* First phase on a thread of the pool, without a transaction; it may block and call out, and ends
   * with sure_call_apply for the second phase in the transaction. */
  SURE_RUN_PREPARE = 2,
  /* On a thread of the pool, no transaction. Refused for EXACTLY_ONCE methods on a durable store,
   * where effect and record could not commit together. With a volatile store, change state only on
   * the way to SURE_OK. A handler with a stream may not block here: it waits with
   * sure_stream_wait. */
  SURE_RUN_POOL = 3,
  /* As POOL, on the thread that read the request: the fastest, for handlers of microseconds that
   * never block. */
  SURE_RUN_INLINE = 4,
  /* On a thread of the pool, or its own if it has a stream, with an intent committed before it runs
   * and the record after: for effects outside the store. Nothing re-runs after an intent. If this
   * process dies meanwhile, or the handler returns a failure without sure_call_not_applied, the
   * call is IN_DOUBT until a reconciler has said what became of it (sure_server_set_reconciler). */
  SURE_RUN_EXTERNAL = 5,
};

/* What became of a call that is in doubt: its handler had an effect outside of the store, or not,
 * when its process died or it returned a failure (S15). */
enum sure_resolution {
  SURE_RESOLVE_LATER = 0,       /* nobody knows yet; it is asked again after reconcile_ms */
  SURE_RESOLVE_APPLIED = 1,     /* it happened: the reply is the call's result from now on */
  SURE_RESOLVE_NOT_APPLIED = 2, /* it did not, and never will: clients are told so, and nothing can
                                   run under this call's number or idempotency key any more */
};

/* Finds that out, by asking whoever had the effect: by sure_call_effect_key, which the handler had
 * handed on, or sure_call_key. Of `call` there are also sure_call_method, sure_call_principal and
 * memory; the request is not kept. `reply` is of the method's type, empty. On a thread of the pool;
 * may block and make calls. Other servers on the same store may ask at the same time, and the first
 * answer that is not LATER counts. */
typedef enum sure_resolution sure_reconcile_fn(void *user, struct sure_call *call,
                                               ProtobufCMessage *reply);

/* Calls the typed handler of one method. Written by the generator. */
typedef enum sure_code sure_handler_fn(const void *handlers, void *user, struct sure_call *call,
                                       const ProtobufCMessage *request, ProtobufCMessage *reply);

/* Offer a service. For generated code. `service`, `trampolines` (one a method, in the table's
 * order) and `handlers` are borrowed until sure_server_free. Before sure_server_listen only.
 *
 * SURE_ALREADY_EXISTS: the service is registered, or two methods have the same id (S4).
 * SURE_FAILED_PRECONDITION: the server listens already; the table's ABI is another; the run mode
 * and a method's semantics exclude each other; a method has an idempotency key and the store is
 * volatile without allow_volatile_keys (S13). The logger says which.
 * SURE_RESOURCE_EXHAUSTED: memory. */
SURE_API enum sure_code sure_server_register(struct sure_server *server,
                                             const struct sure_service *service,
                                             sure_handler_fn *const *trampolines,
                                             const void *handlers, void *user);

/* Choose how a method runs: `name` is "pkg.Service/Method", or "pkg.Service" for all of its
 * methods. Before sure_server_register of the service.
 * SURE_INVALID_ARGUMENT: no name.
 * SURE_FAILED_PRECONDITION: the service is registered already. */
SURE_API enum sure_code sure_server_set_run_mode(struct sure_server *server, const char *name,
                                                 enum sure_run_mode mode);

/* Have `fn` say what became of calls of an EXTERNAL method that are in doubt: "pkg.Service/Method",
 * registered before. NULL: nobody does, and they stay so. Before sure_server_listen.
 * SURE_NOT_FOUND: no such method is registered.
 * SURE_FAILED_PRECONDITION: it does not run as SURE_RUN_EXTERNAL, or the server listens. */
SURE_API enum sure_code sure_server_set_reconciler(struct sure_server *server, const char *method,
                                                   sure_reconcile_fn *fn, void *user);

/* Put an interceptor (copied) behind those that are there. Before sure_server_listen.
 * SURE_INVALID_ARGUMENT: its version is another.
 * SURE_RESOURCE_EXHAUSTED: there are SURE_INTERCEPTORS_MAX.
 * SURE_FAILED_PRECONDITION: the server listens already. */
SURE_API enum sure_code
sure_server_add_interceptor(struct sure_server *server,
                            const struct sure_server_interceptor *interceptor);

/* Listen on `url` ("tcp://127.0.0.1:5001", "tcp://0.0.0.0:5001", port 0 for a free one,
 * "ipc:///path") and serve. May be called for several addresses.
 * SURE_INVALID_ARGUMENT: a wrong URL.
 * SURE_ALREADY_EXISTS: the address is in use.
 * SURE_PERMISSION_DENIED: the system does not allow it.
 * SURE_UNAVAILABLE: any other reason, logged. On an error nothing has changed. */
SURE_API enum sure_code sure_server_listen(struct sure_server *server, const char *url);

/* The address that the index-th sure_server_listen really bound (with the port chosen for 0), or
 * NULL. Valid until sure_server_free. */
SURE_API const char *sure_server_url(const struct sure_server *server, size_t index);

/* Stop in good order: accept no connection and no new call, answer the running ones, close. Blocks
 * until that is done or `drain_ms_max` (0: 30 000) has passed; then connections are closed, and
 * clients retry elsewhere or later.
 * SURE_OK: all running calls were answered.
 * SURE_DEADLINE_EXCEEDED: some were cut off; that loses no effect and doubles none. A call of
 * sure_server_stop from another thread ends it at once. */
SURE_API enum sure_code sure_server_drain(struct sure_server *server, uint32_t drain_ms_max);

/* Close all connections now; makes sure_server_drain and sure_server_run return. Any thread. */
SURE_API void sure_server_stop(struct sure_server *server);

/* Serve until SIGTERM or SIGINT, drain, return; a second signal cuts the drain short. For the main
 * thread of a server program: it blocks the two signals in the calling thread and waits for them
 * (no handler is installed); other threads of the application must block them too. A signal that
 * comes before this call does what it always does; who wants a drain then blocks the two first.
 * SURE_OK: drained.
 * SURE_DEADLINE_EXCEEDED: see sure_server_drain.
 * SURE_DATA_LOSS: the store failed in a way that only a restart can mend (S20); exit non-zero. */
SURE_API enum sure_code sure_server_run(struct sure_server *server, uint32_t drain_ms_max);

/* Stops if it was not stopped, waits for handlers that run, frees. Accepts NULL; returns NULL. Not
 * from a handler. */
SURE_API struct sure_server *sure_server_free(struct sure_server *server);

/* What a server did so far. Never reset. */
struct sure_server_stats {
  uint64_t connections;       /* open now */
  uint64_t requests;          /* attempts received */
  uint64_t runs;              /* handlers started for them */
  uint64_t replayed;          /* attempts answered from a record */
  uint64_t joined;            /* attempts that joined a running call */
  uint64_t refused;           /* attempts answered NOT_RUN */
  uint64_t stale;             /* attempts below the watermark or in the acked ranges */
  uint64_t batches;           /* submitted to the store */
  uint64_t protocol_errors;   /* connections closed for breaking the protocol */
  uint64_t clocks_ahead;      /* requests whose stamp was not believed (S25) */
  uint64_t shed;              /* attempts refused because too many calls were at work */
  uint64_t at_work;           /* calls, now; 0 without concurrency_max or adapts_concurrency */
  uint64_t concurrency_limit; /* how many there may be, now; 0 the same */
};
SURE_API void sure_server_get_stats(struct sure_server *server,
                                    struct sure_server_stats *out_stats);

#ifdef __cplusplus
}
#endif

#endif
