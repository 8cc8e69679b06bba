#include "codegen/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void out_of_memory(void) {
  fputs("protoc-gen-sure: out of memory\n", stderr);
  exit(1);
}

void *arena_alloc(struct arena *arena, size_t size) {
  arena->memory.len_max = ARENA_LEN_MAX;
  void *memory = sure__arena_alloc(&arena->memory, size);
  if (!memory)
    out_of_memory();
  return memset(memory, 0, size);
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
  if (len < 0)
    out_of_memory();
  char *text = arena_alloc(arena, (size_t)len + 1);
  vsnprintf(text, (size_t)len + 1, format, again);
  va_end(again);
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
  sure__arena_fini(&arena->memory);
}
