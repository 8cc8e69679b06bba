/* What the parts of the client engine share. */
#ifndef SURE_CORE_CLIENT_STATE_H
#define SURE_CORE_CLIENT_STATE_H

#include "rpc/core/client.h"

/* A session of this channel. It lives while it is the present one or any of its numbers is open. */
struct sure__client_session {
  struct sure__list link;
  uint64_t epoch;
  struct sure_session_id id;
  struct sure_store_id store;
  uint64_t sequence_next;
  struct sure__list open; /* calls with a number that is not acknowledged, ascending */
  struct sure__index by_sequence;
  /* Acknowledged and not told yet. */
  bool untold;
  uint64_t untold_since_ms;
  uint32_t untold_above_count; /* of these, numbers above the watermark, since the last ACK */
  uint64_t untold_above_last;  /* the highest of them */
};

enum sure__session_end {
  SURE__SESSION_LOST,      /* the server knows it no more */
  SURE__SESSION_FENCED,    /* it takes no new calls, but its records answer */
  SURE__SESSION_REUSED,    /* someone else uses its numbers: nothing it says can be believed */
  SURE__SESSION_ELSEWHERE, /* the endpoint serves another store now (S2) */
};

/* The kind of each timer. A call's is the zero one, as calls come zeroed. */
enum sure__client_timer {
  SURE__CLIENT_TIMER_CALL,
  SURE__CLIENT_TIMER_LINK,
  SURE__CLIENT_TIMER_KEEPALIVE,
  SURE__CLIENT_TIMER_DIAL,
  SURE__CLIENT_TIMER_ACK,
  SURE__CLIENT_TIMER_IDLE,
  SURE__CLIENT_TIMER_OUTLIER,
};

/* The numbers of our PINGs. */
enum { SURE__PING_KEEPALIVE = 1, SURE__PING_PARTING = 2 };

/* A failure of an attempt, or an answer. */
struct sure__answer {
  enum sure_code code;
  enum sure_reason reason;
  bool answered; /* by a server */
  bool not_run;  /* which says that this attempt did not run and will not */
  bool recorded;
  bool replayed;
  bool joined;
  bool settled;
  bool timed_out; /* the attempt took longer than it may */
  bool final;     /* nothing more can be learned: a call that is UNKNOWN is not kept */
  uint32_t retry_after_ms;
  uint64_t stamp; /* of the server; 0: none */
  struct sure_bytes text;
  struct sure_bytes metadata; /* packed */
  struct sure_bytes reply;
};

/* client_call.c */
void sure__client_enqueue(struct sure__client *client, struct sure__client_call *call);
/* Ends it with what is true now, and puts it on the completed list. */
void sure__client_end(struct sure__client *client, struct sure__client_call *call,
                      const struct sure__answer *answer, uint64_t now_ms);
/* Would it be UNKNOWN if it ended so? */
bool sure__client_is_in_doubt(const struct sure__client_call *call,
                              const struct sure__answer *answer);
/* It is not tried again: settle it if that can make it certain, or end it. */
void sure__client_give_up(struct sure__client *client, struct sure__client_call *call,
                          const struct sure__answer *answer, uint64_t now_ms);
/* Ends it on this side: attempts under way are cancelled at the server. */
void sure__client_abandon(struct sure__client *client, struct sure__client_call *call,
                          enum sure_code code, const char *text, uint64_t now_ms);
/* Those that sure__client_cancel_soon is about. */
void sure__client_cancel_wanted(struct sure__client *client, uint64_t now_ms);
/* Its timer has fired. */
void sure__client_call_due(struct sure__client *client, struct sure__client_call *call,
                           uint64_t now_ms);

/* client_attempt.c */
/* Sends a further attempt over the link. False when memory is short: nothing has happened. */
bool sure__client_send_attempt(struct sure__client *client, struct sure__client_call *call,
                               struct sure__link *link, uint64_t now_ms);
void sure__client_send_queued(struct sure__client *client, uint64_t now_ms);
/* The attempt is not waited for any more: it ended like this. */
void sure__client_drop_attempt(struct sure__client *client, struct sure__attempt *attempt,
                               const struct sure__answer *how, uint64_t now_ms);
/* All of the call's attempts are not, and the servers are told. */
void sure__client_cancel_attempts(struct sure__client *client, struct sure__client_call *call,
                                  uint64_t now_ms);
/* The attempt has failed: drop it, then try again, wait for others, settle, or end. */
void sure__client_fail_attempt(struct sure__client *client, struct sure__attempt *attempt,
                               const struct sure__answer *answer, uint64_t now_ms);
/* What a call that is SENT waits for next. */
void sure__client_arm_call(struct sure__client *client, struct sure__client_call *call);
void sure__client_attempts_due(struct sure__client *client, struct sure__client_call *call,
                               uint64_t now_ms);
/* ACCEPTED and RESPONSE. NULL, or what is wrong with the frame. */
const char *sure__client_on_accepted(struct sure__client *client, const struct sure__link *link,
                                     const struct sure__frame *frame);
const char *sure__client_on_response(struct sure__client *client, struct sure__link *link,
                                     const struct sure__frame *frame, uint64_t now_ms);

/* DATA and WINDOW. */
const char *sure__client_on_data(struct sure__client *client, const struct sure__link *link,
                                 const struct sure__frame *frame);
const char *sure__client_on_window(struct sure__client *client, const struct sure__link *link,
                                   const struct sure__frame *frame, uint64_t now_ms);

/* client_stream.c */
/* An attempt has been sent; is under way no more; the call has ended. */
void sure__client_stream_sent(struct sure__client_stream *stream, struct sure__link *link,
                              uint32_t attempt);
void sure__client_stream_left(struct sure__client_stream *stream);
void sure__client_stream_ended(struct sure__client *client, struct sure__client_stream *stream);
/* The server has the attempt. */
void sure__client_stream_accepted(struct sure__client *client, struct sure__client_stream *stream);
/* NULL, or what is wrong with the frame. */
const char *sure__client_stream_on_data(struct sure__client *client,
                                        struct sure__client_stream *stream,
                                        const struct sure__frame *frame);
const char *sure__client_stream_on_window(struct sure__client *client,
                                          struct sure__client_stream *stream,
                                          const struct sure__frame *frame, uint64_t now_ms);
/* As much of streams and long requests as may be under way: on all links, or one. */
void sure__client_pump_streams(struct sure__client *client);
void sure__client_pump_link(struct sure__client *client, struct sure__link *link);

/* client_intercept.c */
/* The shell's interceptors, if there are any, have let the call's next attempt through; if they
 * have not been asked yet, they will be. */
bool sure__client_may_begin(struct sure__client *client, struct sure__client_call *call);
/* What goes with the attempt that is about to be sent. */
struct sure_bytes sure__client_attempt_metadata(const struct sure__client_call *call);
/* They are to hear how an attempt ended; it is theirs until sure__client_reported. */
void sure__client_report_attempt(struct sure__client *client, struct sure__attempt *attempt,
                                 const struct sure__answer *how, uint64_t now_ms);

/* client_retry.c */
/* No attempt is under way any more, and this is how the last one failed. */
void sure__client_retry(struct sure__client *client, struct sure__client_call *call,
                        const struct sure__answer *answer, uint64_t now_ms);

/* client_hedge.c */
bool sure__client_is_hedged(const struct sure__client_call *call);
/* One of its attempts failed; others may be under way. */
void sure__client_hedge_failed(struct sure__client *client, struct sure__client_call *call,
                               const struct sure__answer *answer, uint64_t now_ms);
/* It is time for another attempt. */
void sure__client_hedge_due(struct sure__client *client, struct sure__client_call *call,
                            uint64_t now_ms);

/* client_parts.c */
/* Puts a RESPONSE or SETTLED about `call` together. True: `*frame` is the whole message now; if it
 * came in parts, its bytes are the call's. False: there is more to come, or `*out_problem` says
 * what is wrong. */
bool sure__client_assemble(const struct sure__client *client, struct sure__client_call *call,
                           struct sure__assembly *assembly, struct sure__frame *frame,
                           const char **out_problem);
void sure__client_forget_parts(struct sure__assembly *assembly);
/* No more of the answer comes this way: what has come of a recorded reply is the call's from now
 * on, and need not come again (2.7). */
void sure__client_keep_parts(struct sure__client_call *call, struct sure__assembly *assembly);

/* client_resume.c */
/* What the server has of a call's request is left out of `*request`, a REQUEST that is about to be
 * sent over the link. False: it has nothing. */
bool sure__client_resume(struct sure__link *link, struct sure__frame *request);

/* client_settle.c */
/* What a settle by the application is about. */
struct sure__refusal sure__client_find_target(const struct sure__client *client,
                                              struct sure__client_call *call);
/* Notes what a SETTLE of the call would name, while the request is still there. */
void sure__client_set_target(struct sure__client_call *call);
void sure__client_begin_settle(struct sure__client *client, struct sure__client_call *call);
void sure__client_enqueue_settle(struct sure__client *client, struct sure__client_call *call);
/* The link leads to another store than the one where the call's attempts went (S2). */
bool sure__client_is_elsewhere(const struct sure__link *link, const struct sure__client_call *call);
void sure__client_end_elsewhere(struct sure__client *client, struct sure__client_call *call,
                                uint64_t now_ms);
void sure__client_send_settles(struct sure__client *client, uint64_t now_ms);
const char *sure__client_on_settled(struct sure__client *client, const struct sure__frame *frame,
                                    uint64_t now_ms);

/* client_session.c */
/* The present session is now `id`, of the store `store`. False when memory is short. */
bool sure__client_new_session(struct sure__client *client, const struct sure_session_id *id,
                              const struct sure_store_id *store);
/* Gives a call the next number of the present session. */
void sure__client_number(struct sure__client *client, struct sure__client_call *call);
struct sure__client_call *sure__client_session_find(const struct sure__client_session *session,
                                                    uint64_t sequence);
struct sure__client_session *sure__client_find_session(const struct sure__client *client,
                                                       uint64_t epoch);
void sure__client_drop_session_if_empty(struct sure__client *client,
                                        struct sure__client_session *session);
/* The present session is over; links that are attached to it are dropped, but for `spared`. */
void sure__client_end_session(struct sure__client *client, enum sure__session_end how,
                              const struct sure__link *spared, uint64_t now_ms);

/* client_ack.c */
uint64_t sure__client_session_watermark(const struct sure__client_session *session);
/* The call's number is open no more. */
void sure__client_ack(struct sure__client *client, struct sure__client_call *call, uint64_t now_ms);
/* Forgets a call that ended UNKNOWN. */
void sure__client_drop_entry(struct sure__client *client, struct sure__client_call *call,
                             uint64_t now_ms);
/* After a connection was lost, an ACK may have been lost with it. */
void sure__client_session_untell(struct sure__client_session *session, uint64_t now_ms);
/* A REQUEST took the watermark along. */
void sure__client_session_told(struct sure__client_session *session);
/* Sends ACK if one is due. */
void sure__client_tell_acks(struct sure__client *client, uint64_t now_ms);
void sure__client_send_ack(struct sure__client *client, struct sure__link *link);

/* client_endpoint.c */
/* Dials what is wanted and may be dialed now; sets the timer for what has to wait. */
void sure__client_dial(struct sure__client *client, uint64_t now_ms);
/* What held the dials back holds no more. */
void sure__client_dial_now(struct sure__client *client, uint64_t now_ms);
/* The link has got no session, or has lost it: when its endpoint may be dialed again. */
void sure__client_endpoint_failed(struct sure__client *client, struct sure__link *link,
                                  uint64_t now_ms);
void sure__client_endpoint_ready(struct sure__client *client, struct sure__link *link);
/* Frees endpoints that nobody wants any more. */
void sure__client_tidy_endpoints(struct sure__client *client);

/* client_connectivity.c */
/* Notes what has become of the channel as a whole, and what follows from that for calls that do not
 * want to wait. */
void sure__client_look_around(struct sure__client *client, uint64_t now_ms);
void sure__client_idle_due(struct sure__client *client, uint64_t now_ms);
/* Somebody wants a connection. */
void sure__client_wake(struct sure__client *client, uint64_t now_ms);

/* client_outlier.c */
/* How an attempt on the endpoint went. */
void sure__client_count_attempt(struct sure__client *client, struct sure__endpoint *endpoint,
                                bool has_failed, uint64_t now_ms);
bool sure__client_is_ejected(const struct sure__endpoint *endpoint, uint64_t now_ms);
/* An interval is over. */
void sure__client_outliers_due(struct sure__client *client, uint64_t now_ms);

/* client_pick.c */
/* Where the call's next attempt goes; NULL: nowhere now. */
struct sure__link *sure__client_pick(struct sure__client *client,
                                     const struct sure__client_call *call, uint64_t now_ms);
/* Any link over which the session can be spoken of; NULL: none. */
struct sure__link *sure__client_any_link(const struct sure__client *client);

/* client_link.c */
struct sure__link *sure__client_open_link(struct sure__client *client,
                                          struct sure__endpoint *endpoint, uint64_t now_ms);
/* Gives the link up: the shell is told to close its connection. */
void sure__client_drop_link(struct sure__client *client, struct sure__link *link,
                            const char *reason, uint64_t now_ms);
/* Takes no new attempts any more, and ends when nothing is under way. */
void sure__client_drain_link(struct sure__client *client, struct sure__link *link, uint64_t now_ms);
/* Drops a draining link on which nothing is under way. */
void sure__client_end_drained(struct sure__client *client, uint64_t now_ms);
/* Before a drop, when the server misbehaved: the next dial is to come after a pause. */
void sure__client_blame_link(struct sure__link *link);
/* Something is sent that has an answer: silence counts from now on. */
void sure__client_watch(struct sure__client *client, struct sure__link *link, uint64_t now_ms);
/* One of the link's timers has fired. */
void sure__client_link_due(struct sure__client *client, struct sure__link *link, uint64_t now_ms);
void sure__client_keepalive_due(struct sure__client *client, struct sure__link *link,
                                uint64_t now_ms);

/* client_handshake.c */
/* ATTACH, or a place in the line behind the link that opens the session. */
void sure__client_attach(struct sure__client *client, struct sure__link *link, uint64_t now_ms);
/* The session is there, or the link that was to open it is gone: the others may go on. */
void sure__client_attach_waiting(struct sure__client *client, uint64_t now_ms);
const char *sure__client_on_welcome(struct sure__client *client, struct sure__link *link,
                                    const struct sure__frame *frame, uint64_t now_ms);
const char *sure__client_on_attached(struct sure__client *client, struct sure__link *link,
                                     const struct sure__frame *frame, uint64_t now_ms);
const char *sure__client_on_goaway(struct sure__client *client, struct sure__link *link,
                                   const struct sure__frame *frame, uint64_t now_ms);

/* client.c */
/* Of what is said now; 0: none. */
uint64_t sure__client_stamp(const struct sure__client *client, uint64_t now_ms);
/* The shell is to look at the link. */
void sure__client_touch(struct sure__client *client, struct sure__link *link);
/* Appends a frame to what is to be sent. When memory is short the stream would have a hole: the
 * link is marked and the pump drops it. What was to be sent counts as sent. */
void sure__client_put(struct sure__client *client, struct sure__link *link,
                      const struct sure__frame *frame);
/* Room for `count` more timers. False when memory is short. */
bool sure__client_reserve_timers(struct sure__client *client, size_t count);
/* What all events end with: send what can be sent, and see whether links are at their end. */
void sure__client_pump(struct sure__client *client, uint64_t now_ms);

#endif
