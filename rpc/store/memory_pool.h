/* Memory for records: freed blocks are kept by size class and used again, so that a server in its
 * steady state does not call malloc for each call. Counts what is in use against a limit. */
#ifndef SURE_STORE_MEMORY_POOL_H
#define SURE_STORE_MEMORY_POOL_H

#include <sure/base.h>

/* 72, 88, ... 264 bytes, which fill malloc's own; 512, ... 4096; larger blocks are malloc's. */
#define SURE__POOL_CLASSES      17
#define SURE__POOL_IDLE_LEN_MAX (16u * 1024 * 1024) /* free blocks that are kept */

struct sure__pool_block {
  struct sure__pool_block *next;
};

struct sure__pool {
  struct sure__pool_block *free[SURE__POOL_CLASSES];
  uint64_t idle_len;
  uint64_t used_len;
  uint64_t used_len_max;
};

/* Takes `size` bytes from the limit, or refuses. Also used alone, for what is allocated elsewhere.
 */
bool sure__pool_reserve(struct sure__pool *pool, size_t size);
void sure__pool_unreserve(struct sure__pool *pool, size_t size);

/* NULL when the limit is reached or memory is short. */
void *sure__pool_take(struct sure__pool *pool, size_t size);
/* `size` is that of the take. */
void sure__pool_give(struct sure__pool *pool, void *memory, size_t size);
/* After everything was given back. */
void sure__pool_fini(struct sure__pool *pool);

#endif
