/* Every allocation of the library goes through here, so that an application can bring its own
 * allocator and a test can make the n-th allocation fail. */
#ifndef SURE_CORE_MEMORY_H
#define SURE_CORE_MEMORY_H

#include <stddef.h>

/* NULL when memory is short. Contents are zero. */
void *sure__alloc(size_t size);
/* NULL when memory is short; `memory` is then as before. New bytes are not zeroed. */
void *sure__realloc(void *memory, size_t size);
/* Accepts NULL. */
void sure__free(void *memory);

#endif
