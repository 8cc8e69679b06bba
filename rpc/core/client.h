/* The client engine: everything a channel decides, without I/O, clock, threads or locks.
 *
 * Events go in as function calls with the time; what is to be done is left behind in fields that
 * the shell looks at after each event, still under its lock: links with something to do (bytes to
 * send, a connection to open or to close), calls that have ended, lines to log, the next wake-up.
 *
 * A call:
 *
 *     start -> QUEUED --a link is ready--> SENT --answer--> ENDED -> completed list -> recycle
 *                ^                          |  \                      or, when UNKNOWN, kept
 *                +------- BACKOFF <---------+   +--> SETTLING --> ENDED         unresolved
 *
 * It gets its sequence number with its first attempt, in one step with its entry in the session's
 * list of open numbers (S3); the watermark and the acknowledged ranges are read off that list (S9).
 * While it is SENT it has attempts under way: one, or several when it is hedged.
 *
 * An endpoint is an address. It has at most one link that takes new attempts, and maybe others that
 * are draining:
 *
 *     DIALING -> GREETING -> (WAITING ->) ATTACHING -> ATTACHED (-> draining) -> over
 *
 * All links of a channel are attached to its one session. WAITING: another link is opening it. */
#ifndef SURE_CORE_CLIENT_H
#define SURE_CORE_CLIENT_H

#include <sure/channel.h>
#include <sure/interceptor.h>

#include "rpc/core/arena.h"
#include "rpc/core/bodies.h"
#include "rpc/core/buffer.h"
#include "rpc/core/child.h"
#include "rpc/core/frame.h"
#include "rpc/core/hlc.h"
#include "rpc/core/index.h"
#include "rpc/core/list.h"
#include "rpc/core/log.h"
#include "rpc/core/retry_budget.h"
#include "rpc/core/status.h"
#include "rpc/core/timers.h"

struct sure__client_session;
struct sure__client_call;
struct sure__client_stream;

/* Bytes of a large answer that a call object keeps room for when it is used again. */
enum { SURE__ANSWER_KEPT_MAX = 64 * 1024 };

/* As struct sure_channel_options, nothing zero. */
struct sure__client_config {
  uint32_t accept_timeout_ms;
  uint32_t connect_timeout_ms;
  uint32_t reconnect_ms_initial;
  uint32_t reconnect_ms_max;
  uint32_t keepalive_time_ms;
  uint32_t keepalive_timeout_ms;
  uint32_t ack_idle_ms;
  uint32_t idle_timeout_ms;
  uint32_t message_len_max;
  uint32_t unresolved_calls_max;
  enum sure_balancing balancing;
  struct sure_retry_budget retry_budget;
  struct sure_retry_throttling retry_throttling;
  struct sure_outlier_detection outlier_detection;
  uint64_t random_seed;
  struct sure__hlc *clock; /* the process's; NULL: no stamps */
  uint32_t clock_drift_ms_max;
  bool intercepts; /* attempts wait for sure__client_let_through, and their ends are reported */
};

enum sure__call_phase {
  SURE__CALL_IDLE,
  SURE__CALL_QUEUED,
  SURE__CALL_SENT,
  SURE__CALL_BACKOFF,
  SURE__CALL_SETTLING,
  SURE__CALL_ENDED,
};

enum sure__link_state {
  SURE__LINK_DIALING,
  SURE__LINK_GREETING,
  SURE__LINK_WAITING,
  SURE__LINK_ATTACHING,
  SURE__LINK_ATTACHED,
};

/* What the endpoint's attempts came to, for outlier detection. */
struct sure__endpoint_health {
  uint32_t failures_in_row;
  uint32_t attempt_count; /* answered or failed in this interval */
  uint32_t failure_count; /* of these */
  uint32_t ejection_count;
  uint64_t ejected_until_ms; /* 0: it is not ejected */
};

struct sure__endpoint {
  struct sure__list of_client;
  uint32_t number;         /* never used again */
  bool is_wanted;          /* by the last sure__client_set_endpoints */
  bool has_failed;         /* since it was ready last */
  bool is_missed;          /* a stream can go on nowhere else: dialed beside others */
  struct sure__link *link; /* that takes new attempts, or is on the way to; NULL: none */
  uint64_t dial_at_ms;     /* not before */
  uint64_t dialed_ms;
  uint32_t failure_count; /* connections in a row that got no session */
  bool has_served;        /* `store` is set: whose session it served last */
  struct sure_store_id store;
  struct sure__endpoint_health health;
  char url[]; /* what the shell dials */
};

struct sure__link {
  struct sure__list of_client;
  struct sure__list acting; /* in client.acting */
  struct sure__endpoint *endpoint;
  void *user; /* the shell's own */

  /* Actions. */
  bool dial_wanted;         /* cleared by the shell */
  const char *close_reason; /* not NULL: close the connection, or give the dial up, then
                               sure__client_link_closed */
  struct sure__buffer out;  /* for the connection */

  /* The engine's own. */
  enum sure__link_state state;
  bool is_draining;
  bool is_replica;          /* it serves old data, to calls that allow it (STALE_OK) */
  bool is_parting;          /* the session is being closed over it; then it ends */
  bool out_of_memory;       /* a frame is missing from `out` */
  struct sure__timer timer; /* give up, or attach again */
  struct sure__timer keepalive;
  bool pinged;
  bool is_clock_ahead; /* a stamp of the server was not believed, and that was said */
  bool attach_later;   /* the server was BUSY or FULL: the timer sends ATTACH again */
  enum sure__attach_mode attach_mode;
  uint64_t attach_epoch; /* RESUME: of the session that was asked for */
  uint64_t quiet_since_ms;
  uint64_t asked_ms;     /* when the first attempt left since something was heard last; 0: none */
  uint32_t attach_count; /* ATTACH frames answered with BUSY or FULL */
  struct sure__challenge challenge;
  struct sure_store_id store;
  uint32_t message_len_max;    /* what the server takes */
  struct sure__list in_flight; /* sure__attempt.of_link */
  size_t in_flight_count;
  struct sure__list sending;     /* sure__stream.turn: those that have something to send */
  struct sure__bodies bodies;    /* long requests, which take turns with those */
  size_t unsent_len;             /* of both, as far as the engine knows */
  bool awaits_room;              /* it is to be told when that is less: sure__client_sent */
  struct sure__list settle_sent; /* sure__client_call.link */
  struct sure__buffer held;      /* requests that the server has a part of: sure__held_at */
};

/* An answer of several frames on its way to being whole. */
struct sure__assembly {
  bool is_receiving; /* some parts are here */
  struct sure__frame first_part;
  struct sure__buffer parts; /* text, metadata, payload */
  size_t text_len;
  size_t metadata_len;
};

/* One transmission of a call that is not answered yet. */
struct sure__attempt {
  struct sure__list of_link;
  struct sure__list of_call;
  struct sure__client_call *call;
  struct sure__link *link; /* NULL: not in use */
  uint32_t number;
  bool is_accepted;
  bool is_resumed; /* it leaves out what the server has of the request */
  uint64_t sent_ms;
  uint64_t accept_by_ms; /* ACCEPTED or an answer, or the link counts as dead */
  uint64_t answer_by_ms; /* an answer, or it is given up */
  struct sure__assembly assembly;
  struct sure_attempt_end end; /* in client.ended_attempts */
};

/* Whether the shell's interceptors let the next attempt go. */
enum sure__leave { SURE__LEAVE_TO_ASK, SURE__LEAVE_ASKED, SURE__LEAVE_GIVEN };

/* The (session, sequence) that a SETTLE names, and the one store that can answer for it (S2). */
struct sure__settle_target {
  struct sure_call_id id;
  struct sure_session_id session;
  struct sure_fingerprint fingerprint; /* of the request; zero: not known */
  struct sure_store_id store;
};

struct sure__client_call {
  /* Filled in by the shell before start. The bytes live in `arena`. */
  const struct sure_method *method;
  struct sure_bytes request;
  struct sure_bytes metadata; /* packed */
  struct sure_bytes key;      /* idempotency key (S13, S14); empty: none */
  bool key_is_beside;         /* then it is sent beside the request */
  bool is_fail_fast;          /* not to wait while no endpoint can be reached */
  uint32_t timeout_ms;
  uint32_t attempt_timeout_ms; /* 0: none */
  uint32_t reply_len_max;      /* the shell's own: the application gets no longer reply */
  struct sure_retry_policy retry;
  struct sure_hedging_policy hedging; /* attempts_max 0: it is retried instead */
  struct sure__client_stream *stream; /* NULL: it is none */
  struct sure_call_id settle_id;      /* for sure__client_settle */
  size_t metadata_room;               /* what interceptors may add to that of an attempt */
  void *interception;                 /* the shell's own */
  struct sure__child child;           /* if a handler makes it; the shell's own */
  void *channel;                      /* then: the shell's own, too */
  sure_complete_fn *complete;
  _Alignas(max_align_t) uint8_t closure[SURE_CLOSURE_LEN_MAX];
  void *waiter;
  struct sure__arena arena;

  /* Left by the engine. Views in `end` point into the bytes of the event that ended the call, or
   * into the call: take the completed list before those bytes go away. */
  uint64_t handle;
  struct sure__end end;

  /* The engine's own. */
  enum sure__call_phase phase;
  bool is_settle; /* made by sure__client_settle: has no attempts of its own */
  struct sure__list link;
  struct sure__index_link by_handle;
  struct sure__timer timer;
  uint64_t deadline_ms;
  uint64_t hedge_at_ms;
  uint32_t sent;        /* attempts */
  uint32_t undone;      /* of these, answered NOT_RUN or ROLLED_BACK */
  uint32_t free_count;  /* of these, sent again for nothing: the server had not looked at them */
  uint32_t pause_count; /* since the last pushback */
  uint32_t endpoint;    /* of the last attempt */
  enum sure__leave leave;
  struct sure__list asks;             /* in client.asking */
  struct sure_bytes attempt_metadata; /* packed, `metadata` included; of the attempt that may go */
  bool is_pushed_back;                /* hedging: a server wants no more of it */
  bool is_cancelled;                  /* by the caller; it is being settled */
  bool is_cancel_wanted;
  struct sure__list cancels;  /* in client.cancelling */
  struct sure__buffer answer; /* the bytes of an answer that came in parts */
  uint32_t request_held;      /* the most that a server has had of its request */
  /* What has come of its recorded reply, before the connection was lost. */
  struct sure__buffer reply_held;
  struct sure__list attempts;
  struct sure__attempt first_attempt; /* mostly the only one at a time */
  struct sure__client_session *session;
  uint64_t sequence;
  struct sure__list open_link;
  struct sure__index_link by_sequence;
  bool unresolved; /* ended UNKNOWN: keeps its number until it is settled or released (S10) */
  bool delivered;
  bool has_store; /* `target.store` is where its attempts go, whatever session comes next (S2) */
  struct sure__settle_target target;
  uint32_t settle_count;
  bool is_asked; /* a SETTLE is under way */
};

struct sure__client {
  /* Actions: the shell takes them under its lock after each event. */
  struct sure__list acting;         /* sure__link.acting */
  struct sure__list completed;      /* sure__client_call.link */
  struct sure__list woken;          /* sure__client_stream.woken: may be read or written now */
  struct sure__list asking;         /* sure__client_call.asks: sure__client_let_through */
  struct sure__list ended_attempts; /* sure__attempt.of_call: sure__client_reported */
  bool state_has_changed;           /* `connectivity`; cleared by the shell */
  bool resolve_wanted;              /* the addresses may be old ones; cleared by the shell */
  struct sure__log_queue log;

  /* The engine's own. */
  struct sure__client_config config;
  uint64_t random;
  struct sure__timers timers;
  size_t timer_count; /* that may be set at the same time */
  struct sure__list pool;
  struct sure__list attempt_pool;
  uint64_t handle_last;
  struct sure__index by_handle; /* calls without a result */
  struct sure__list queue;      /* QUEUED */
  struct sure__list settle_queue;
  struct sure__list cancelling; /* sure__client_call.cancels: at the next sure__client_advance */
  struct sure__list endpoints;
  uint32_t endpoint_last; /* the highest number that one has had */
  struct sure__list links;
  struct sure__endpoint *turn; /* round robin: who had the last attempt; NULL: nobody */
  struct sure__link *opening;  /* the link that opens a session; NULL: none does */
  struct sure__list sessions;
  struct sure__client_session *session; /* the one that new numbers come from; NULL: none yet */
  uint64_t epoch_last;
  uint32_t message_len_max; /* what a server took last; 0: not known */
  enum sure_connectivity connectivity;
  bool dial_is_due;       /* something has changed for the endpoints since the last look */
  enum sure_code refusal; /* what the last endpoint has turned us away with; SURE_OK: it did not */
  bool has_no_address;    /* the shell could not find any */
  bool is_idle;           /* nobody has wanted anything for long: no endpoint is dialed */
  size_t replica_count;   /* links that are attached to a replica */
  struct sure__timer dial_timer;
  struct sure__timer ack_timer;
  struct sure__timer idle_timer;
  struct sure__timer outlier_timer;
  uint64_t busy_at_ms; /* when a call ended last */
  size_t unresolved_count;
  bool shut_down;
  bool parted; /* after that: the server has everything that was sent, or can't be told */
  struct sure__retry_budget budget;
  struct sure_channel_stats stats;
  struct sure_bytes credentials; /* packed metadata that goes with ATTACH; the shell's */
  struct sure_range ranges[SURE__ACK_RANGES_MAX]; /* room to put an ACK together */
};

/* Starts CONNECTING, with no endpoints. False when memory is short. */
bool sure__client_init(struct sure__client *client, const struct sure__client_config *config);
/* All calls must have been delivered and recycled, and all links closed. */
void sure__client_fini(struct sure__client *client);

/* A call to fill in, zeroed but for its arena, which is empty. NULL when memory is short. */
struct sure__client_call *sure__client_call_new(struct sure__client *client);
/* Give a call back that was never started, was refused, or was delivered. */
void sure__client_recycle(struct sure__client *client, struct sure__client_call *call);

/* Start a call. Not refused: it will be on the completed list exactly once. Refused: nothing
 * happened, and the caller recycles it. */
struct sure__refusal sure__client_start(struct sure__client *client, struct sure__client_call *call,
                                        uint64_t now_ms);
/* The same for a settle by the application of `settle_id` (zero: none) and `key`. */
struct sure__refusal sure__client_settle(struct sure__client *client,
                                         struct sure__client_call *call, uint64_t now_ms);
void sure__client_cancel(struct sure__client *client, uint64_t handle, uint64_t now_ms);
/* Cancel the call, which may not have been started yet, at the next sure__client_advance, which is
 * due then. */
void sure__client_cancel_soon(struct sure__client *client, struct sure__client_call *call);
void sure__client_release(struct sure__client *client, struct sure_call_id id, uint64_t now_ms);

/* The addresses are these (copied), in order of preference; others are left when what is under way
 * on them has ended. False when memory is short: the old ones stay. */
bool sure__client_set_endpoints(struct sure__client *client, const char *const *urls, size_t count,
                                uint64_t now_ms);
/* The addresses could not be found out. Those that were known stay. */
void sure__client_not_resolved(struct sure__client *client, uint64_t now_ms);
/* Leave the state IDLE as if a call were made. */
void sure__client_connect(struct sure__client *client, uint64_t now_ms);

/* What goes with ATTACH (packed metadata, borrowed until it is changed) is something else now. */
void sure__client_set_credentials(struct sure__client *client, struct sure_bytes credentials,
                                  uint64_t now_ms);

/* In `asking`: the interceptors let the next attempt go, with `metadata` (packed, copied) beside
 * the call's own; or they end the call with `code`. A handle whose call has ended is ignored. */
void sure__client_let_through(struct sure__client *client, uint64_t handle, enum sure_code code,
                              struct sure_bytes metadata, uint64_t now_ms);
/* The attempt's end has been told. */
void sure__client_reported(struct sure__client *client, struct sure__attempt *attempt);

/* The connection that was wanted is there, or could not be had; then the link is gone. */
void sure__client_connected(struct sure__client *client, struct sure__link *link, uint64_t now_ms);
void sure__client_not_connected(struct sure__client *client, struct sure__link *link,
                                const char *reason, uint64_t now_ms);
/* Whole frames came over the link. */
void sure__client_receive(struct sure__client *client, struct sure__link *link,
                          struct sure_bytes frames, uint64_t now_ms);
/* Its connection is gone, and with it the link. Not after close_reason. `reason` is a static text.
 */
void sure__client_disconnected(struct sure__client *client, struct sure__link *link,
                               const char *reason, uint64_t now_ms);
/* The shell has taken close_reason to heart: the link is gone. */
void sure__client_link_closed(struct sure__client *client, struct sure__link *link);
/* Time has passed. */
void sure__client_advance(struct sure__client *client, uint64_t now_ms);
/* When sure__client_advance is due;
 * SURE__TIME_NEVER: not at all. */
uint64_t sure__client_next_ms(const struct sure__client *client);

/* Cancel all calls, acknowledge what is left and close the session; no call is taken and nothing is
 * dialed any more. client.parted says when the server has heard it. */
void sure__client_shut_down(struct sure__client *client, uint64_t now_ms);
/* Wait for that no longer: give the connections up. */
void sure__client_hang_up(struct sure__client *client, uint64_t now_ms);

void sure__client_get_stats(const struct sure__client *client,
                            struct sure_channel_stats *out_stats);

#endif
