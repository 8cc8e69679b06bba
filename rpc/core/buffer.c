#include "rpc/core/buffer.h"

#include <string.h>

#include "rpc/core/assert.h"
#include "rpc/core/memory.h"

enum { CAPACITY_MIN = 512 };

void sure__buffer_fini(struct sure__buffer *buffer) {
  sure__free(buffer->data);
  *buffer = (struct sure__buffer){0};
}

bool sure__buffer_reserve(struct sure__buffer *buffer, size_t extra) {
  if (extra <= buffer->capacity - buffer->len) {
    return true;
  }
  if (extra > SIZE_MAX / 2 - buffer->len) {
    return false;
  }
  size_t capacity = buffer->capacity < CAPACITY_MIN ? CAPACITY_MIN : buffer->capacity;
  while (capacity - buffer->len < extra) {
    capacity *= 2;
  }
  uint8_t *data = sure__realloc(buffer->data, capacity);
  if (data == NULL) {
    return false;
  }
  buffer->data = data;
  buffer->capacity = capacity;
  return true;
}

uint8_t *sure__buffer_extend(struct sure__buffer *buffer, size_t extra) {
  if (!sure__buffer_reserve(buffer, extra)) {
    return NULL;
  }
  uint8_t *start = buffer->data + buffer->len;
  buffer->len += extra;
  sure__assert(buffer->len <= buffer->capacity && "reserve made the room");
  return start;
}

bool sure__buffer_append(struct sure__buffer *buffer, const void *data, size_t len) {
  if (len == 0) {
    return true;
  }
  uint8_t *start = sure__buffer_extend(buffer, len);
  if (start == NULL) {
    return false;
  }
  memcpy(start, data, len);
  return true;
}

void sure__buffer_swap(struct sure__buffer *a, struct sure__buffer *b) {
  struct sure__buffer c = *a;
  *a = *b;
  *b = c;
}

void sure__buffer_clear(struct sure__buffer *buffer, size_t keep_max) {
  buffer->len = 0;
  if (buffer->capacity > keep_max) {
    sure__buffer_fini(buffer);
  }
}
