/* An intrusive hash table with chains, for what a store looks up by id or key. */
#ifndef SURE_STORE_TABLE_H
#define SURE_STORE_TABLE_H

#include <sure/base.h>

/* Put it first in what is stored, so that a link and its owner have one address. */
struct sure__link {
  struct sure__link *next;
  uint64_t hash;
};

struct sure__table {
  struct sure__link **buckets;
  size_t bucket_count; /* a power of two, or 0 */
  size_t count;
};

/* The first link of the chain that `hash` belongs to: the caller compares, and goes on by `next`.
 */
struct sure__link *sure__table_chain(const struct sure__table *table, uint64_t hash);
/* False when memory is short. The caller has looked that it is not there yet. */
bool sure__table_insert(struct sure__table *table, struct sure__link *link);
void sure__table_remove(struct sure__table *table, struct sure__link *link);
/* Hands every link to `free_link` and forgets them all. */
typedef void sure__link_free_fn(void *user, struct sure__link *link);
void sure__table_fini(struct sure__table *table, sure__link_free_fn *free_link, void *user);

#endif
