/* Calls of the memory store that are in doubt (S15): runs outside of the store that failed and may
 * have had their effect. In the order in which they got there. */
#ifndef SURE_STORE_MEMORY_DOUBT_H
#define SURE_STORE_MEMORY_DOUBT_H

#include <sure/store.h>

#include "rpc/core/list.h"
#include "rpc/store/memory_pool.h"

struct sure__stored_doubt {
  struct sure__list link;
  struct sure_doubt doubt;
  uint8_t bytes[]; /* principal, then key */
};

/* Adds the call of a COMPLETE. False: the pool's limit, or memory is short. */
bool sure__doubt_add(struct sure__list *doubts, struct sure__pool *pool,
                     const struct sure_store_op *op);
/* Drops the call of a RESOLVE, if it is there. */
void sure__doubt_drop(struct sure__list *doubts, struct sure__pool *pool,
                      const struct sure_store_op *op);
void sure__doubts_fini(struct sure__list *doubts, struct sure__pool *pool);
/* Decides a DOUBTS. */
void sure__doubts_list(const struct sure__list *doubts, struct sure_store_op *op);

#endif
