/* The client side: a channel, and calls over it.
 *
 * A channel is the addresses of one or more servers, connections that are kept up, and a session in
 * which every call has a number. Calls from many threads share the connections. Generated code
 * wraps the untyped functions at the end of this header; applications use the typed ones. */
#ifndef SURE_CHANNEL_H
#define SURE_CHANNEL_H

#include <sure/interceptor.h>
#include <sure/log.h>
#include <sure/metadata.h>
#include <sure/method.h>
#include <sure/policy.h>
#include <sure/service_config.h>
#include <sure/status.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sure_channel;
struct sure_call;

#define SURE_CALL_TIMEOUT_MS_DEFAULT 10000
#define SURE_CALL_TIMEOUT_MS_MAX     (7 * 24 * 3600 * 1000)
#define SURE_MESSAGE_LEN_MAX_DEFAULT (4 * 1024 * 1024)
/* Calls with a number and no result yet, a session; what one ACK frame can describe. */
#define SURE_OPEN_CALLS_MAX 4000
/* Calls that ended UNKNOWN and were neither settled nor released, a session (S10). */
#define SURE_UNRESOLVED_CALLS_MAX_DEFAULT 1024

/* Zero in any field means the default that is named beside it. docs/options.md has them all on one
 * page. */
struct sure_channel_options {
  /* One or more endpoints, with commas between them: "tcp://host:port", "ipc:///path", or
   * "dns:host:port" for all addresses of a name, which are looked up again when they can't be
   * reached. Must be given; copied. */
  const char *target;
  struct sure_logger logger;
  uint32_t timeout_ms;         /* deadline of a call that names none: 10 000; at most 7 days */
  uint32_t accept_timeout_ms;  /* a connection on which a request gets neither ACCEPTED nor a reply
                                 by then is replaced: 1000; well above the round trip */
  uint32_t connect_timeout_ms; /* until the session is attached: 20 000 */
  uint32_t reconnect_ms_initial; /* pause before the second try to connect: 1000 */
  uint32_t reconnect_ms_max;     /* longest pause between tries: 120 000; each is 1.6 times the one
                                    before, with jitter of 20 % */
  uint32_t keepalive_time_ms;    /* silence with calls open, then a PING: 10 000 */
  uint32_t keepalive_timeout_ms; /* silence after the PING, then the connection is replaced: 5000 */
  uint32_t idle_timeout_ms;      /* without calls for so long, connections and session are given up
                                    until the next one: 30 min */
  uint32_t ack_idle_ms;          /* results are acknowledged alone when no request took the
                                    acknowledgment along for so long: 50 */
  uint32_t message_len_max;      /* largest request or reply, bytes: 4 MiB */
  uint32_t unresolved_calls_max; /* 1024 */
  uint32_t clock_drift_ms_max;   /* stamps of servers that are further ahead of this machine's clock
                                    are not believed (S25): 500 */
  enum sure_balancing balancing;
  struct sure_retry_budget retry_budget;
  struct sure_retry_throttling retry_throttling;
  struct sure_outlier_detection outlier_detection;
  /* What the owner of the service says of calls and channels. Borrowed; must outlive the channel.
   * What is set above or by a call comes before it, but a call can only shorten its time-out, and
   * messages have to keep to the smaller limit. NULL: nothing. */
  const struct sure_service_config *service_config;
  /* Who this is, for the server's peer_attaches (sure/interceptor.h): a token, for example. Copied.
   * Sent to each endpoint in the clear, unless the target says otherwise. */
  const struct sure_metadata *credentials;
  const struct sure_client_interceptor *interceptors; /* copied; at most SURE_INTERCEPTORS_MAX */
  size_t interceptor_count;
};

/* Open a channel to `options->target`.
 *
 * Its endpoints must serve the same store, but for replicas (S2); one that does not is not used,
 * and the logger says so. Starts to connect in the background and returns at once; a server that is
 * not there yet is no error: calls wait for it until their deadline. On SURE_OK the caller owns
 * `*out_channel` (sure_channel_free). The logger's user pointer must stay valid until then.
 *
 * SURE_INVALID_ARGUMENT: no target, an unknown scheme, a wrong URL, or a number out of its range.
 * SURE_RESOURCE_EXHAUSTED: memory or threads. */
SURE_API enum sure_code sure_channel_open(const struct sure_channel_options *options,
                                          struct sure_channel **out_channel);

/* Close the session in good order (results acknowledged) if that works within `linger_ms`, cancel
 * the calls that are open, run their completions, and free the channel. Accepts NULL; returns NULL.
 * Blocks up to `linger_ms` (0: 1000) and for completions that are running. No other thread may use
 * the channel any more. Not from a completion: that is a bug that is asserted. In a forked child it
 * frees nothing and touches nothing (S3). */
SURE_API struct sure_channel *sure_channel_free(struct sure_channel *channel, uint32_t linger_ms);

/* Other credentials from the next connection on: a token that was renewed. If the server has turned
 * the channel away, it is asked again at once. Any thread.
 * SURE_RESOURCE_EXHAUSTED: memory is short; the old ones stay. */
SURE_API enum sure_code sure_channel_set_credentials(struct sure_channel *channel,
                                                     const struct sure_metadata *credentials);

/* Whether the channel can be used now. `connects`: if it is IDLE, it begins to connect, as a call
 * would have it do. Does not block. Any thread. */
SURE_API enum sure_connectivity sure_channel_get_state(struct sure_channel *channel, bool connects);
/* Wait until the state is no longer `last`, or `timeout_ms` have passed; returns the state then.
 * Any thread, except from a completion: there, as in a forked child, it returns SURE_SHUTDOWN. */
SURE_API enum sure_connectivity sure_channel_wait_for_state_change(struct sure_channel *channel,
                                                                   enum sure_connectivity last,
                                                                   uint32_t timeout_ms);

/* What a channel did so far. Never reset. */
struct sure_channel_stats {
  uint64_t calls;      /* calls that got as far as a number or an attempt */
  uint64_t attempts;   /* handed to a transport */
  uint64_t connects;   /* connections that got a session attached */
  uint64_t sessions;   /* sessions opened */
  uint64_t replayed;   /* results that an earlier attempt had made */
  uint64_t joined;     /* results of a run that an earlier attempt had started */
  uint64_t settled;    /* calls whose result came from SETTLE */
  uint64_t unresolved; /* calls that are UNKNOWN now, neither settled nor released */
  uint64_t open;       /* calls without a result now */
  uint64_t ejections;  /* of endpoints that failed too often */
};
SURE_API void sure_channel_get_stats(struct sure_channel *channel,
                                     struct sure_channel_stats *out_stats);

/* Options of one call. Zero means what the service config says of the method, then the method's own
 * option in its .proto, and then the channel's. NULL in place of the struct means all zero. */
struct sure_call_options {
  uint32_t timeout_ms;         /* from now, over all attempts; at most 7 days; where the service
                                  config has one too, the shorter */
  uint32_t attempt_timeout_ms; /* an attempt that is not answered by then is given up, and another
                                  one made as `retry` allows; none */
  const struct sure_retry_policy *retry;     /* copied */
  const struct sure_hedging_policy *hedging; /* in place of `retry`; copied */
  /* End with UNAVAILABLE while no endpoint can be reached, instead of waiting for one until the
   * deadline; or wait, though the service config says waitForReady: false. Not both. */
  bool is_fail_fast;
  bool waits_for_ready;
  const struct sure_metadata *metadata; /* to go with the request; copied */
  /* Names the call beside its request (at most SURE_KEY_LEN_MAX bytes; copied), for an EXACTLY_ONCE
   * method whose requests are a stream; others have their key in the request. */
  const char *idempotency_key;
  const char *traceparent; /* W3C trace context; the parent's, if there is one; copied */
  /* The call that a handler is serving while it makes this one: this call then carries an
   * idempotency key derived from the parent's id and an ordinal, so that a handler that runs again
   * does not double its effect downstream (S14), and its deadline is the parent's at most. */
  struct sure_call *parent;
};

/* Told how an asynchronous call ended, exactly once, always later than the call that started it, on
 * a thread of the library, with no lock held. `reply` is NULL unless the code is SURE_OK. `status`
 * and `reply` are borrowed until it returns. It may start calls, not wait for them. */
typedef void sure_complete_fn(const void *closure, const struct sure_status *status,
                              const ProtobufCMessage *reply);

/* Bytes of closure that a call carries for its completion. */
#define SURE_CLOSURE_LEN_MAX 32

/* Call `method` and wait for its end. For generated code.
 *
 * Borrows `request` and `options` until it returns. On SURE_OK the caller owns `*out_reply`
 * (protobuf_c_message_free_unpacked with a NULL allocator, or the generated ..._free_unpacked);
 * otherwise it is untouched. `status` may be NULL; its code is what is returned. Blocks until the
 * call's deadline at most. Any thread, except from a completion or an inline handler, where it is
 * refused: those threads are the ones that would have to bring the reply.
 *
 * Refused here, nothing sent, outcome NOT_APPLIED, reason CHANNEL:
 * SURE_INVALID_ARGUMENT: a time-out over 7 days, an idempotency key that is empty, too long, or not
 * the method's to have, is_fail_fast beside
 * waits_for_ready, or an AT_MOST_ONCE method that was to be hedged or, by what the service config
 * says of all methods, retried.
 * SURE_RESOURCE_EXHAUSTED: the request is over message_len_max or the service config's limit, or
 * too many calls are open or unresolved, or memory is short.
 * SURE_FAILED_PRECONDITION: in a forked child, or in a completion.
 * SURE_RESOURCE_EXHAUSTED, reason REPLY_LOST, outcome APPLIED: the reply came and is over the
 * service config's limit.
 * SURE_DEADLINE_EXCEEDED, SURE_UNAVAILABLE and others: the outcome says what is known
 * (docs/exactly-once.md); with UNKNOWN, sure_channel_settle makes it certain. */
SURE_API enum sure_code sure_channel_call(struct sure_channel *channel,
                                          const struct sure_method *method,
                                          const ProtobufCMessage *request,
                                          const struct sure_call_options *options,
                                          ProtobufCMessage **out_reply, struct sure_status *status);

/* Start a call; `complete` gets the end. For generated code. The request is packed before it
 * returns; `closure` (at most SURE_CLOSURE_LEN_MAX bytes) is copied. Does not block. Any thread,
 * completions too. On SURE_OK `complete` runs exactly once; `out_id` may be NULL. On another code
 * it never runs, nothing was sent, and the codes are those of sure_channel_call that are refused.
 */
SURE_API enum sure_code sure_channel_start(struct sure_channel *channel,
                                           const struct sure_method *method,
                                           const ProtobufCMessage *request,
                                           const struct sure_call_options *options,
                                           sure_complete_fn *complete, const void *closure,
                                           size_t closure_len, uint64_t *out_handle);

/* Give up waiting for the asynchronous call `handle`: it completes with SURE_CANCELLED (and the
 * outcome that is true then), unless its end was on the way already. Unknown handles are ignored.
 * Does not block. Any thread. */
SURE_API void sure_channel_cancel(struct sure_channel *channel, uint64_t handle);

/* What to settle: a call of this channel, or an idempotency key, or both. */
struct sure_settle {
  struct sure_call_id call;
  struct sure_bytes key;
};

/* Learn what became of an EXACTLY_ONCE call that ended UNKNOWN; if it has not run, see to it that
 * it never will (S12). Blocks, borrows and owns like sure_channel_call.
 *
 * Returns the recorded code of the call, SURE_OK with its reply or its refusal with NOT_APPLIED,
 * or SURE_ABORTED, reason TOMBSTONE: it had not run and never will, NOT_APPLIED.
 * SURE_FAILED_PRECONDITION, outcome UNKNOWN: reason STALE (its result was acknowledged before) or
 * SESSION_LOST (the server has forgotten the session). Final.
 * SURE_UNAVAILABLE, SURE_DEADLINE_EXCEEDED: not known yet; settle again.
 * SURE_INVALID_ARGUMENT: neither a call nor a key, or the method has no key field or is not
 * EXACTLY_ONCE. */
SURE_API enum sure_code
sure_channel_settle(struct sure_channel *channel, const struct sure_method *method,
                    const struct sure_settle *what, const struct sure_call_options *options,
                    ProtobufCMessage **out_reply, struct sure_status *status);

/* Stop caring about a call that ended UNKNOWN: it counts as acknowledged, its record may go, and
 * nobody can settle it by its id any more (by its key one still can). Unknown ids are ignored. */
SURE_API void sure_channel_release(struct sure_channel *channel, struct sure_call_id call);

#ifdef __cplusplus
}
#endif

#endif
