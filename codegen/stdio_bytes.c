#include "codegen/stdio_bytes.h"

#include <errno.h>
#include <string.h>

const char *stdio_read_all(struct arena *arena, size_t len_max, struct sure_bytes *out_bytes) {
  size_t capacity = 64 * 1024;
  size_t len = 0;
  uint8_t *bytes = arena_alloc(arena, capacity);
  for (size_t more; (more = fread(bytes + len, 1, capacity - len, stdin)) > 0;) {
    len += more;
    if (len > len_max)
      break;
    if (len == capacity) {
      uint8_t *grown = arena_array(arena, capacity, 2);
      memcpy(grown, bytes, len);
      bytes = grown;
      capacity *= 2;
    }
  }
  if (ferror(stdin))
    return arena_printf(arena, "can't read the request: %s", strerror(errno));
  *out_bytes = (struct sure_bytes){bytes, len};
  return NULL;
}

/* A full disk may show only when the last of the buffer leaves, so the flush counts too. */
const char *stdio_write_all(struct arena *arena, FILE *stream, struct sure_bytes bytes) {
  if (fwrite(bytes.data, 1, bytes.len, stream) != bytes.len || fflush(stream) != 0)
    return arena_printf(arena, "can't write: %s", strerror(errno));
  return NULL;
}
