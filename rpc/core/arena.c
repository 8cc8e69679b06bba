#include "rpc/core/arena.h"

#include <stdalign.h>
#include <string.h>

#include "rpc/core/memory.h"

enum { CHUNK_LEN_FIRST = 1024, CHUNK_LEN_KEPT_MAX = 16 * 1024 };

struct sure__arena_chunk {
  struct sure__arena_chunk *next;
  size_t used;
  size_t capacity;
  alignas(max_align_t) uint8_t data[];
};

static void free_chain(struct sure__arena_chunk *chunk) {
  while (chunk != NULL) {
    struct sure__arena_chunk *next = chunk->next;
    sure__free(chunk);
    chunk = next;
  }
}

void sure__arena_fini(struct sure__arena *arena) {
  free_chain(arena->first);
  arena->first = NULL;
  arena->current = NULL;
  arena->len = 0;
}

/* Chunks double, so that n bytes take log n chunks. */
static struct sure__arena_chunk *add_chunk(struct sure__arena *arena, size_t size) {
  size_t capacity = arena->current == NULL ? CHUNK_LEN_FIRST : 2 * arena->current->capacity;
  if (capacity < size) {
    capacity = size;
  }
  struct sure__arena_chunk *chunk = sure__realloc(NULL, sizeof *chunk + capacity);
  if (chunk == NULL) {
    return NULL;
  }
  *chunk = (struct sure__arena_chunk){.capacity = capacity};
  if (arena->current == NULL) {
    arena->first = chunk;
  } else {
    arena->current->next = chunk;
  }
  arena->current = chunk;
  return chunk;
}

static void *try_alloc(struct sure__arena *arena, size_t size) {
  if (size > SIZE_MAX / 4) {
    return NULL;
  }
  size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
  if (arena->len_max != 0 && size > arena->len_max - arena->len) {
    return NULL;
  }
  struct sure__arena_chunk *chunk = arena->current;
  if (chunk == NULL || size > chunk->capacity - chunk->used) {
    chunk = add_chunk(arena, size);
    if (chunk == NULL) {
      return NULL;
    }
  }
  void *memory = chunk->data + chunk->used;
  chunk->used += size;
  arena->len += size;
  return memory;
}

void *sure__arena_alloc(struct sure__arena *arena, size_t size) {
  void *memory = try_alloc(arena, size);
  arena->is_short = arena->is_short || memory == NULL;
  return memory;
}

bool sure__arena_copy(struct sure__arena *arena, struct sure_bytes bytes,
                      struct sure_bytes *out_copy) {
  if (bytes.len == 0) {
    *out_copy = (struct sure_bytes){0};
    return true;
  }
  uint8_t *copy = sure__arena_alloc(arena, bytes.len);
  if (copy == NULL) {
    return false;
  }
  memcpy(copy, bytes.data, bytes.len);
  *out_copy = (struct sure_bytes){copy, bytes.len};
  return true;
}

void sure__arena_reset(struct sure__arena *arena) {
  struct sure__arena_chunk *first = arena->first;
  arena->is_short = false;
  if (first != NULL && first->capacity <= CHUNK_LEN_KEPT_MAX) {
    free_chain(first->next);
    first->next = NULL;
    first->used = 0;
    arena->current = first;
    arena->len = 0;
  } else {
    sure__arena_fini(arena);
  }
}
