/* The idempotency key that a request carries in a field of its own (S13). Client and server read it
 * with the same function, so that they can't disagree. */
#ifndef SURE_CORE_KEY_H
#define SURE_CORE_KEY_H

#include <sure/method.h>
#include <sure/status.h>
#include <sure/store.h>

#include "rpc/core/arena.h"

/* The value of `method`'s key field in `request`: the bytes of a string or bytes field, the
 * decimal text of an integer. It points into the request or is made in `arena`. The method must
 * have a key field.
 * SURE_INVALID_ARGUMENT: not set, empty, the number 0, or over SURE_KEY_LEN_MAX bytes; or the
 * table names a field that is none of the request's or can't be a key.
 * SURE_RESOURCE_EXHAUSTED: memory. */
enum sure_code sure__key_get(const struct sure_method *method, const ProtobufCMessage *request,
                             struct sure__arena *arena, struct sure_bytes *out_key);

#endif
