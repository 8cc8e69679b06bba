/* The server engine: what a server does with frames, store verdicts and ends of runs. No I/O, no
 * clock, no threads, no randomness.
 *
 * One engine is one shard of a server: it holds a part of the sessions, with all their connections
 * and running calls. Its caller (the shell, or a test) guards it with one lock, calls event
 * functions for a whole batch, then takes the lists in `actions` away, unlocks, and does what they
 * ask.
 *
 * The engine remembers what is running, and nothing of what is done: records, watermarks and the
 * state of a session are read from the store, inside the transaction that they decide about (S6).
 *
 *     REQUEST --> admitted --> [prepare] --> CALL in the store ------------> answered
 *                         \--> INTENT --> run --> COMPLETE ----------------/
 *                          \-> run (nothing recorded) --------------------/
 *     CLAIM --> run, with one ADVANCE after the other --> CONCLUDE --> answered
 *     INTENT --> run --> COMPLETE, or in doubt: DOUBTS --> reconciled --> RESOLVE (S15)
 *     a duplicate of a running call joins it as a waiter (S7, S16) */
#ifndef SURE_CORE_SERVER_H
#define SURE_CORE_SERVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sure/server.h>
#include <sure/store.h>

#include "rpc/core/arena.h"
#include "rpc/core/bodies.h"
#include "rpc/core/buffer.h"
#include "rpc/core/frame.h"
#include "rpc/core/gate.h"
#include "rpc/core/hlc.h"
#include "rpc/core/index.h"
#include "rpc/core/list.h"
#include "rpc/core/metadata.h"
#include "rpc/core/registry.h"
#include "rpc/core/timers.h"

/* Bounds and times; all set, none zero. */
struct sure__server_config {
  struct sure_store_id store_id;
  uint32_t message_len_max;
  uint32_t running_calls_max;    /* in this shard */
  uint32_t connection_calls_max; /* running and assembling, a connection */
  uint32_t handshake_ms_max;
  uint32_t keepalive_time_ms;
  uint32_t keepalive_timeout_ms;
  uint32_t ping_interval_ms_min;  /* 0: pings may come as they like */
  uint32_t connection_age_ms_max; /* 0: none */
  uint32_t connection_age_grace_ms;
  uint32_t stream_idle_ms; /* 0: none */
  uint32_t session_lease_ms;
  uint32_t session_retention_ms;
  uint32_t reconcile_ms;   /* this shard looks for calls in doubt so often; 0: it does not */
  bool sweeps;             /* this shard submits SWEEP for all of them */
  bool is_read_only;       /* it is a replica: it keeps no sessions */
  bool authenticates;      /* ATTACH waits for sure__server_authenticated */
  bool intercepts;         /* attempts wait for sure__server_arrived */
  struct sure__gate *gate; /* shared by all shards; NULL: none */
  /* The process's clock, and the highest stamp that the server's store has committed, which is what
   * answers carry: so that after a restart nobody hears a smaller one (S25). Both shared by all
   * shards; NULL: no stamps. */
  struct sure__hlc *clock;
  _Atomic uint64_t *committed_clock;
  uint32_t clock_drift_ms_max;
};

enum sure__peer_phase {
  SURE__PEER_NEW,       /* HELLO is awaited */
  SURE__PEER_WELCOMED,  /* ATTACH is awaited */
  SURE__PEER_KNOCKING,  /* the shell asks who it is */
  SURE__PEER_ATTACHING, /* the store is asked */
  SURE__PEER_ATTACHED,
  SURE__PEER_CLOSED,
};

struct sure__server_stream;

/* A connection as the engine sees it; part of the shell's. */
struct sure__peer {
  enum sure__peer_phase phase;
  bool is_closing;                      /* on the list of peers to close */
  bool is_leaving;                      /* it is old, and was told */
  bool is_pinged;                       /* a PING is not answered yet */
  uint32_t ping_strikes;                /* PINGs that came too early, since anything else came */
  struct sure__challenge challenge;     /* given by the shell: random */
  struct sure_session_id fresh_session; /* the same: used if the client wants a new session */
  uint32_t message_len_max;             /* what the client takes */
  struct sure__server_session *session;
  struct sure__attach attach;    /* KNOCKING: what it wants */
  struct sure__buffer knocking;  /* and its credentials, as they came */
  struct sure__buffer principal; /* who it is; empty: nobody in particular (S5) */
  struct sure__buffer *out;      /* frames for the client; flushed by the shell */
  uint64_t heard_at_ms;          /* when bytes came last */
  uint64_t pinged_at_ms;         /* when that left */
  uint64_t ping_heard_at_ms;     /* when the last PING came; 0: none has */
  uint64_t old_at_ms;            /* when it is to be told to leave, or is closed */
  atomic_uint *sessions_left;    /* that its address may open; NULL: as many as it likes */
  uint32_t call_count;           /* waiters and messages being assembled */
  uint32_t task_count;           /* asked by this connection */
  size_t assembling_len;         /* bytes announced by them */
  const char *close_reason;      /* static */
  struct sure__timer timer;      /* handshake, then keepalive */
  struct sure__list of_server;   /* all peers of the shard */
  struct sure__list of_session;  /* all connections of one session */
  struct sure__list waiters;     /* this connection's, of all calls */
  struct sure__list assembling;  /* calls whose payload has not arrived whole */
  struct sure__list arriving;    /* calls that the shell has not let through yet */
  struct sure__list tasks;       /* store tasks that were asked here */
  struct sure__list sending;     /* sure__stream.turn: those that have something to send */
  struct sure__bodies bodies;    /* long answers, which take turns with those */
  struct sure__list pumps;       /* in server.pumping */
  size_t unsent_len;             /* of both, as far as the engine knows */
  bool awaits_room;              /* it is to be told when that is less: sure__server_sent */
  struct sure__list dirty;       /* in actions.dirty */
  struct sure__list knocks;      /* in actions.knocking */
};

/* A session with a connection or a running call in this shard. */
struct sure__server_session {
  struct sure__index_link by_id; /* not for sessions of mode NONE */
  struct sure_session_id id;
  struct sure_bytes principal; /* in the same block */
  bool is_none;                /* mode NONE: calls without side effects only */
  bool is_closed;              /* the client said CLOSE_SESSION */
  bool is_left;                /* a renewal was due and nobody was attached: the store knows more */
  bool may_have_records;       /* or the store need not be told of acknowledgments */
  uint64_t watermark;          /* highest heard */
  struct sure__index running;  /* struct sure_call by sequence */
  struct sure__list peers;
  struct sure__list lingering; /* sure__server_stream.lingering */
  struct sure__list kept;      /* sure_call.link: requests that are not whole */
  uint32_t kept_count;
  struct sure__list to_ack; /* in server.to_ack */
  struct sure__timer renew_timer;
};

/* One attempt that waits for the end of a call. */
struct sure__waiter {
  struct sure__list of_call;
  struct sure__list of_peer;
  struct sure__peer *peer;
  struct sure_call *call;
  uint32_t attempt;
  bool is_accepted;
  bool has_joined;
};

enum sure__call_step {
  SURE__CALL_ASSEMBLING,
  SURE__CALL_KEPT,     /* its connection was lost before its request was whole */
  SURE__CALL_ARRIVES,  /* the shell decides whether to let it through */
  SURE__CALL_ADMITTED, /* the shell unpacks the request */
  SURE__CALL_PREPARES,
  SURE__CALL_CLAIMS,
  SURE__CALL_RUNS,
  SURE__CALL_ADVANCES, /* its handler waits for the store */
  SURE__CALL_COMPLETES,
  SURE__CALL_WAITS, /* to complete: the store could not write that */
  SURE__CALL_IN_STORE,
  SURE__CALL_LINGERS,    /* a stream whose handler has returned */
  SURE__CALL_RECONCILES, /* no run of it: the application is asked what became of one (S15) */
};

/* Whether the handler answers later (rpc/server/defer.c). */
enum sure__deferral {
  SURE__NOT_DEFERRED,
  SURE__DEFERRED,
  SURE__HANDLER_GONE, /* it has returned; the call waits to be finished */
  SURE__FINISHED,
};

/* One call that a server serves; what handlers get as struct sure_call. */
struct sure_call {
  struct sure_store_op op; /* its record holds the result */
  struct sure__server *server;
  struct sure__server_session *session;
  const struct sure__method_entry *method;
  enum sure__call_step step;
  enum sure_resolution resolution; /* RECONCILES */
  struct sure__list link;          /* in an action list, peer.assembling or session.kept */
  struct sure__peer *peer;         /* ARRIVES: from whom; NULL: he is gone, or has cancelled */
  struct sure__list of_peer;       /* ARRIVES: in peer.arriving; KEPT: in server.kept */
  struct sure__index_link running; /* in session.running */
  struct sure__list waiters;
  struct sure__waiter first_waiter; /* the only one, mostly */
  struct sure__list parked;         /* SETTLE tasks that wait for the end */
  struct sure__timer accept_timer;
  struct sure__server_stream *stream; /* NULL: it is none */
  _Atomic uint64_t deadline_ms;       /* the latest of its waiters' */
  atomic_bool is_cancelled;           /* all of its waiters have cancelled */
  bool is_resumed;           /* earlier attempts brought part of it: op.fingerprint says of what */
  struct sure__list cancels; /* in actions.cancelled */
  uint32_t attempt;          /* that started it */
  uint32_t resumes;          /* the attempt that its client had part of the stream by; 0: of none */
  uint32_t reply_len_max;
  struct sure__arena arena;
  struct sure_bytes payload;  /* valid until the end of the batch it came in */
  struct sure_bytes metadata; /* the request's, as it came */
  uint8_t *assembled;         /* the same bytes while they gather */
  size_t assembled_len;

  /* What the shell and the handler work with. */
  void *transaction; /* of the store, during the run */
  ProtobufCMessage *request;
  struct sure__meta *request_meta; /* NULL: there is none */
  struct sure__meta *reply_meta;   /* NULL: the handler has added none yet */
  char *message;                   /* of sure_call_fail */
  uint32_t retry_after_ms;         /* of sure_call_retry_after; 0: it said nothing */
  sure_apply_fn *apply;
  void *apply_user;
  ProtobufCMessage *prepared_reply; /* what a PREPARE handler's first phase left */
  struct sure__meta *prepared_meta;
  struct sure_record prepared; /* its result when it has no second phase */
  bool is_at_work;             /* it was let in by the gate */
  bool is_counted;             /* in server.running_count */
  bool is_unrecorded;          /* the result in op.record is not to be kept (S17) */
  bool is_not_applied;         /* it failed, and had no effect outside of the store either (S15) */
  uint32_t child_count;        /* calls that the handler made (S14) */

  /* The shell's own. */
  int64_t as_of_ms; /* what the snapshot shows; 0: the present */
  bool has_children;
  struct sure__list children; /* sure__child.of_parent: those of them that have not ended */
  ProtobufCMessage *reply;    /* of this run, not packed yet */
  uint64_t *slots;            /* one for each interceptor */
  bool is_begun;              /* its interceptors have let the handler run */
  bool may_defer;
  _Atomic(enum sure__deferral) deferral;
  enum sure_code deferred_code;
};

/* Everything else that a store is asked. The shell fills in op.now_ms (S11). */
struct sure__task {
  struct sure_store_op op;
  struct sure__server *server;
  struct sure__list link;
  struct sure__list of_peer;
  struct sure__peer *peer; /* who asked; NULL: the engine did, or it is gone */
  struct sure__server_session *session;
  uint64_t nonce;      /* of SETTLE */
  uint32_t reply_held; /* of SETTLE: bytes of the recorded reply that its client has */
  uint64_t reply_hash; /* of these */
  struct sure__arena arena;
};

/* What the shell is to do after a batch of events. It takes the lists over and empties them. */
struct sure__server_actions {
  struct sure__list knocking;  /* sure__peer.knocks: sure__server_authenticated */
  struct sure__list arrived;   /* sure_call.link: sure__server_arrived */
  struct sure__list admitted;  /* sure_call.link: unpack, then sure__server_unpacked or _refuse */
  struct sure__list runs;      /* sure_call.link: run, then sure__server_run_done */
  struct sure__list woken;     /* sure__server_stream.woken: its handler may try again */
  struct sure__list cancelled; /* sure_call.cancels: its handler's own calls are of no use */
  struct sure__list calls;     /* sure_call.link: submit op, then sure__server_store_done */
  struct sure__list tasks;     /* sure__task.link: submit op, then sure__server_store_done */
  struct sure__list dirty;     /* sure__peer.dirty: flush `out` */
  struct sure__list closing;   /* sure__peer.dirty: flush, close; sure__server_lost follows */
};

struct sure__server {
  struct sure__server_config config;
  const struct sure__registry *registry;
  struct sure__server_actions actions;
  struct sure__timers timers;
  struct sure__index sessions;
  struct sure__list peers;
  struct sure__list to_ack;  /* sessions with news for the store */
  struct sure__list pumping; /* sure__peer.pumps: peers that there is something to send to */
  struct sure__list streams; /* sure__server_stream.of_server */
  uint32_t stream_count;     /* of these, with those that linger */
  struct sure__list kept;    /* sure_call.of_peer: requests that are not whole, of all sessions */
  size_t kept_len;           /* bytes announced by them */
  struct sure__list free_calls;
  struct sure__list free_tasks;
  uint32_t free_task_count;
  struct sure__timer sweep_timer;
  struct sure__timer reconcile_timer;
  size_t timer_count; /* reserved in timers */
  uint32_t arriving_count;
  uint32_t running_count;
  uint32_t task_count;
  uint32_t reconciling_count; /* calls that the application is asked about, and that is recorded */
  uint64_t doubts_passed;     /* of the store's list, in this round */
  bool is_draining;
  bool is_ending; /* nobody can come back to a stream any more */
  struct sure_server_stats stats;
};

/* False when memory is short. `registry` is borrowed. */
bool sure__server_init(struct sure__server *server, const struct sure__server_config *config,
                       const struct sure__registry *registry, uint64_t now_ms);
/* No peer, running call or task may be left. */
void sure__server_fini(struct sure__server *server);

/* A connection is there: `peer` has challenge, fresh_session and out set. False when memory is
 * short: close it. */
bool sure__server_accepted(struct sure__server *server, struct sure__peer *peer, uint64_t now_ms);
/* A frame came. Frames of a peer that is closing are ignored. The frame's bytes must stay until the
 * calls in actions.admitted are unpacked. */
void sure__server_frame(struct sure__server *server, struct sure__peer *peer,
                        const struct sure__frame *frame, uint64_t now_ms);
/* What came was no frame. */
void sure__server_protocol_error(struct sure__server *server, struct sure__peer *peer,
                                 const char *problem);
/* The session that the peer wants belongs to another shard: make room for one more peer there
 * (false when memory is short), take the peer out of this one, which must have nothing queued for
 * it, and put it into the other, before its ATTACH. */
bool sure__server_expect(struct sure__server *server);
void sure__server_leave(struct sure__server *server, struct sure__peer *peer);
void sure__server_enter(struct sure__server *server, struct sure__peer *peer);
/* The connection is gone. No cancel: its calls run on (S16). `peer` is free after this. */
void sure__server_lost(struct sure__server *server, struct sure__peer *peer);

/* Who a peer is was asked in actions.knocking: `principal` (copied), or another code than SURE_OK
 * turns it away. The shell has held the peer meanwhile. */
void sure__server_authenticated(struct sure__server *server, struct sure__peer *peer,
                                enum sure_code code, struct sure_bytes principal, uint64_t now_ms);
/* The shell lets the attempt through, or refuses it with what is in op.record. */
void sure__server_arrived(struct sure__server *server, struct sure_call *call, bool is_let_through,
                          uint64_t now_ms);

/* The request of an admitted call is unpacked and its key is in op.key. */
void sure__server_unpacked(struct sure__server *server, struct sure_call *call);
/* It can't be unpacked: answer this and forget the call; it has not run. */
void sure__server_refuse(struct sure__server *server, struct sure_call *call, enum sure_code code,
                         enum sure_reason reason, const char *text);
/* The handler has run outside of the store; the result is in op.record and is_unrecorded. */
void sure__server_run_done(struct sure__server *server, struct sure_call *call);
/* The store has decided about the op of a call or a task. */
void sure__server_store_done(struct sure__server *server, struct sure_store_op *op,
                             uint64_t now_ms);

/* After the events of a batch: asks the store for what has gathered (acknowledgments). */
void sure__server_batch_end(struct sure__server *server);

/* Time has come to `now_ms`. */
void sure__server_time(struct sure__server *server, uint64_t now_ms);
/* When sure__server_time is wanted next. */
uint64_t sure__server_next_wake(const struct sure__server *server);

/* From now on look for calls in doubt and ask the application about those whose method has a
 * reconciler; once all methods are registered. */
void sure__server_begin_reconciling(struct sure__server *server, uint64_t now_ms);

/* From now on no new call and no new session; says so to all peers. */
void sure__server_drain(struct sure__server *server);
/* Nothing runs and the store is asked nothing. */
bool sure__server_is_idle(const struct sure__server *server);

/* Whether a handler's status is kept (S17). */
bool sure__code_is_recorded(enum sure_code code);

#endif
