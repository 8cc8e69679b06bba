/* How a call ended, and what is known of its effect.
 *
 * The codes are gRPC's seventeen, with the same numbers and meanings. Sure adds the outcome: after
 * a failure a caller must know whether the effect happened, and no code can say that alone
 * (docs/exactly-once.md, "Outcomes"). */
#ifndef SURE_STATUS_H
#define SURE_STATUS_H

#include <sure/base.h>

struct sure_metadata;

#ifdef __cplusplus
extern "C" {
#endif

/* number, name, what it means to the one who reads it */
#define SURE_CODE_LIST(X)                                                                          \
  X(0, OK, "success")                                                                              \
  X(1, CANCELLED, "the caller cancelled the call")                                                 \
  X(2, UNKNOWN, "an error without a more precise code")                                            \
  X(3, INVALID_ARGUMENT, "an argument is wrong whatever the state of the system")                  \
  X(4, DEADLINE_EXCEEDED, "the deadline passed first")                                             \
  X(5, NOT_FOUND, "a thing that was asked for does not exist")                                     \
  X(6, ALREADY_EXISTS, "a thing that was to be created exists already")                            \
  X(7, PERMISSION_DENIED, "the caller may not do this")                                            \
  X(8, RESOURCE_EXHAUSTED, "a limit is reached")                                                   \
  X(9, FAILED_PRECONDITION, "the system is not in a state that allows this")                       \
  X(10, ABORTED, "a conflict; try again from the start of the transaction")                        \
  X(11, OUT_OF_RANGE, "past the valid range")                                                      \
  X(12, UNIMPLEMENTED, "no such service or method here")                                           \
  X(13, INTERNAL, "an invariant of the system is broken")                                          \
  X(14, UNAVAILABLE, "not available now; try again")                                               \
  X(15, DATA_LOSS, "data is lost or corrupt")                                                      \
  X(16, UNAUTHENTICATED, "the caller did not say who it is")

enum sure_code {
#define SURE_CODE_ENUM(number, name, text) SURE_##name = number,
  SURE_CODE_LIST(SURE_CODE_ENUM)
#undef SURE_CODE_ENUM
};

#define SURE_CODE_MAX 16

/* What is known of a call's effect on the server (soundness rule S19). */
enum sure_outcome {
  /* Nobody can tell: it may have been applied, it may be applied still. Settle it. */
  SURE_OUTCOME_UNKNOWN = 0,
  /* The effect did not happen and never will through this call. */
  SURE_NOT_APPLIED = 1,
  /* The effect happened, once. */
  SURE_APPLIED = 2,
};

/* Where in the system a status arose; tells refusals apart that share a code. On the wire as the
 * `reason` of RESPONSE (docs/protocol.md, section 8). */
#define SURE_REASON_LIST(X)                                                                        \
  X(0, NONE, "the method's own status")                                                            \
  X(1, STALE, "the call's result was acknowledged before")                                         \
  X(2, SESSION_LOST, "the session is fenced or forgotten")                                         \
  X(3, SEQUENCE_REUSED, "another request came under the same call id")                             \
  X(4, KEY_REUSED, "another request came under the same idempotency key")                          \
  X(5, TOMBSTONE, "the call was settled as never applied")                                         \
  X(6, NO_METHOD, "no such method is registered")                                                  \
  X(7, UNPARSABLE, "the request does not parse")                                                   \
  X(8, OVERLOADED, "a limit of the server is reached")                                             \
  X(9, DRAINING, "the server takes no new calls")                                                  \
  X(10, STORE_BUSY, "the store is held by someone else")                                           \
  X(11, REPLY_TOO_LARGE, "the reply is over the size limit")                                       \
  X(12, IN_DOUBT, "what became of its effect is not resolved yet")                                 \
  X(13, EXPIRED, "the deadline had passed before the call ran")                                    \
  X(14, CHANNEL, "this client said so; no server did")                                             \
  X(15, CONNECTION, "the connection was lost")                                                     \
  X(16, WRONG_STORE, "the endpoint serves another store")                                          \
  X(17, HANDLER_BROKE_TRANSACTION, "the handler left or spoilt its transaction")                   \
  X(18, REPLY_LOST, "the effect was applied, its reply can't be given")                            \
  X(19, TOO_MANY_CALLS, "the connection carries as many calls as it may")                          \
  X(20, REFUSED, "an interceptor did not let it through")                                          \
  X(21, STREAM_LOST, "the stream can't go on where it was")                                        \
  X(22, TAKEN_OVER, "another call goes on with the stream of this key")                            \
  X(23, PARTS_GONE, "what came of the request before is not here any more")

enum sure_reason {
#define SURE_REASON_ENUM(number, name, text) SURE_REASON_##name = number,
  SURE_REASON_LIST(SURE_REASON_ENUM)
#undef SURE_REASON_ENUM
};

/* "NOT_FOUND" for SURE_NOT_FOUND, "?" for a number outside the list. Static. */
SURE_API const char *sure_code_name(enum sure_code code);
/* One sentence part on what the code means. Static. */
SURE_API const char *sure_code_text(enum sure_code code);
/* "not applied", "applied" or "unknown". Static. */
SURE_API const char *sure_outcome_name(enum sure_outcome outcome);
/* "STALE" for SURE_REASON_STALE, "?" for a number outside the list. Static. */
SURE_API const char *sure_reason_name(enum sure_reason reason);

/* Who has said it. */
enum sure_origin {
  SURE_ORIGIN_CLIENT = 0,  /* this process: nothing was sent, or nothing came back */
  SURE_ORIGIN_SERVER = 1,  /* the server's runtime; the reason says what for */
  SURE_ORIGIN_HANDLER = 2, /* the method's own status */
};

/* Names one call of one channel, for sure_channel_settle, _cancel and _release. `epoch` numbers the
 * channel's sessions from 1; the secret session id is never shown. {0, 0} names no call: such a
 * call was refused before it got a number, or its method needs none. */
struct sure_call_id {
  uint64_t epoch;
  uint64_t sequence;
};

/* How one call ended. The application creates it, passes it to as many calls as it likes, one after
 * the other, and frees it; each call overwrites what was there. One thread at a time. */
struct sure_status;

/* A new status: SURE_OK, outcome UNKNOWN, no message. NULL only when memory is short. */
SURE_API struct sure_status *sure_status_new(void);
/* Accepts NULL; returns NULL. */
SURE_API struct sure_status *sure_status_free(struct sure_status *status);

SURE_API enum sure_code sure_status_code(const struct sure_status *status);
SURE_API enum sure_outcome sure_status_outcome(const struct sure_status *status);
SURE_API enum sure_reason sure_status_reason(const struct sure_status *status);
/* UTF-8, may be empty, never NULL. Valid until the status is used again or freed. */
SURE_API const char *sure_status_message(const struct sure_status *status);
/* Attempts handed to a transport: 0 says that nothing left this process. */
SURE_API uint32_t sure_status_attempts(const struct sure_status *status);
/* The reply (or refusal) was made by an earlier attempt and read back from its record. */
SURE_API bool sure_status_replayed(const struct sure_status *status);
/* The status is in a completion record: another try under the same call id or idempotency key
 * returns it again. A caller who wants another result needs a new key. */
SURE_API bool sure_status_recorded(const struct sure_status *status);
/* The answer came from SETTLE and not from an attempt. */
SURE_API bool sure_status_settled(const struct sure_status *status);
SURE_API struct sure_call_id sure_status_call_id(const struct sure_status *status);
/* The answer's stamp by the hybrid logical clock (sure/clock.h): later than the effect of the call,
 * and than all that its reply shows. 0: no server has answered. */
SURE_API uint64_t sure_status_stamp(const struct sure_status *status);
/* Where the status arose. */
SURE_API enum sure_origin sure_status_origin(const struct sure_status *status);
/* The address of the endpoint that the last attempt of a failed call went to; empty when it went to
 * none, and with SURE_OK. Valid as the message is. */
SURE_API const char *sure_status_peer(const struct sure_status *status);

/* What the handler added beside its reply or failure (sure/metadata.h); never NULL. Valid as the
 * message is. */
SURE_API const struct sure_metadata *sure_status_initial_metadata(const struct sure_status *status);
SURE_API const struct sure_metadata *
sure_status_trailing_metadata(const struct sure_status *status);

/* Typed details of a failure (sure_call_add_detail): how many, and of the index-th the URL of its
 * type and the packed message. `index` is below the count. Valid as the message is. */
SURE_API size_t sure_status_detail_count(const struct sure_status *status);
SURE_API const char *sure_status_detail_type(const struct sure_status *status, size_t index);
SURE_API struct sure_bytes sure_status_detail(const struct sure_status *status, size_t index);

/* Of a reply that a replica gave (SURE_PARTITION_STALE_OK): when its data was that of the original,
 * in Unix milliseconds. 0: the reply is from the original, as of when the call ran. */
SURE_API int64_t sure_status_as_of_ms(const struct sure_status *status);

#ifdef __cplusplus
}
#endif

#endif
