/* What every other header of Sure needs: symbol visibility, the version, and borrowed bytes. */
#ifndef SURE_BASE_H
#define SURE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define SURE_API __attribute__((visibility("default")))
#define SURE_PRINTF(format_index, first_index)                                                     \
  __attribute__((format(printf, format_index, first_index)))
#else
#define SURE_API
#define SURE_PRINTF(format_index, first_index)
#endif

#define SURE_VERSION_MAJOR 0
#define SURE_VERSION_MINOR 1
#define SURE_VERSION_PATCH 0

#ifdef __cplusplus
extern "C" {
#endif

/* A borrowed view of `len` bytes. It owns nothing; whoever hands it out says how long it stays
 * valid. `data` may be NULL when `len` is 0. */
struct sure_bytes {
  const uint8_t *data;
  size_t len;
};

/* Where the library gets its memory. Both functions must be given. */
struct sure_allocator {
  /* As realloc of the C library; `memory` may be NULL. */
  void *(*realloc)(void *user, void *memory, size_t size);
  /* As free; `memory` may be NULL. */
  void (*free)(void *user, void *memory);
  void *user;
};

/* Use `hooks` (copied) in place of malloc and free, for the whole process. Before the first other
 * call into the library, from one thread. What protobuf-c gives to the application (replies of
 * blocking calls) still comes from malloc, so that the generated free functions work on it. */
SURE_API void sure_set_allocator(const struct sure_allocator *hooks);

/* The version of the library that is linked, as "0.1.0". Static; never freed. Any thread. */
SURE_API const char *sure_version(void);

#ifdef __cplusplus
}
#endif

#endif
