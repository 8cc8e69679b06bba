/* The layout of each frame type, shared by decoding and encoding. */
#ifndef SURE_CORE_FRAME_TYPES_H
#define SURE_CORE_FRAME_TYPES_H

#include "rpc/core/frame.h"

struct sure__frame_layout {
  const char *name;
  size_t fixed_len;
  uint16_t flags; /* of the low byte, that this type may have */
};

/* What stands ahead of the key of a REQUEST with RESUMED. */
#define SURE__RESUMPTION_LEN 20u

/* NULL for a type that version 1 does not know. */
const struct sure__frame_layout *sure__frame_layout(uint8_t type);

/* Reads the fixed part at `fixed` into the union and cuts key or text off the payload. Returns what
 * is wrong, NULL if nothing is. */
const char *sure__frame_decode_fixed(const uint8_t *fixed, struct sure__frame *frame);

#endif
