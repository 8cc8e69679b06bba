/* The idempotency key of a call that a handler makes while it serves another one (S14). */
#ifndef SURE_CLIENT_CHILD_KEY_H
#define SURE_CLIENT_CHILD_KEY_H

#include <sure/call.h>

#include "rpc/core/arena.h"

/* The key of the next child of `parent`: the same for the n-th child of every run of the same
 * parent. False when memory is short. On the handler's thread only. */
bool sure__child_key(struct sure_call *parent, struct sure__arena *arena,
                     struct sure_bytes *out_key);

#endif
