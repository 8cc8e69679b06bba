/* What a handler sees of the call that it serves.
 *
 * Valid inside the handler, on its thread; after sure_call_defer also later, on one thread at a
 * time, until sure_call_finish. */
#ifndef SURE_CALL_H
#define SURE_CALL_H

#include <sure/clock.h>
#include <sure/metadata.h>
#include <sure/method.h>
#include <sure/status.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sure_call;

/* `size` bytes for the reply's strings, arrays and messages, aligned for any type, zeroed. They
 * live until the reply is packed; nobody frees them. NULL when memory is short: then return
 * SURE_RESOURCE_EXHAUSTED. */
SURE_API void *sure_call_alloc(struct sure_call *call, size_t size);
/* A copy of `text` in such memory. NULL when memory is short. */
SURE_API char *sure_call_strdup(struct sure_call *call, const char *text);

/* Set the message that goes with a failure and return `code`, so that a handler can write
 * `return sure_call_fail(call, SURE_NOT_FOUND, "no account %s", id);`. At most 1024 bytes of UTF-8
 * are kept. Everything else that the handler did is rolled back (in TX mode). */
SURE_API enum sure_code sure_call_fail(struct sure_call *call, enum sure_code code,
                                       const char *format, ...) SURE_PRINTF(3, 4);

/* Say with a failure that is not recorded (UNAVAILABLE, ABORTED, RESOURCE_EXHAUSTED) when another
 * attempt may help: `ms` from now, or never. Clients heed it in place of their own backoff (gRPC's
 * pushback). */
#define SURE_RETRY_NEVER UINT32_MAX
SURE_API void sure_call_retry_after(struct sure_call *call, uint32_t ms);

/* Add a typed detail to a failure, as google.rpc.Status has them: the URL of a message's type and
 * the packed message; or a message, whose URL is then "type.googleapis.com/" and its full name. At
 * most 16 details and 8 KiB of them; both are copied. Recorded and replayed with the failure.
 * SURE_INVALID_ARGUMENT: an empty or overlong URL.
 * SURE_RESOURCE_EXHAUSTED: too much of it, or memory is short. */
SURE_API enum sure_code sure_call_add_detail(struct sure_call *call, const char *type_url,
                                             struct sure_bytes value);
SURE_API enum sure_code sure_call_add_detail_message(struct sure_call *call,
                                                     const ProtobufCMessage *message);

/* What the client sent beside the request; may be NULL, which is an empty set. */
SURE_API const struct sure_metadata *sure_call_metadata(const struct sure_call *call);
/* What goes back beside the reply or the failure: to be added to. Both arrive with the answer; they
 * are apart because streams send the first one early. Recorded and replayed with the answer. NULL
 * when memory is short. */
SURE_API struct sure_metadata *sure_call_initial_metadata(struct sure_call *call);
SURE_API struct sure_metadata *sure_call_trailing_metadata(struct sure_call *call);
/* The W3C trace context that the client sent, or NULL. Calls that are made with this one as their
 * parent carry it on. */
SURE_API const char *sure_call_traceparent(const struct sure_call *call);

/* Milliseconds until the last of those who wait for this call stops waiting; 0 when that has
 * passed. */
SURE_API uint32_t sure_call_time_left_ms(const struct sure_call *call);
/* Everybody who waited has cancelled (S16). A handler may go on or return SURE_CANCELLED, which
 * rolls back and is not recorded. */
SURE_API bool sure_call_is_cancelled(const struct sure_call *call);
/* The number of the attempt that started this run, from 1. */
SURE_API uint32_t sure_call_attempt(const struct sure_call *call);
/* Who the client is, as peer_attaches of an interceptor has said (sure/interceptor.h); empty when
 * nobody has. */
SURE_API struct sure_bytes sure_call_principal(const struct sure_call *call);
/* The table of the method being served. */
SURE_API const struct sure_method *sure_call_method(const struct sure_call *call);
/* When this run of the handler began, by the hybrid logical clock (sure/clock.h): later than the
 * request, and than every effect that the handler can see. It is kept with the effect, and no run
 * that sees that has a smaller one, in whatever process, before or after a restart. A handler that
 * runs again has a later one. */
SURE_API uint64_t sure_call_stamp(const struct sure_call *call);
/* A later one, for a handler that has several effects; sure_call_stamp is this one from now on. */
SURE_API uint64_t sure_call_next_stamp(struct sure_call *call);
/* The call's idempotency key: the application's own or derived from a parent call; empty if there
 * is neither. */
SURE_API struct sure_bytes sure_call_key(const struct sure_call *call);

/* 32 hexadecimal digits that stay the same whenever this call runs or is reconciled: to hand on, as
 * its idempotency key, to whoever has an effect for an EXTERNAL handler (S15). Derived from
 * sure_call_key, or from the call's id when there is none. NULL when memory is short. */
SURE_API const char *sure_call_effect_key(struct sure_call *call);

/* Say with a failure of an EXTERNAL handler that nothing has happened outside of the store, and
 * nothing will: returns `code`, for `return sure_call_not_applied(call, SURE_NOT_FOUND);`. The
 * failure is then the call's result, as that of any other handler; without this it is in doubt. */
SURE_API enum sure_code sure_call_not_applied(struct sure_call *call, enum sure_code code);

/* The handler answers later: it keeps `call`, request and reply, returns, and somebody calls
 * sure_call_finish, on any thread, perhaps before the handler has returned. What the handler
 * returns after this counts for nothing. Neither its deadline nor cancellation ends the call;
 * draining and sure_server_free wait for it.
 * SURE_INTERNAL, to be returned: there is a transaction, which can't wait. */
SURE_API enum sure_code sure_call_defer(struct sure_call *call);
/* Ends a deferred call as if its handler had returned `code` with what is in the reply. Exactly
 * once; `call`, request and reply are gone then. Does not block but for a short lock. */
SURE_API void sure_call_finish(struct sure_call *call, enum sure_code code);

/* The second phase of a PREPARE handler: runs on the store's writer, inside the transaction, under
 * the rules of TX handlers. `user` should be memory of sure_call_alloc. */
typedef enum sure_code sure_apply_fn(void *user, struct sure_call *call, ProtobufCMessage *reply);

/* In a handler that is registered as SURE_RUN_PREPARE: have `fn` run in the transaction, and return
 * what this returns. Without it, such a handler's status is the call's status, with no effect. */
SURE_API enum sure_code sure_call_apply(struct sure_call *call, sure_apply_fn *fn, void *user);

#ifdef __cplusplus
}
#endif

#endif
