/* What the frame types have in common: lengths, flags, names (docs/protocol.md, section 2). */
#include "rpc/core/frame.h"

#include "rpc/core/frame_types.h"
#include "rpc/core/wire.h"

static const struct sure__frame_layout layouts[] = {
    [SURE__HELLO] = {"HELLO", 24, 0},
    [SURE__WELCOME] = {"WELCOME", 56, 0},
    [SURE__ATTACH] = {"ATTACH", 36, 0},
    [SURE__ATTACHED] = {"ATTACHED", 28, 0},
    [SURE__REQUEST] = {"REQUEST", 32, SURE__MORE | SURE__CONT | SURE__RESUMED},
    [SURE__ACCEPTED] = {"ACCEPTED", 0, 0},
    [SURE__RESPONSE] = {"RESPONSE", 16, SURE__MORE | SURE__CONT},
    [SURE__ACK] = {"ACK", 16, 0},
    [SURE__DATA] = {"DATA", 16, SURE__END},
    [SURE__WINDOW] = {"WINDOW", 24, 0},
    [SURE__CANCEL] = {"CANCEL", 0, 0},
    [SURE__SETTLE] = {"SETTLE", 64, 0},
    [SURE__SETTLED] = {"SETTLED", 20, SURE__MORE | SURE__CONT | SURE__RESUMED},
    [SURE__CLOSE_SESSION] = {"CLOSE_SESSION", 0, 0},
    [SURE__PING] = {"PING", 0, 0},
    [SURE__PONG] = {"PONG", 0, 0},
    [SURE__GOAWAY] = {"GOAWAY", 4, 0},
};

enum { FLAGS_CRITICAL = 0x00FF, TYPE_MAY_BE_IGNORED = 0x80 };

const struct sure__frame_layout *sure__frame_layout(uint8_t type) {
  if (type >= sizeof layouts / sizeof layouts[0] || layouts[type].name == NULL) {
    return NULL;
  }
  return &layouts[type];
}

const char *sure__frame_type_name(uint8_t type) {
  const struct sure__frame_layout *layout = sure__frame_layout(type);
  return layout == NULL ? "?" : layout->name;
}

/* The parts of a frame whose length is known to be in range and to have arrived. */
static const char *decode_parts(const uint8_t *data, size_t len, struct sure__frame *frame) {
  *frame = (struct sure__frame){
      .type = data[4],
      .flags = sure__get_u16(data + 6),
      .sequence = sure__get_u64(data + 8),
      .clock = sure__get_u64(data + 16),
      .attempt = sure__get_u32(data + 24),
  };
  const struct sure__frame_layout *layout = sure__frame_layout(frame->type);
  if (layout == NULL) {
    return (frame->type & TYPE_MAY_BE_IGNORED) != 0 ? NULL : "unknown frame type";
  }
  if ((frame->flags & FLAGS_CRITICAL & ~layout->flags) != 0) {
    return "unknown flag that must be understood";
  }
  bool is_first = (frame->flags & SURE__CONT) == 0;
  size_t fixed_len = is_first ? layout->fixed_len : 0;
  size_t metadata_len = sure__get_u32(data + 28);
  size_t body_len = len - SURE__FRAME_HEADER_LEN;
  if (fixed_len > body_len || metadata_len > body_len - fixed_len) {
    return "frame shorter than its parts";
  }
  if (metadata_len > SURE__METADATA_LEN_MAX) {
    return "metadata over its limit";
  }
  if (!is_first && metadata_len != 0) {
    return "metadata in a continued message";
  }
  const uint8_t *fixed = data + SURE__FRAME_HEADER_LEN;
  frame->metadata = (struct sure_bytes){fixed + fixed_len, metadata_len};
  frame->payload =
      (struct sure_bytes){fixed + fixed_len + metadata_len, body_len - fixed_len - metadata_len};
  return is_first ? sure__frame_decode_fixed(fixed, frame) : NULL;
}

enum sure__decoded sure__frame_decode(struct sure_bytes bytes, struct sure__frame *out_frame,
                                      size_t *out_len, const char **out_problem) {
  if (bytes.len < 4) {
    return SURE__DECODED_NEED_MORE;
  }
  uint32_t len = sure__get_u32(bytes.data);
  if (len < SURE__FRAME_HEADER_LEN || len > SURE__FRAME_LEN_MAX) {
    *out_problem = "frame length out of range";
    return SURE__DECODED_INVALID;
  }
  if (bytes.len < len) {
    return SURE__DECODED_NEED_MORE;
  }
  const char *problem = decode_parts(bytes.data, len, out_frame);
  if (problem != NULL) {
    *out_problem = problem;
    return SURE__DECODED_INVALID;
  }
  *out_len = len;
  return SURE__DECODED_FRAME;
}
