/* A growable run of bytes. */
#ifndef SURE_CORE_BUFFER_H
#define SURE_CORE_BUFFER_H

#include <stdbool.h>
#include <stdint.h>
#include <sure/base.h>

/* Zero-initialised is empty. */
struct sure__buffer {
  uint8_t *data;
  size_t len;
  size_t capacity;
};

void sure__buffer_fini(struct sure__buffer *buffer);
/* Room for `extra` more bytes. False when memory is short; nothing changed then. */
bool sure__buffer_reserve(struct sure__buffer *buffer, size_t extra);
/* The same, and the new bytes belong to the contents: returns where they begin, NULL when memory is
 * short. */
uint8_t *sure__buffer_extend(struct sure__buffer *buffer, size_t extra);
bool sure__buffer_append(struct sure__buffer *buffer, const void *data, size_t len);
void sure__buffer_swap(struct sure__buffer *a, struct sure__buffer *b);
/* Empty it; give memory back when it has grown over `keep_max`. */
void sure__buffer_clear(struct sure__buffer *buffer, size_t keep_max);

#endif
