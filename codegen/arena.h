/* Memory of one run: taken piece by piece, freed all at once.
 *
 * The generator is short-lived and its data form a web, so nothing has an owner of its own. There
 * is a cap, so that a hostile request can't take the whole machine. When memory or the cap runs out
 * the program ends with a message and status 1: there is nothing better to do. */
#ifndef SURE_CODEGEN_ARENA_H
#define SURE_CODEGEN_ARENA_H

#include "rpc/core/arena.h"

#include <protobuf-c/protobuf-c.h>

#define ARENA_LEN_MAX ((size_t)1 << 30)

/* Zero-initialised is empty. */
struct arena {
  struct sure__arena memory;
};

/* `size` zeroed bytes, aligned for any type. Never NULL. */
void *arena_alloc(struct arena *arena, size_t size);
/* The same for `count` items of `size` bytes each, checked for overflow. */
void *arena_array(struct arena *arena, size_t count, size_t size);

/* A formatted string. */
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Lets protobuf-c unpack into the arena. Valid as long as the arena. */
ProtobufCAllocator arena_allocator(struct arena *arena);

/* Frees everything; the arena is then empty and usable again. */
void arena_fini(struct arena *arena);

#endif
