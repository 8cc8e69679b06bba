/* The client engine: everything a channel decides, without I/O, clock, threads or locks.
 *
 * Events go in as function calls with the time; what is to be done is left behind in fields that
 * the shell looks at after each event, still under its lock: bytes to send, calls that have ended,
 * a connection to open or to close, lines to log, the next wake-up.
 *
 * A call:
 *
 *     start -> QUEUED --attached--> SENT --answer--> ENDED -> completed list -> recycle
 *                ^                   |  \                      or, when UNKNOWN, kept unresolved
 *                +--- BACKOFF <------+   +--> SETTLING --> ENDED
 *
 * It gets its sequence number with its first attempt, in one step with its entry in the session's
 * list of open numbers (S3); the watermark and the acknowledged ranges are read off that list (S9).
 *
 * The link (one connection at a time):
 *
 *     DOWN -> DIALING -> GREETING -> ATTACHING -> ATTACHED (-> draining) -> DOWN
 */
#ifndef SURE_CORE_CLIENT_H
#define SURE_CORE_CLIENT_H

#include <sure/channel.h>

#include "rpc/core/arena.h"
#include "rpc/core/buffer.h"
#include "rpc/core/frame.h"
#include "rpc/core/index.h"
#include "rpc/core/list.h"
#include "rpc/core/log.h"
#include "rpc/core/status.h"
#include "rpc/core/timers.h"

struct sure__client_session;

/* As struct sure_channel_options, nothing zero. */
struct sure__client_config {
  uint32_t attempt_timeout_ms;
  uint32_t connect_timeout_ms;
  uint32_t reconnect_ms_initial;
  uint32_t reconnect_ms_max;
  uint32_t keepalive_time_ms;
  uint32_t keepalive_timeout_ms;
  uint32_t ack_idle_ms;
  uint32_t message_len_max;
  uint32_t unresolved_calls_max;
  uint64_t random_seed;
};

enum sure__call_phase {
  SURE__CALL_IDLE,
  SURE__CALL_QUEUED,
  SURE__CALL_SENT,
  SURE__CALL_BACKOFF,
  SURE__CALL_SETTLING,
  SURE__CALL_ENDED,
};

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
  struct sure_bytes key; /* idempotency key: of the request or derived (S14); empty: none */
  bool key_is_derived;   /* then it is sent beside the request */
  uint32_t timeout_ms;
  uint32_t attempt_timeout_ms; /* 0: the channel's */
  struct sure_retry_policy retry;
  struct sure_call_id settle_id; /* for sure__client_settle */
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
  uint32_t sent;
  uint32_t undone;
  bool accepted;
  enum sure_code failure; /* of the last attempt */
  struct sure__client_session *session;
  uint64_t sequence;
  struct sure__list open_link;
  struct sure__index_link by_sequence;
  bool unresolved; /* ended UNKNOWN: keeps its number until it is settled or released (S10) */
  bool delivered;
  struct sure__settle_target target;
  uint32_t settle_count;
  bool receiving; /* some parts of its answer are here */
  struct sure__frame first_part;
  struct sure__buffer parts;
  size_t text_len;
};

enum sure__link_state {
  SURE__LINK_DOWN,
  SURE__LINK_DIALING,
  SURE__LINK_GREETING,
  SURE__LINK_ATTACHING,
  SURE__LINK_ATTACHED,
};

struct sure__link {
  enum sure__link_state state;
  bool draining;
  bool out_of_memory;       /* a frame is missing from `out` */
  struct sure__timer timer; /* DOWN: dial; ATTACHED: unused; otherwise: give up or attach again */
  struct sure__timer keepalive;
  bool pinged;
  bool attach_later; /* the server was BUSY or FULL: the timer sends ATTACH again */
  uint64_t quiet_since_ms;
  uint64_t dialed_ms;
  uint32_t failure_count; /* connections in a row that got no session */
  uint32_t attach_count;  /* ATTACH frames answered with BUSY or FULL */
  struct sure__challenge challenge;
  struct sure_store_id store;
  bool resuming;
  uint32_t message_len_max; /* what the server takes; 0: not known */
};

struct sure__client {
  /* Actions: the shell takes them under its lock after each event. */
  struct sure__buffer out;     /* for the connection; empty without one */
  struct sure__list completed; /* sure__client_call.link */
  bool dial_wanted;            /* cleared by the shell */
  const char *close_reason;    /* not NULL: give the connection, or the dial, up; then cleared */
  struct sure__log_queue log;

  /* The engine's own. */
  struct sure__client_config config;
  uint64_t random;
  struct sure__timers timers;
  size_t call_count; /* objects, wherever they are */
  struct sure__list pool;
  uint64_t handle_last;
  struct sure__index by_handle; /* calls without a result */
  struct sure__list queue;      /* QUEUED */
  struct sure__list in_flight;  /* SENT */
  struct sure__list settle_queue;
  struct sure__list settle_sent;
  struct sure__list sessions;
  struct sure__client_session *session; /* the one that new numbers come from; NULL: none yet */
  uint64_t epoch_last;
  struct sure__link link;
  struct sure__timer ack_timer;
  size_t unresolved_count;
  bool shut_down;
  bool parted; /* after that: the server has everything that was sent, or can't be told */
  struct sure_channel_stats stats;
  struct sure_range ranges[SURE__ACK_RANGES_MAX]; /* room to put an ACK together */
};

/* Starts DOWN with a dial wanted at the first sure__client_advance. False when memory is short. */
bool sure__client_init(struct sure__client *client, const struct sure__client_config *config);
/* All calls must have been delivered and recycled. */
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
void sure__client_release(struct sure__client *client, struct sure_call_id id, uint64_t now_ms);

/* The connection that was wanted is there, or could not be had. */
void sure__client_connected(struct sure__client *client, uint64_t now_ms);
void sure__client_not_connected(struct sure__client *client, const char *reason, uint64_t now_ms);
/* Whole frames came from the present connection. */
void sure__client_receive(struct sure__client *client, struct sure_bytes frames, uint64_t now_ms);
/* The present connection is gone. Not after close_reason. `reason` is a static text. */
void sure__client_disconnected(struct sure__client *client, const char *reason, uint64_t now_ms);
/* Time has passed. */
void sure__client_advance(struct sure__client *client, uint64_t now_ms);
/* When sure__client_advance is due;
 * SURE__TIME_NEVER: not at all. */
uint64_t sure__client_next_ms(const struct sure__client *client);

/* Cancel all calls, acknowledge what is left and close the session; no call is taken and nothing is
 * dialed any more. client.parted says when the server has heard it. */
void sure__client_shut_down(struct sure__client *client, uint64_t now_ms);
/* Wait for that no longer: give the connection up. */
void sure__client_hang_up(struct sure__client *client, uint64_t now_ms);

void sure__client_get_stats(const struct sure__client *client,
                            struct sure_channel_stats *out_stats);

#endif
