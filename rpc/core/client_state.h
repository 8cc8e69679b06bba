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

/* The numbers of our PINGs. */
enum { SURE__PING_KEEPALIVE = 1, SURE__PING_PARTING = 2 };

/* A failure of an attempt, or an answer. */
struct sure__answer {
  enum sure_code code;
  enum sure_reason reason;
  bool answered; /* by a server */
  bool recorded;
  bool replayed;
  bool joined;
  bool settled;
  bool final; /* nothing more can be learned: a call that is UNKNOWN is not kept */
  uint32_t retry_after_ms;
  struct sure_bytes text;
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

/* Ends it on this side: an attempt in flight is cancelled at the server. */
void sure__client_abandon(struct sure__client *client, struct sure__client_call *call,
                          enum sure_code code, const char *text, uint64_t now_ms);
void sure__client_expire(struct sure__client *client, struct sure__client_call *call,
                         uint64_t now_ms);

/* client_attempt.c */
bool sure__client_can_send(const struct sure__client *client);
void sure__client_send_queued(struct sure__client *client, uint64_t now_ms);
/* Its attempt failed: try again later, settle, or end. */
void sure__client_attempt_failed(struct sure__client *client, struct sure__client_call *call,
                                 const struct sure__answer *answer, uint64_t now_ms);
/* It is not tried again: settle it if that can make it certain, or end it. */
void sure__client_give_up(struct sure__client *client, struct sure__client_call *call,
                          const struct sure__answer *answer, uint64_t now_ms);
/* ACCEPTED and RESPONSE. NULL, or what is wrong with the frame. */
const char *sure__client_on_accepted(struct sure__client *client, const struct sure__frame *frame);
const char *sure__client_on_response(struct sure__client *client, const struct sure__frame *frame,
                                     uint64_t now_ms);
void sure__client_send_cancel(struct sure__client *client, const struct sure__client_call *call);

/* client_parts.c */
/* Puts a RESPONSE or SETTLED together. True: `*frame` is the whole message now. False: there is
 * more to come, or `*out_problem` says what is wrong. */
bool sure__client_assemble(const struct sure__client *client, struct sure__client_call *call,
                           struct sure__frame *frame, const char **out_problem);
void sure__client_forget_parts(struct sure__client_call *call);

/* client_settle.c */
/* What a settle by the application is about. */
struct sure__refusal sure__client_find_target(const struct sure__client *client,
                                              struct sure__client_call *call);
/* Notes what a SETTLE of the call would name, while the request is still there. */
void sure__client_set_target(struct sure__client_call *call);
void sure__client_begin_settle(struct sure__client *client, struct sure__client_call *call);
void sure__client_enqueue_settle(struct sure__client *client, struct sure__client_call *call);
void sure__client_send_settles(struct sure__client *client, uint64_t now_ms);
const char *sure__client_on_settled(struct sure__client *client, const struct sure__frame *frame,
                                    uint64_t now_ms);

/* client_session.c */
/* The present session is now `id`. False when memory is short. */
bool sure__client_new_session(struct sure__client *client, const struct sure_session_id *id);
/* Gives a call the next number of the present session. */
void sure__client_number(struct sure__client *client, struct sure__client_call *call);
struct sure__client_call *sure__client_session_find(const struct sure__client_session *session,
                                                    uint64_t sequence);
struct sure__client_session *sure__client_find_session(const struct sure__client *client,
                                                       uint64_t epoch);
void sure__client_drop_session_if_empty(struct sure__client *client,
                                        struct sure__client_session *session);
void sure__client_end_session(struct sure__client *client, enum sure__session_end how,
                              uint64_t now_ms);

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
void sure__client_send_ack(struct sure__client *client);

/* client_link.c */
/* Gives the connection up: the shell is told to close it. */
void sure__client_drop_link(struct sure__client *client, const char *reason, uint64_t now_ms);
/* Before that, when the server misbehaved: the next dial is to come after a pause. */
void sure__client_blame_link(struct sure__client *client);
const char *sure__client_on_welcome(struct sure__client *client, const struct sure__frame *frame,
                                    uint64_t now_ms);
const char *sure__client_on_attached(struct sure__client *client, const struct sure__frame *frame,
                                     uint64_t now_ms);
const char *sure__client_on_goaway(struct sure__client *client, const struct sure__frame *frame,
                                   uint64_t now_ms);
void sure__client_link_due(struct sure__client *client, uint64_t now_ms);
void sure__client_keepalive_due(struct sure__client *client, uint64_t now_ms);
/* Something was sent that has an answer: silence counts from now on. */
void sure__client_watch(struct sure__client *client, uint64_t now_ms);

/* client.c */
/* Appends a frame to what is to be sent. When memory is short the stream would have a hole: the
 * link is marked and the pump drops it. What was to be sent counts as sent. */
void sure__client_put(struct sure__client *client, const struct sure__frame *frame);
/* What all events end with: send what can be sent, and see whether the link is at its end. */
void sure__client_pump(struct sure__client *client, uint64_t now_ms);

#endif
