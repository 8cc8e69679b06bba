/* Memory that is given back all at once: what one call needs, from its first byte to its reply.
 *
 * Chunks form a chain; reset keeps the first one, so that an arena that is used again for calls of
 * ordinary size allocates nothing. */
#ifndef SURE_CORE_ARENA_H
#define SURE_CORE_ARENA_H

#include <stdbool.h>
#include <sure/base.h>

struct sure__arena_chunk;

/* Zero-initialised is empty. `len_max` bounds the bytes handed out between two resets; 0: no bound.
 */
struct sure__arena {
  struct sure__arena_chunk *first;
  struct sure__arena_chunk *current;
  size_t len;
  size_t len_max;
  bool is_short; /* since the last reset something was asked for that could not be given */
};

void sure__arena_fini(struct sure__arena *arena);
/* `size` bytes, aligned for any type, not zeroed. NULL when memory is short or the bound reached.
 */
void *sure__arena_alloc(struct sure__arena *arena, size_t size);
/* A copy of `bytes`. False when memory is short. */
bool sure__arena_copy(struct sure__arena *arena, struct sure_bytes bytes,
                      struct sure_bytes *out_copy);
/* Everything handed out is invalid from now on. */
void sure__arena_reset(struct sure__arena *arena);

#endif
