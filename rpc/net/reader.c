#include "rpc/net/reader.h"

#include "rpc/core/assert.h"
#include "rpc/core/frame.h"
#include "rpc/core/wire.h"

enum { SMALL_READS_UNTIL_SHRINK = 64, SMALL_PART = 8 };

void sure__reader_init(struct sure__reader *reader) {
  *reader = (struct sure__reader){.read_len = SURE__READ_LEN_MIN};
}

void sure__reader_fini(struct sure__reader *reader) {
  sure__buffer_fini(&reader->buffers[0]);
  sure__buffer_fini(&reader->buffers[1]);
}

bool sure__reader_offer(struct sure__reader *reader, uint8_t **out_room, size_t *out_len) {
  struct sure__buffer *buffer = &reader->buffers[reader->filling];
  if (!sure__buffer_reserve(buffer, reader->read_len)) {
    return false;
  }
  reader->offered_len = buffer->capacity - buffer->len;
  *out_room = buffer->data + buffer->len;
  *out_len = reader->offered_len;
  return true;
}

static void adapt(struct sure__reader *reader, size_t len) {
  if (len == reader->offered_len && reader->read_len < SURE__READ_LEN_MAX) {
    reader->read_len *= 2;
  }
  reader->small_count = len < reader->read_len / SMALL_PART ? reader->small_count + 1 : 0;
  if (reader->small_count >= SMALL_READS_UNTIL_SHRINK && reader->read_len > SURE__READ_LEN_MIN) {
    reader->read_len /= 2;
    reader->small_count = 0;
  }
}

/* Where the last whole frame ends. */
static const char *find_end(const struct sure__buffer *buffer, size_t *out_end) {
  size_t end = 0;
  while (buffer->len - end >= 4) {
    uint32_t len = sure__get_u32(buffer->data + end);
    if (len < SURE__FRAME_HEADER_LEN || len > SURE__FRAME_LEN_MAX) {
      return "frame length out of range";
    }
    if (len > buffer->len - end) {
      break;
    }
    end += len;
  }
  *out_end = end;
  return NULL;
}

const char *sure__reader_take(struct sure__reader *reader, size_t len,
                              struct sure_bytes *out_frames) {
  sure__assert(len <= reader->offered_len && "a read fills no more than its room");
  struct sure__buffer *buffer = &reader->buffers[reader->filling];
  buffer->len += len;
  adapt(reader, len);
  size_t end;
  const char *problem = find_end(buffer, &end);
  if (problem != NULL) {
    return problem;
  }
  *out_frames = (struct sure_bytes){buffer->data, end};
  if (end == 0) {
    return NULL; /* nothing to hand out: the frame goes on in the same buffer */
  }
  struct sure__buffer *other = &reader->buffers[1 - reader->filling];
  sure__buffer_clear(other, reader->read_len * 4);
  if (!sure__buffer_append(other, buffer->data + end, buffer->len - end)) {
    return "memory is short";
  }
  buffer->len = 0; /* its bytes stay where they are until it is offered again */
  reader->filling = 1 - reader->filling;
  return NULL;
}
