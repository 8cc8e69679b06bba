#include "rpc/core/index.h"

#include "rpc/core/assert.h"
#include "rpc/core/memory.h"

void sure__index_init(struct sure__index *index) {
  *index = (struct sure__index){.bucket_count = SURE__INDEX_FIRST_BUCKETS};
}

void sure__index_fini(struct sure__index *index) {
  sure__free(index->buckets);
  index->buckets = NULL;
  index->bucket_count = SURE__INDEX_FIRST_BUCKETS;
}

static struct sure__index_link **buckets_of(struct sure__index *index) {
  return index->buckets == NULL ? index->few : index->buckets;
}

/* Keys are sequence numbers or random; Fibonacci hashing spreads both. */
static size_t bucket_of(uint64_t key, size_t bucket_count) {
  return (size_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & (bucket_count - 1);
}

static void grow(struct sure__index *index) {
  size_t bucket_count = index->bucket_count * 4;
  struct sure__index_link **buckets = sure__alloc(bucket_count * sizeof *buckets);
  if (buckets == NULL) {
    return;
  }
  struct sure__index_link **old = buckets_of(index);
  for (size_t i = 0; i < index->bucket_count; i++) {
    while (old[i] != NULL) {
      struct sure__index_link *link = old[i];
      old[i] = link->next;
      size_t b = bucket_of(link->key, bucket_count);
      link->next = buckets[b];
      buckets[b] = link;
    }
  }
  sure__free(index->buckets);
  index->buckets = buckets;
  index->bucket_count = bucket_count;
}

void sure__index_add(struct sure__index *index, struct sure__index_link *link, uint64_t key) {
  if (index->count >= index->bucket_count * 2) {
    grow(index);
  }
  struct sure__index_link **bucket = &buckets_of(index)[bucket_of(key, index->bucket_count)];
  link->key = key;
  link->next = *bucket;
  *bucket = link;
  index->count++;
}

void sure__index_remove(struct sure__index *index, struct sure__index_link *link) {
  struct sure__index_link **place = &buckets_of(index)[bucket_of(link->key, index->bucket_count)];
  while (*place != link) {
    sure__assert(*place != NULL && "only what is in the index is removed from it");
    place = &(*place)->next;
  }
  *place = link->next;
  link->next = NULL;
  index->count--;
}

struct sure__index_link *sure__index_find(const struct sure__index *index, uint64_t key) {
  struct sure__index_link *const *buckets =
      index->buckets == NULL ? index->few : (struct sure__index_link *const *)index->buckets;
  struct sure__index_link *link = buckets[bucket_of(key, index->bucket_count)];
  while (link != NULL && link->key != key) {
    link = link->next;
  }
  return link;
}

struct sure__index_link *sure__index_next(const struct sure__index_link *link) {
  struct sure__index_link *next = link->next;
  while (next != NULL && next->key != link->key) {
    next = next->next;
  }
  return next;
}

struct sure__index_link *sure__index_any(const struct sure__index *index) {
  struct sure__index_link *const *buckets =
      index->buckets == NULL ? index->few : (struct sure__index_link *const *)index->buckets;
  for (size_t i = 0; i < index->bucket_count; i++) {
    if (buckets[i] != NULL) {
      return buckets[i];
    }
  }
  return NULL;
}
