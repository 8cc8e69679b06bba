/* Which calls a handler has under way: when nobody waits for its own any more, nobody waits for
 * those (gRPC's propagation of cancellation).
 *
 * One lock guards all such lists. It is taken with the parent's shard lock held, or none, and the
 * lock of a child's channel inside it. */
#ifndef SURE_NET_CHILDREN_H
#define SURE_NET_CHILDREN_H

#include "rpc/core/child.h"
#include "rpc/core/server.h"

/* Before the child is started. False: the parent is cancelled already. */
bool sure__child_add(struct sure_call *parent, struct sure__child *child);
/* It has ended, or was never started. Harmless if it was not added. */
void sure__child_remove(struct sure__child *child);

/* The handler has ended: its children go on without it. */
void sure__children_leave(struct sure_call *parent);
/* With the lock of its shard, so that the parent stays. */
void sure__children_cancel(struct sure_call *parent);

#endif
