#include "rpc/store/table.h"

#include "rpc/core/memory.h"

#define BUCKETS_INITIAL 64

static struct sure__link **bucket(const struct sure__table *table, uint64_t hash) {
  return &table->buckets[hash & (table->bucket_count - 1)];
}

static void push(struct sure__table *table, struct sure__link *link) {
  struct sure__link **head = bucket(table, link->hash);
  link->next = *head;
  *head = link;
}

struct sure__link *sure__table_chain(const struct sure__table *table, uint64_t hash) {
  return table->bucket_count == 0 ? NULL : *bucket(table, hash);
}

static bool grow(struct sure__table *table) {
  size_t bucket_count = table->bucket_count == 0 ? BUCKETS_INITIAL : 2 * table->bucket_count;
  struct sure__link **buckets = sure__alloc(bucket_count * sizeof(struct sure__link *));
  if (buckets == NULL) {
    return false;
  }
  struct sure__table old = *table;
  table->buckets = buckets;
  table->bucket_count = bucket_count;
  for (size_t i = 0; i < old.bucket_count; i++) {
    for (struct sure__link *link = old.buckets[i], *next; link != NULL; link = next) {
      next = link->next;
      push(table, link);
    }
  }
  sure__free(old.buckets);
  return true;
}

bool sure__table_insert(struct sure__table *table, struct sure__link *link) {
  if (table->count >= table->bucket_count && !grow(table)) {
    return false;
  }
  push(table, link);
  table->count++;
  return true;
}

void sure__table_remove(struct sure__table *table, struct sure__link *link) {
  struct sure__link **at = bucket(table, link->hash);
  while (*at != link) {
    at = &(*at)->next;
  }
  *at = link->next;
  table->count--;
}

void sure__table_fini(struct sure__table *table, sure__link_free_fn *free_link, void *user) {
  for (size_t i = 0; i < table->bucket_count; i++) {
    for (struct sure__link *link = table->buckets[i], *next; link != NULL; link = next) {
      next = link->next;
      free_link(user, link);
    }
  }
  sure__free(table->buckets);
  *table = (struct sure__table){0};
}
