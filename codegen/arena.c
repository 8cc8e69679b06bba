#include "codegen/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define CHUNK_LEN ((size_t)256 * 1024)
#define ALIGNMENT _Alignof(max_align_t)

struct arena_chunk {
  struct arena_chunk *next;
  size_t len;
  _Alignas(max_align_t) unsigned char bytes[];
};

static _Noreturn void out_of_memory(void) {
  fputs("protoc-gen-sure: out of memory\n", stderr);
  exit(1);
}

static void add_chunk(struct arena *arena, size_t size) {
  size_t len = size > CHUNK_LEN ? size : CHUNK_LEN;
  if (len > ARENA_LEN_MAX - arena->total)
    out_of_memory();
  struct arena_chunk *chunk = calloc(1, sizeof(*chunk) + len);
  if (!chunk)
    out_of_memory();
  chunk->next = arena->chunks;
  chunk->len = len;
  arena->chunks = chunk;
  arena->used = 0;
  arena->total += len;
}

void *arena_alloc(struct arena *arena, size_t size) {
  if (size > ARENA_LEN_MAX)
    out_of_memory();
  size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  if (!arena->chunks || size > arena->chunks->len - arena->used)
    add_chunk(arena, size);
  void *memory = arena->chunks->bytes + arena->used;
  arena->used += size;
  return memory;
}

void *arena_array(struct arena *arena, size_t count, size_t size) {
  if (count > ARENA_LEN_MAX / size)
    out_of_memory();
  return arena_alloc(arena, count * size);
}

char *arena_printf(struct arena *arena, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  va_list again;
  va_copy(again, arguments);
  int len = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  char *text = len < 0 ? NULL : arena_alloc(arena, (size_t)len + 1);
  if (text)
    vsnprintf(text, (size_t)len + 1, format, again);
  va_end(again);
  if (!text)
    out_of_memory();
  return text;
}

static void *allocate(void *arena, size_t size) {
  return arena_alloc(arena, size);
}

static void leave(void *arena, void *memory) {
  (void)arena;
  (void)memory;
}

ProtobufCAllocator arena_allocator(struct arena *arena) {
  return (ProtobufCAllocator){.alloc = allocate, .free = leave, .allocator_data = arena};
}

void arena_fini(struct arena *arena) {
  while (arena->chunks) {
    struct arena_chunk *chunk = arena->chunks;
    arena->chunks = chunk->next;
    free(chunk);
  }
  *arena = (struct arena){0};
}
