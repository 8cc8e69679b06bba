/* A hash table from 64-bit numbers to things that carry their own link: adding can't fail, because
 * the first buckets are part of the table, and when memory for more is short the chains only grow.
 * Several things may have the same key. */
#ifndef SURE_CORE_INDEX_H
#define SURE_CORE_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct sure__index_link {
  struct sure__index_link *next;
  uint64_t key;
};

enum { SURE__INDEX_FIRST_BUCKETS = 4 };

struct sure__index {
  struct sure__index_link **buckets; /* NULL: `few` */
  size_t bucket_count;               /* a power of two */
  size_t count;
  struct sure__index_link *few[SURE__INDEX_FIRST_BUCKETS];
};

void sure__index_init(struct sure__index *index);
/* Frees the buckets, not the things. */
void sure__index_fini(struct sure__index *index);
void sure__index_add(struct sure__index *index, struct sure__index_link *link, uint64_t key);
/* The link must be in the index. */
void sure__index_remove(struct sure__index *index, struct sure__index_link *link);
/* A link with `key`, or NULL. */
struct sure__index_link *sure__index_find(const struct sure__index *index, uint64_t key);
/* The next one with the same key after `link`, or NULL. */
struct sure__index_link *sure__index_next(const struct sure__index_link *link);
/* Any link; NULL when the index is empty. For taking an index apart. */
struct sure__index_link *sure__index_any(const struct sure__index *index);

#endif
