/* What the files of the server engine share. */
#ifndef SURE_CORE_SERVER_PRIVATE_H
#define SURE_CORE_SERVER_PRIVATE_H

#include "rpc/core/server.h"

enum sure__server_timer {
  SURE__TIMER_PEER,
  SURE__TIMER_ACCEPT,
  SURE__TIMER_RENEW,
  SURE__TIMER_SWEEP,
  SURE__TIMER_RECONCILE,
  SURE__TIMER_STREAM,
};

/* server.c */

/* Room for one more timer, given back with sure__server_timer_unreserve. */
bool sure__server_timer_reserve(struct sure__server *server);
void sure__server_timer_unreserve(struct sure__server *server, struct sure__timer *timer);

/* The stamp of an answer; 0: there is none. */
uint64_t sure__server_stamp(const struct sure__server *server);

/* server_peer.c */

/* Queue a frame for the peer, if it is not closing; closes it when memory is short. */
void sure__peer_send(struct sure__server *server, struct sure__peer *peer,
                     const struct sure__frame *frame);
/* The shell is to look at it: there are bytes in `out`, or it waits for room. */
void sure__peer_touch(struct sure__server *server, struct sure__peer *peer);
/* Close after what is queued has left; says GOAWAY first unless `goaway` is 0. */
void sure__peer_close(struct sure__server *server, struct sure__peer *peer,
                      enum sure__goaway_reason goaway, const char *reason);

/* server_keepalive.c */

/* It is attached: from now on, until it is old. */
void sure__peer_watch(struct sure__server *server, struct sure__peer *peer, uint64_t now_ms);
void sure__peer_on_ping(struct sure__server *server, struct sure__peer *peer,
                        const struct sure__frame *frame, uint64_t now_ms);
void sure__peer_timer_fired(struct sure__server *server, struct sure__peer *peer, uint64_t now_ms);

/* server_task.c */

/* A task without peer or session; NULL when memory is short. */
struct sure__task *sure__task_new(struct sure__server *server, enum sure_store_op_kind kind);
/* Whether the peer may have one more task: a client that asks faster than the store answers must
 * not fill our memory. */
bool sure__peer_may_ask(const struct sure__peer *peer);
/* It was asked by `peer`, who is answered, if he is there, when it is done. */
/* It is done in the name of `principal` (copied). False when memory is short. */
bool sure__task_set_principal(struct sure__task *task, struct sure_bytes principal);
void sure__task_set_peer(struct sure__task *task, struct sure__peer *peer);
void sure__task_submit(struct sure__server *server, struct sure__task *task);
void sure__task_free(struct sure__server *server, struct sure__task *task);
/* Gives the memory of tasks that are over back. */
void sure__tasks_forget(struct sure__server *server);

/* server_session.c */

struct sure__server_session *sure__server_session_find(const struct sure__server *server,
                                                       const struct sure_session_id *id);
/* Attach the peer to the session `id`, which the store knows; NULL id: mode NONE. False when memory
 * is short. */
bool sure__server_session_attach(struct sure__server *server, struct sure__peer *peer,
                                 const struct sure_session_id *id, bool is_fresh, uint64_t now_ms);
void sure__server_session_detach(struct sure__server *server, struct sure__peer *peer);
/* Frees the session object when nobody needs it; its state is in the store. */
void sure__server_session_tidy(struct sure__server *server, struct sure__server_session *session);
/* The client has acknowledged all below `watermark`. */
void sure__server_session_hear_watermark(struct sure__server *server,
                                         struct sure__server_session *session, uint64_t watermark);
void sure__server_session_on_ack(struct sure__server *server, struct sure__peer *peer,
                                 const struct sure__ack *ack);
void sure__server_session_on_close(struct sure__server *server, struct sure__peer *peer);
void sure__server_session_renew(struct sure__server *server, struct sure__server_session *session,
                                uint64_t now_ms);

/* server_arrival.c */

/* A request is here as a whole. The call object is consumed. */
void sure__call_arrive(struct sure__server *server, struct sure__peer *peer, struct sure_call *call,
                       uint64_t now_ms);
/* Calls that are on their way in lose interest in their peer: all, or one attempt. */
void sure__arrivals_drop_peer(struct sure__peer *peer);
bool sure__arrival_cancel(struct sure__peer *peer, uint64_t sequence, uint32_t attempt);

/* server_call.c */

/* It is let through. */
void sure__call_offer(struct sure__server *server, struct sure__peer *peer, struct sure_call *call,
                      uint64_t now_ms);
void sure__call_on_cancel(struct sure__server *server, struct sure__peer *peer,
                          const struct sure__frame *frame);
/* Its handler wants something done in the store, with op.run and op.position. */
void sure__call_advance(struct sure__server *server, struct sure_call *call);
/* It holds nothing up any more. */
void sure__call_count_off(struct sure__server *server, struct sure_call *call);
/* It is over: nobody waits for it any more. Frees it. */
void sure__call_stop_running(struct sure__server *server, struct sure_call *call);
void sure__call_store_done(struct sure__server *server, struct sure_call *call, uint64_t now_ms);
/* The peer is gone, and its waiters with it. */
void sure__call_drop_waiters(struct sure__peer *peer);
void sure__call_timer_fired(struct sure__server *server, struct sure_call *call);
/* The EXACTLY_ONCE call that runs under this number, or NULL. */
struct sure_call *sure__call_find_running(const struct sure__server_session *session,
                                          uint64_t sequence);

/* server_message.c */

void sure__message_on_request(struct sure__server *server, struct sure__peer *peer,
                              const struct sure__frame *frame, uint64_t now_ms);
/* The client has given up a message that is not whole. False: there is none of this attempt. */
bool sure__message_cancel(struct sure__server *server, struct sure__peer *peer,
                          const struct sure__frame *frame);
/* The peer is gone, and what had arrived of its unfinished messages with it. */
void sure__message_drop_peer(struct sure__server *server, struct sure__peer *peer);

/* server_kept.c */

/* Keeps what has come of a request whose connection is lost, or frees it, if that is of no use. The
 * call is consumed; its session has the connection still. */
void sure__kept_put(struct sure__server *server, struct sure__server_session *session,
                    struct sure_call *call, uint64_t now_ms);
/* NULL: there is none. */
struct sure_call *sure__kept_find(const struct sure__server_session *session, uint64_t sequence);
/* It is kept no longer, but the caller's. */
void sure__kept_take(struct sure__server *server, struct sure_call *call);
void sure__kept_forget(struct sure__server *server, struct sure_call *call);
void sure__kept_forget_all(struct sure__server *server);
/* What ATTACHED says of them: at most SURE__HELD_MAX times SURE__HELD_LEN bytes. Returns how many.
 */
size_t sure__kept_list(const struct sure__server_session *session, uint8_t *out);

/* server_call_object.c */

struct sure_call *sure__call_new(struct sure__server *server);
void sure__call_free(struct sure__server *server, struct sure_call *call);
/* False when memory is short. */
bool sure__call_add_waiter(struct sure_call *call, struct sure__peer *peer, uint32_t attempt);
void sure__call_remove_waiter(struct sure__waiter *waiter);

/* server_answer.c */

/* An interceptor did not let the attempt through: what is in op.record. */
void sure__answer_arrival(struct sure__server *server, struct sure__peer *peer,
                          const struct sure_call *call);

/* Answer one attempt that did not get as far as a call. */
void sure__answer_refusal(struct sure__server *server, struct sure__peer *peer, uint64_t sequence,
                          uint32_t attempt, enum sure_code code, enum sure_reason reason,
                          unsigned flags, const char *text);
/* The same for one that may come again after `retry_after_ms`; it has not run. */
void sure__answer_overload(struct sure__server *server, struct sure__peer *peer,
                           const struct sure_call *call, const char *text, uint32_t retry_after_ms);
/* Answer all who wait for the call, by the verdict in its op. */
void sure__answer_call(struct sure__server *server, struct sure_call *call);

/* server_settle.c */

void sure__settle_on_frame(struct sure__server *server, struct sure__peer *peer,
                           const struct sure__frame *frame);
void sure__settle_answer(struct sure__server *server, struct sure__task *task);

/* server_reconcile.c */

/* It is time to look for calls that are in doubt. */
void sure__reconcile(struct sure__server *server, uint64_t now_ms);
/* The store has listed some. */
void sure__reconcile_found(struct sure__server *server, const struct sure__task *task);
/* The application has been asked about one. */
void sure__reconcile_asked(struct sure__server *server, struct sure_call *call);
/* The store knows what it said. */
void sure__reconcile_done(struct sure__server *server, struct sure_call *call);

/* server_stream.c */

/* False when memory is short. */
bool sure__server_stream_open(struct sure__server *server, struct sure_call *call);
void sure__server_stream_close(struct sure__server *server, struct sure_call *call);
/* The call has got its waiter. */
void sure__server_stream_attach(struct sure__server *server, struct sure_call *call);
/* The stream that runs, or lingers, under this number; NULL: none. */
struct sure_call *sure__server_stream_find(const struct sure__server_session *session,
                                           uint64_t sequence);
/* It goes on with this attempt, if that is the latest. False when memory is short. */
bool sure__server_stream_join(struct sure__server *server, struct sure_call *call,
                              struct sure__peer *peer, uint32_t attempt);
void sure__server_stream_on_data(struct sure__server *server, struct sure__peer *peer,
                                 const struct sure__frame *frame);
void sure__server_stream_on_window(struct sure__server *server, struct sure__peer *peer,
                                   const struct sure__frame *frame);
/* It may run, from behind op.position on: that is known now. */
void sure__server_stream_claimed(struct sure__server *server, struct sure_call *call);
/* The store has done what its handler wanted, or not. */
void sure__server_stream_advanced(struct sure__server *server, struct sure_call *call);
/* Another run goes on with it. */
void sure__server_stream_taken_over(struct sure__server *server, struct sure_call *call);
/* Its handler has returned, and the result is in op. */
void sure__server_stream_ended(struct sure__server *server, struct sure_call *call);
/* Its waiter is gone, answered or not; something was heard of him then. */
void sure__server_stream_left(struct sure__server *server, struct sure_call *call,
                              uint64_t heard_at_ms);
/* Its client has given it up. */
void sure__server_stream_cancelled(struct sure__server *server, struct sure_call *call);
void sure__server_stream_due(struct sure__server *server, struct sure__server_stream *stream,
                             uint64_t now_ms);
/* The client has acknowledged what is below the watermark and, if there is an ACK, what that says.
 */
void sure__server_streams_acked(struct sure__server *server, struct sure__server_session *session,
                                const struct sure__ack *ack);
/* Those that linger do so no longer. */
void sure__server_streams_forget(struct sure__server *server);
/* At the end of a batch: what can be sent. */
void sure__server_pump(struct sure__server *server);

/* server_handshake.c */

void sure__handshake_on_hello(struct sure__server *server, struct sure__peer *peer,
                              const struct sure__hello *hello);
void sure__handshake_on_attach(struct sure__server *server, struct sure__peer *peer,
                               const struct sure__frame *frame, uint64_t now_ms);
void sure__handshake_answer(struct sure__server *server, struct sure__task *task, uint64_t now_ms);

#endif
