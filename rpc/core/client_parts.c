/* Answers that come in several frames (protocol 2.5). */
#include "rpc/core/client_state.h"

enum { PARTS_KEPT_MAX = 64 * 1024 };

void sure__client_forget_parts(struct sure__client_call *call) {
  call->receiving = false;
  sure__buffer_clear(&call->parts, PARTS_KEPT_MAX);
}

static struct sure__result *result_of(struct sure__frame *frame) {
  return frame->type == SURE__SETTLED ? &frame->settled.result : &frame->response;
}

/* Text and payload are kept one after the other. */
static bool begin(struct sure__client_call *call, const struct sure__frame *frame) {
  call->first_part = *frame;
  struct sure_bytes text = result_of(&call->first_part)->text;
  call->text_len = text.len;
  call->receiving = true;
  return sure__buffer_append(&call->parts, text.data, text.len) &&
         sure__buffer_append(&call->parts, frame->payload.data, frame->payload.len);
}

static void finish(struct sure__client_call *call, struct sure__frame *frame) {
  *frame = call->first_part;
  result_of(frame)->text = (struct sure_bytes){call->parts.data, call->text_len};
  frame->payload =
      (struct sure_bytes){call->parts.data + call->text_len, call->parts.len - call->text_len};
  call->receiving = false;
}

bool sure__client_assemble(const struct sure__client *client, struct sure__client_call *call,
                           struct sure__frame *frame, const char **out_problem) {
  bool continues = (frame->flags & SURE__CONT) != 0;
  bool more = (frame->flags & SURE__MORE) != 0;
  if (continues != call->receiving) {
    *out_problem = "parts of an answer in the wrong order";
    return false;
  }
  if (!continues && result_of(frame)->message_len > client->config.message_len_max) {
    *out_problem = "an answer over the message limit that we announced";
    return false;
  }
  if (!continues && !more) {
    return true;
  }
  if (!continues) {
    *out_problem = begin(call, frame) ? NULL : "memory is short";
    return false;
  }
  size_t room = result_of(&call->first_part)->message_len - (call->parts.len - call->text_len);
  if (more ? frame->payload.len >= room : frame->payload.len != room) {
    *out_problem = "parts of an answer that do not add up";
    return false;
  }
  if (!sure__buffer_append(&call->parts, frame->payload.data, frame->payload.len)) {
    *out_problem = "memory is short";
    return false;
  }
  if (!more) {
    finish(call, frame);
  }
  return !more;
}
