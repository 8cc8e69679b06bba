/* libsure-sqlite's own allocations, of which there are few, come from where SQLite takes its
 * memory: what sqlite3_config sets holds for both. */
#include <sqlite3.h>
#include <string.h>

#include "rpc/core/memory.h"

void *sure__alloc(size_t size) {
  void *memory = sqlite3_malloc64(size);
  if (memory != NULL) {
    memset(memory, 0, size);
  }
  return memory;
}

void *sure__realloc(void *memory, size_t size) {
  return sqlite3_realloc64(memory, size);
}

void sure__free(void *memory) {
  sqlite3_free(memory);
}
