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

/* The version of the library that is linked, as "0.1.0". Static; never freed. Any thread. */
SURE_API const char *sure_version(void);

#ifdef __cplusplus
}
#endif

#endif
