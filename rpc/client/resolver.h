/* Looks the names in a channel's target up, on a thread of its own: the system's resolver blocks,
 * for many seconds if need be. */
#ifndef SURE_CLIENT_RESOLVER_H
#define SURE_CLIENT_RESOLVER_H

#include <stdint.h>

#include "rpc/client/target.h"

struct sure__resolver;

/* What came of a look-up. `urls` NULL: nothing, and `problem` says why. On the resolver's thread,
 * with its lock held. */
typedef void sure__resolved_fn(void *user, const struct sure__urls *urls, const char *problem);

/* Looks up at once, again whenever that is wanted, but not more often than every `interval_ms`, and
 * after a failure by itself. Takes the target's contents. NULL when memory or threads are short:
 * then they are still the caller's. */
struct sure__resolver *sure__resolver_open(struct sure__target *target, uint32_t interval_ms,
                                           sure__resolved_fn *fn, void *user);
/* The addresses may be old ones. Any thread. */
void sure__resolver_want(struct sure__resolver *resolver);
/* `fn` is not called any more when this returns, though a look-up that is under way may go on in
 * vain. Accepts NULL; returns NULL. Not with a lock that `fn` takes. */
struct sure__resolver *sure__resolver_close(struct sure__resolver *resolver);

#endif
