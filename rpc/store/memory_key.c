#include "rpc/store/memory_key.h"

#include <string.h>
#include <xxhash.h>

static uint64_t hash_key(const struct sure_store_op *op) {
  uint64_t hash = XXH3_64bits_withSeed(op->principal.data, op->principal.len, op->method);
  return XXH3_64bits_withSeed(op->key.data, op->key.len, hash);
}

static size_t size_of(size_t principal_len, size_t key_len) {
  return sizeof(struct sure__key) + principal_len + key_len;
}

static bool matches(const struct sure__key *key, const struct sure_store_op *op) {
  struct sure_bytes principal = {.data = key->bytes, .len = key->principal_len};
  struct sure_bytes bytes = {.data = key->bytes + key->principal_len, .len = key->key_len};
  return key->method == op->method && sure__bytes_equal(principal, op->principal) &&
         sure__bytes_equal(bytes, op->key);
}

struct sure__key *sure__key_find(const struct sure__table *keys, const struct sure_store_op *op) {
  uint64_t hash = hash_key(op);
  for (struct sure__link *link = sure__table_chain(keys, hash); link != NULL; link = link->next) {
    if (link->hash == hash && matches((struct sure__key *)link, op)) {
      return (struct sure__key *)link;
    }
  }
  return NULL;
}

struct sure__key *sure__key_add(struct sure__table *keys, struct sure__pool *pool,
                                const struct sure_store_op *op, enum sure__row_state state) {
  size_t size = size_of(op->principal.len, op->key.len);
  struct sure__key *key = sure__pool_take(pool, size);
  if (key == NULL) {
    return NULL;
  }
  *key = (struct sure__key){.link.hash = hash_key(op),
                            .state = state,
                            .method = op->method,
                            .fingerprint = op->fingerprint,
                            .principal_len = (uint16_t)op->principal.len,
                            .key_len = (uint16_t)op->key.len};
  if (op->principal.len > 0) {
    memcpy(key->bytes, op->principal.data, op->principal.len);
  }
  memcpy(key->bytes + op->principal.len, op->key.data, op->key.len);
  if (!sure__table_insert(keys, &key->link)) {
    sure__pool_give(pool, key, size);
    return NULL;
  }
  return key;
}

static void free_key(void *pool, struct sure__link *link) {
  struct sure__key *key = (struct sure__key *)link;
  sure__kept_unref(pool, key->kept);
  sure__pool_give(pool, key, size_of(key->principal_len, key->key_len));
}

void sure__key_drop(struct sure__table *keys, struct sure__pool *pool, struct sure__key *key) {
  sure__table_remove(keys, &key->link);
  free_key(pool, &key->link);
}

void sure__keys_fini(struct sure__table *keys, struct sure__pool *pool) {
  sure__table_fini(keys, free_key, pool);
}
