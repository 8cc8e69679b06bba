/* Answers that come in several frames, maybe of several attempts (protocol 2.5, 2.7). */
#include <string.h>

#include "rpc/core/client_state.h"
#include "rpc/core/mutant.h"

void sure__client_forget_parts(struct sure__assembly *assembly) {
  assembly->is_receiving = false;
  sure__buffer_clear(&assembly->parts, SURE__ANSWER_KEPT_MAX);
}

static struct sure__result *result_of(struct sure__frame *frame) {
  return frame->type == SURE__SETTLED ? &frame->settled.result : &frame->response;
}

static bool append(struct sure__buffer *buffer, struct sure_bytes bytes) {
  return sure__buffer_append(buffer, bytes.data, bytes.len);
}

/* Text, metadata and payload are kept one after the other. */
static bool begin(struct sure__assembly *assembly, struct sure_bytes reply_held,
                  const struct sure__frame *frame) {
  assembly->first_part = *frame;
  struct sure_bytes text = result_of(&assembly->first_part)->text;
  assembly->text_len = text.len;
  assembly->metadata_len = frame->metadata.len;
  assembly->is_receiving =
      append(&assembly->parts, text) && append(&assembly->parts, frame->metadata) &&
      append(&assembly->parts, reply_held) && append(&assembly->parts, frame->payload);
  return assembly->is_receiving;
}

static struct sure_bytes cut(const struct sure__buffer *buffer, size_t begin_at, size_t end_at) {
  return (struct sure_bytes){buffer->data + begin_at, end_at - begin_at};
}

/* The bytes become the call's, as the attempt may be used again before they are looked at. */
static void finish(struct sure__client_call *call, struct sure__assembly *assembly,
                   struct sure__frame *frame) {
  sure__buffer_swap(&call->answer, &assembly->parts);
  size_t payload_at = assembly->text_len + assembly->metadata_len;
  *frame = assembly->first_part;
  result_of(frame)->text = cut(&call->answer, 0, assembly->text_len);
  frame->metadata = cut(&call->answer, assembly->text_len, payload_at);
  frame->payload = cut(&call->answer, payload_at, call->answer.len);
  assembly->is_receiving = false;
}

static size_t received_len(const struct sure__assembly *assembly) {
  return assembly->parts.len - assembly->text_len - assembly->metadata_len;
}

/* Only of these there can be a record that a SETTLE would name, whatever a server says. */
static bool may_have_record(const struct sure__client_call *call) {
  bool is_recorded_call = call->method->semantics == SURE_EXACTLY_ONCE && call->session != NULL;
  return call->stream == NULL && (call->is_settle || is_recorded_call);
}

void sure__client_keep_parts(struct sure__client_call *call, struct sure__assembly *assembly) {
  bool is_recorded = (assembly->first_part.flags & SURE__RECORDED) != 0 && may_have_record(call);
  bool is_of_use = assembly->is_receiving &&
                   (is_recorded || (SURE__MUTANT(UNRECORDED_REPLY_KEPT) && call->session != NULL));
  if (is_of_use && received_len(assembly) > call->reply_held.len) {
    size_t len = received_len(assembly);
    memmove(assembly->parts.data, assembly->parts.data + assembly->parts.len - len, len);
    assembly->parts.len = len;
    sure__buffer_swap(&call->reply_held, &assembly->parts);
  }
  sure__client_forget_parts(assembly);
}

bool sure__client_assemble(const struct sure__client *client, struct sure__client_call *call,
                           struct sure__assembly *assembly, struct sure__frame *frame,
                           const char **out_problem) {
  bool continues = (frame->flags & SURE__CONT) != 0;
  if (continues != assembly->is_receiving) {
    *out_problem = "parts of an answer in the wrong order";
    return false;
  }
  if (!continues && result_of(frame)->message_len > client->config.message_len_max) {
    *out_problem = "an answer over the message limit that we announced";
    return false;
  }
  if ((frame->flags & (SURE__CONT | SURE__MORE | SURE__RESUMED)) == 0) {
    return true; /* as most are */
  }
  bool more = (frame->flags & SURE__MORE) != 0;
  bool is_resumed = !continues && (frame->flags & SURE__RESUMED) != 0;
  struct sure_bytes held = {call->reply_held.data, is_resumed ? call->reply_held.len : 0};
  size_t before = continues ? received_len(assembly) : held.len;
  size_t message_len = result_of(continues ? &assembly->first_part : frame)->message_len;
  size_t len = before + frame->payload.len;
  if (more ? len >= message_len : len != message_len) {
    sure__buffer_clear(&call->reply_held, 0); /* or the same would be asked for again */
    *out_problem = "parts of an answer that do not add up";
    return false;
  }
  if (!(continues ? append(&assembly->parts, frame->payload) : begin(assembly, held, frame))) {
    *out_problem = "memory is short";
    return false;
  }
  if (!more) {
    finish(call, assembly, frame);
  }
  return !more;
}
