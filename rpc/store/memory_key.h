/* Idempotency keys of the memory store (S13). A key outlives the session that used it. */
#ifndef SURE_STORE_MEMORY_KEY_H
#define SURE_STORE_MEMORY_KEY_H

#include "rpc/store/memory_session.h"

struct sure__key {
  struct sure__index_link by_name;
  struct sure__list link;
  enum sure__row_state state;
  bool in_doubt;     /* as the row of its call */
  uint64_t claim;    /* of a call that commits as it goes; 0: it is not one */
  uint64_t position; /* what is committed of that */
  uint64_t method;
  struct sure_fingerprint fingerprint;
  struct sure__memo memo;
  uint16_t principal_len;
  uint16_t key_len;
  uint8_t bytes[]; /* principal, then key */
};

struct sure__keys {
  struct sure__index by_name;
  struct sure__list all;
};

void sure__keys_init(struct sure__keys *keys);
void sure__keys_fini(struct sure__keys *keys, struct sure__pool *pool);

/* The key of `op`; NULL: absent. */
struct sure__key *sure__key_find(const struct sure__keys *keys, const struct sure_store_op *op);
/* NULL: the pool's limit, or memory is short. */
struct sure__key *sure__key_add(struct sure__keys *keys, struct sure__pool *pool,
                                const struct sure_store_op *op, enum sure__row_state state);
void sure__key_drop(struct sure__keys *keys, struct sure__pool *pool, struct sure__key *key);

#endif
