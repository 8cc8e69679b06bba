#include "rpc/store/memory_pool.h"

#include "rpc/core/memory.h"

enum { SMALLEST = 72, STEP = 16, FINE_COUNT = 13, COARSEST_FINE = SMALLEST + 12 * STEP };

/* The class of `size`, SURE__POOL_CLASSES for larger ones, and the bytes that such a block has. */
static size_t class_of(size_t size, size_t *out_len) {
  if (size <= COARSEST_FINE) {
    size_t class_index = size <= SMALLEST ? 0 : (size - SMALLEST + STEP - 1) / STEP;
    *out_len = SMALLEST + class_index * STEP;
    return class_index;
  }
  size_t class_index = FINE_COUNT;
  size_t len = 512;
  while (len < size && class_index < SURE__POOL_CLASSES) {
    class_index++;
    len *= 2;
  }
  *out_len = class_index < SURE__POOL_CLASSES ? len : size;
  return class_index;
}

bool sure__pool_reserve(struct sure__pool *pool, size_t size) {
  if (size > pool->used_len_max - pool->used_len) {
    return false;
  }
  pool->used_len += size;
  return true;
}

void sure__pool_unreserve(struct sure__pool *pool, size_t size) {
  pool->used_len -= size;
}

void *sure__pool_take(struct sure__pool *pool, size_t size) {
  size_t len;
  size_t class_index = class_of(size, &len);
  if (!sure__pool_reserve(pool, len)) {
    return NULL;
  }
  if (class_index < SURE__POOL_CLASSES && pool->free[class_index] != NULL) {
    struct sure__pool_block *block = pool->free[class_index];
    pool->free[class_index] = block->next;
    pool->idle_len -= len;
    return block;
  }
  void *block = sure__realloc(NULL, len); /* the caller fills it: no need for zeros */
  if (block == NULL) {
    sure__pool_unreserve(pool, len);
  }
  return block;
}

void sure__pool_give(struct sure__pool *pool, void *memory, size_t size) {
  size_t len;
  size_t class_index = class_of(size, &len);
  sure__pool_unreserve(pool, len);
  if (class_index == SURE__POOL_CLASSES || len > SURE__POOL_IDLE_LEN_MAX - pool->idle_len) {
    sure__free(memory);
    return;
  }
  struct sure__pool_block *block = memory;
  block->next = pool->free[class_index];
  pool->free[class_index] = block;
  pool->idle_len += len;
}

void sure__pool_fini(struct sure__pool *pool) {
  for (size_t i = 0; i < SURE__POOL_CLASSES; i++) {
    while (pool->free[i] != NULL) {
      struct sure__pool_block *block = pool->free[i];
      pool->free[i] = block->next;
      sure__free(block);
    }
  }
}
