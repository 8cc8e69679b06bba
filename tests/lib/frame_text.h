/* Frames as text, in the terms of docs/protocol.md, for traces that people read. */
#ifndef TESTS_LIB_FRAME_TEXT_H
#define TESTS_LIB_FRAME_TEXT_H

#include "rpc/core/frame.h"

enum { FRAME_TEXT_LEN_MAX = 200 };

struct frame_text {
  char text[FRAME_TEXT_LEN_MAX + 1];
};

/* Its type, and the call that it is about: "REQUEST 7 attempt 2". */
struct frame_text frame_name(const struct sure__frame *frame);
/* And what it says of that call: "REQUEST 7 attempt 2 watermark 5". Of ids only the first bytes.
 * What is too long for it is cut off. */
struct frame_text frame_text(const struct sure__frame *frame);

#endif
