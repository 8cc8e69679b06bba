/* The memory store, as its files share it. */
#ifndef SURE_STORE_MEMORY_H
#define SURE_STORE_MEMORY_H

#include <pthread.h>
#include <stdatomic.h>

#include "rpc/store/memory_doubt.h"
#include "rpc/store/memory_key.h"

struct sure__memory {
  struct sure_store base;
  size_t session_records_max;
  pthread_mutex_t lock;     /* of everything below; not held while a handler runs */
  pthread_mutex_t run_lock; /* handlers of CALL run one after the other, as on a writer */
  struct sure__stored_sessions sessions;
  struct sure__keys keys;
  uint64_t claim_last; /* no claim has a number twice */
  struct sure__list doubts;
  struct sure__pool pool;
  _Atomic uint64_t clock; /* the highest stamp of a run */
};

/* The session that `op` names, if it is the principal's own (S5). */
struct sure__stored_session *sure__memory_session(const struct sure__memory *memory,
                                                  const struct sure_store_op *op);

void sure__memory_raise_clock(struct sure__memory *memory, uint64_t stamp);

/* The ops on calls; each is called with the lock held, sets the verdict, and returns with the lock
 * held. sure__memory_call gives it up while the handler runs. */
void sure__memory_call(struct sure__memory *memory, struct sure_store_op *op);
void sure__memory_intent(struct sure__memory *memory, struct sure_store_op *op);
void sure__memory_complete(struct sure__memory *memory, struct sure_store_op *op);
void sure__memory_resolve(struct sure__memory *memory, struct sure_store_op *op);
void sure__memory_settle(struct sure__memory *memory, struct sure_store_op *op);

/* The same for calls that commit as they go (memory_progress.c). */
void sure__memory_claim(struct sure__memory *memory, struct sure_store_op *op);
void sure__memory_advance(struct sure__memory *memory, struct sure_store_op *op);
void sure__memory_conclude(struct sure__memory *memory, struct sure_store_op *op);

/* What memory_call.c lends: by its number alone, whether a call may run (a verdict, or PENDING);
 * and what its key says. */
enum sure_store_verdict sure__memory_admit(const struct sure__stored_session *session,
                                           struct sure_store_op *op);
enum sure_store_verdict sure__memory_key_verdict(const struct sure__memory *memory,
                                                 struct sure_store_op *op);

#endif
