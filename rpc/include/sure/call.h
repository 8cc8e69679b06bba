/* What a handler sees of the call that it serves.
 *
 * Valid inside the handler only, on the handler's thread. */
#ifndef SURE_CALL_H
#define SURE_CALL_H

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

/* Milliseconds until the last of those who wait for this call stops waiting; 0 when that has
 * passed. */
SURE_API uint32_t sure_call_time_left_ms(const struct sure_call *call);
/* Everybody who waited has cancelled (S16). A handler may go on or return SURE_CANCELLED, which
 * rolls back and is not recorded. */
SURE_API bool sure_call_is_cancelled(const struct sure_call *call);
/* The number of the attempt that started this run, from 1. */
SURE_API uint32_t sure_call_attempt(const struct sure_call *call);
/* The table of the method being served. */
SURE_API const struct sure_method *sure_call_method(const struct sure_call *call);
/* The call's idempotency key: the application's own or derived from a parent call; empty if there
 * is neither. */
SURE_API struct sure_bytes sure_call_key(const struct sure_call *call);

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
