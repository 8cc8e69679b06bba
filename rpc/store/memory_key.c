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

void sure__keys_init(struct sure__keys *keys) {
  sure__index_init(&keys->by_name);
  sure__list_init(&keys->all);
}

struct sure__key *sure__key_find(const struct sure__keys *keys, const struct sure_store_op *op) {
  struct sure__index_link *link = sure__index_find(&keys->by_name, hash_key(op));
  for (; link != NULL; link = sure__index_next(link)) {
    struct sure__key *key = sure__container_of(link, struct sure__key, by_name);
    if (matches(key, op)) {
      return key;
    }
  }
  return NULL;
}

struct sure__key *sure__key_add(struct sure__keys *keys, struct sure__pool *pool,
                                const struct sure_store_op *op, enum sure__row_state state) {
  struct sure__key *key = sure__pool_take(pool, size_of(op->principal.len, op->key.len));
  if (key == NULL) {
    return NULL;
  }
  *key = (struct sure__key){.state = state,
                            .method = op->method,
                            .fingerprint = op->fingerprint,
                            .principal_len = (uint16_t)op->principal.len,
                            .key_len = (uint16_t)op->key.len};
  if (op->principal.len > 0) {
    memcpy(key->bytes, op->principal.data, op->principal.len);
  }
  memcpy(key->bytes + op->principal.len, op->key.data, op->key.len);
  sure__index_add(&keys->by_name, &key->by_name, hash_key(op));
  sure__list_append(&keys->all, &key->link);
  return key;
}

void sure__key_drop(struct sure__keys *keys, struct sure__pool *pool, struct sure__key *key) {
  sure__list_remove(&key->link);
  sure__index_remove(&keys->by_name, &key->by_name);
  sure__memo_unref(&key->memo, pool);
  sure__pool_give(pool, key, size_of(key->principal_len, key->key_len));
}

void sure__keys_fini(struct sure__keys *keys, struct sure__pool *pool) {
  while (!sure__list_is_empty(&keys->all)) {
    sure__key_drop(keys, pool, sure__container_of(keys->all.next, struct sure__key, link));
  }
  sure__index_fini(&keys->by_name);
}
