#include "rpc/core/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sure/base.h>

static struct sure_allocator allocator;

void sure_set_allocator(const struct sure_allocator *hooks) {
  allocator = *hooks;
}

void *sure__alloc(size_t size) {
  if (allocator.realloc == NULL) {
    return calloc(1, size);
  }
  void *memory = allocator.realloc(allocator.user, NULL, size);
  if (memory != NULL) {
    memset(memory, 0, size);
  }
  return memory;
}

void *sure__realloc(void *memory, size_t size) {
  if (allocator.realloc == NULL) {
    return realloc(memory, size);
  }
  return allocator.realloc(allocator.user, memory, size);
}

void sure__free(void *memory) {
  if (allocator.free == NULL) {
    free(memory);
  } else {
    allocator.free(allocator.user, memory);
  }
}
