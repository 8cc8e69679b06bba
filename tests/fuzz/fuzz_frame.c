/* Fuzzes the frame decoder: whatever it takes, encoding that and decoding it again changes nothing
 * any more. */
#include <stdlib.h>
#include <string.h>

#include "rpc/core/assert.h"
#include "rpc/core/frame.h"
#include "rpc/core/frame_types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool encode(struct sure__buffer *out, const struct sure__frame *frame) {
  if (frame->type != SURE__ACK) {
    return sure__frame_encode(out, frame);
  }
  static struct sure_range ranges[SURE__ACK_RANGES_MAX];
  for (uint32_t i = 0; i < frame->ack.range_count; i++) {
    ranges[i] = sure__ack_range(&frame->ack, i);
  }
  return sure__ack_encode(out, frame->ack.watermark, ranges, frame->ack.range_count);
}

static struct sure__buffer again(struct sure_bytes bytes) {
  struct sure__frame frame;
  struct sure__buffer out = {0};
  size_t len = 0;
  const char *problem = NULL;
  enum sure__decoded decoded = sure__frame_decode(bytes, &frame, &len, &problem);
  sure__assert(decoded == SURE__DECODED_FRAME && "what we encode can be decoded");
  sure__assert(len <= bytes.len && "a frame ends within its bytes");
  bool is_encoded = encode(&out, &frame);
  sure__assert(is_encoded && "there is memory");
  return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct sure_bytes bytes = {data, size};
  struct sure__frame frame;
  size_t len = 0;
  const char *problem = NULL;
  if (sure__frame_decode(bytes, &frame, &len, &problem) != SURE__DECODED_FRAME) {
    return 0;
  }
  /* Parts are made by the encoder alone, and unknown types are not encoded. */
  bool is_part = (frame.flags & (SURE__MORE | SURE__CONT)) != 0;
  if (is_part || sure__frame_layout(frame.type) == NULL) {
    return 0;
  }
  struct sure__buffer once = again(bytes);
  struct sure__buffer twice = again((struct sure_bytes){once.data, once.len});
  sure__assert(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0 &&
               "the second time nothing changes");
  sure__buffer_fini(&once);
  sure__buffer_fini(&twice);
  return 0;
}
