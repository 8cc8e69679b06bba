/* Frames onto the wire (docs/protocol.md, sections 2 to 9). */
#include <string.h>

#include "rpc/core/assert.h"
#include "rpc/core/frame_types.h"
#include "rpc/core/wire.h"

static void put_header(uint8_t *p, const struct sure__frame *frame, size_t len, unsigned flags) {
  sure__put_u32(p, (uint32_t)len);
  p[4] = frame->type;
  p[5] = 0;
  sure__put_u16(p + 6, (uint16_t)flags);
  sure__put_u64(p + 8, frame->sequence);
  sure__put_u64(p + 16, frame->clock);
  sure__put_u32(p + 24, frame->attempt);
}

static void put_request(uint8_t *p, const struct sure__frame *frame) {
  const struct sure__request *request = &frame->request;
  sure__put_u64(p, request->method);
  sure__put_u64(p + 8, request->watermark);
  sure__put_u32(p + 16, request->timeout_ms);
  sure__put_u32(p + 20, (uint32_t)frame->payload.len + request->resumed.held);
  sure__put_u16(p + 24, (uint16_t)request->key.len);
  p[26] = request->encoding;
  sure__put_u32(p + 28, request->resumes);
}

static void put_response(uint8_t *p, const struct sure__frame *frame) {
  const struct sure__result *result = &frame->response;
  p[0] = (uint8_t)result->code;
  p[1] = (uint8_t)result->reason;
  p[2] = result->encoding;
  sure__put_u16(p + 4, (uint16_t)result->text.len);
  sure__put_u32(p + 8, result->retry_after_ms);
  sure__put_u32(p + 12, (uint32_t)frame->payload.len);
}

static void put_settled(uint8_t *p, const struct sure__frame *frame) {
  const struct sure__result *result = &frame->settled.result;
  p[0] = frame->settled.verdict;
  p[1] = (uint8_t)result->code;
  p[2] = (uint8_t)result->reason;
  p[3] = result->encoding;
  sure__put_u16(p + 4, (uint16_t)result->text.len);
  sure__put_u32(p + 8, result->retry_after_ms);
  sure__put_u32(p + 12, (uint32_t)frame->payload.len + result->held);
}

static void put_settle(uint8_t *p, const struct sure__settle_body *settle) {
  memcpy(p, settle->session.bytes, 16);
  sure__put_u64(p + 16, settle->target);
  sure__put_u64(p + 24, settle->method);
  sure__put_u64(p + 32, settle->fingerprint.low);
  sure__put_u64(p + 40, settle->fingerprint.high);
  sure__put_u16(p + 48, (uint16_t)settle->key.len);
  sure__put_u32(p + 52, settle->reply_held);
  sure__put_u64(p + 56, settle->reply_hash);
}

static void put_hello(uint8_t *p, const struct sure__hello *hello) {
  memcpy(p, "SURE", 4);
  sure__put_u16(p + 4, hello->version_min);
  sure__put_u16(p + 6, hello->version_max);
  sure__put_u64(p + 8, hello->features);
  sure__put_u32(p + 16, hello->message_len_max);
}

static void put_welcome(uint8_t *p, const struct sure__welcome *welcome) {
  sure__put_u16(p, welcome->version);
  sure__put_u32(p + 4, welcome->message_len_max);
  sure__put_u64(p + 8, welcome->features);
  sure__put_u32(p + 16, welcome->lease_ms);
  memcpy(p + 24, welcome->challenge.bytes, 16);
  memcpy(p + 40, welcome->store_id.bytes, 16);
}

static void put_attach(uint8_t *p, const struct sure__attach *attach) {
  p[0] = attach->mode;
  memcpy(p + 4, attach->challenge.bytes, 16);
  memcpy(p + 20, attach->session.bytes, 16);
}

static void put_attached(uint8_t *p, const struct sure__attached *attached) {
  memcpy(p, attached->session.bytes, 16);
  p[16] = attached->state;
  p[17] = attached->code;
  sure__put_u32(p + 20, attached->retry_after_ms);
}

static void put_goaway(uint8_t *p, const struct sure__goaway *goaway) {
  p[0] = goaway->reason;
  sure__put_u16(p + 2, (uint16_t)goaway->text.len);
}

static void put_data(uint8_t *p, const struct sure__part *part) {
  sure__put_u64(p, part->index);
  sure__put_u32(p + 8, part->offset);
  sure__put_u32(p + 12, part->total);
}

static void put_window(uint8_t *p, const struct sure__window *window) {
  sure__put_u64(p, window->index);
  sure__put_u32(p + 8, window->offset);
  sure__put_u32(p + 12, window->credit);
  sure__put_u64(p + 16, window->acked);
}

static void put_fixed(uint8_t *p, const struct sure__frame *frame) {
  switch ((enum sure__frame_type)frame->type) {
  case SURE__HELLO:
    put_hello(p, &frame->hello);
    break;
  case SURE__WELCOME:
    put_welcome(p, &frame->welcome);
    break;
  case SURE__ATTACH:
    put_attach(p, &frame->attach);
    break;
  case SURE__ATTACHED:
    put_attached(p, &frame->attached);
    break;
  case SURE__REQUEST:
    put_request(p, frame);
    break;
  case SURE__RESPONSE:
    put_response(p, frame);
    break;
  case SURE__SETTLE:
    put_settle(p, &frame->settle);
    break;
  case SURE__SETTLED:
    put_settled(p, frame);
    break;
  case SURE__GOAWAY:
    put_goaway(p, &frame->goaway);
    break;
  case SURE__ACK:
    sure__assert(false && "ACK has an encoder of its own");
    break;
  case SURE__ACCEPTED:
  case SURE__CANCEL:
  case SURE__CLOSE_SESSION:
  case SURE__PING:
  case SURE__PONG:
    break;
  case SURE__DATA:
    put_data(p, &frame->data);
    break;
  case SURE__WINDOW:
    put_window(p, &frame->window);
    break;
  }
}

/* The bytes between fixed part and payload: a key or a status text. */
static struct sure_bytes prefix_of(const struct sure__frame *frame) {
  switch (frame->type) {
  case SURE__REQUEST:
    return frame->request.key;
  case SURE__RESPONSE:
    return frame->response.text;
  case SURE__SETTLE:
    return frame->settle.key;
  case SURE__SETTLED:
    return frame->settled.result.text;
  case SURE__GOAWAY:
    return frame->goaway.text;
  default: /* the others have none */
    return (struct sure_bytes){0};
  }
}

static uint8_t *put_bytes(uint8_t *p, struct sure_bytes bytes) {
  if (bytes.len > 0) {
    memcpy(p, bytes.data, bytes.len);
  }
  return p + bytes.len;
}

/* What stands ahead of the key; nothing, mostly. */
static size_t resumption_len(const struct sure__frame *frame) {
  bool is_there = frame->type == SURE__REQUEST && (frame->flags & SURE__RESUMED) != 0;
  return is_there ? SURE__RESUMPTION_LEN : 0;
}

static uint8_t *put_resumption(uint8_t *p, const struct sure__resumption *resumed) {
  sure__put_u32(p, resumed->held);
  sure__put_u64(p + 4, resumed->fingerprint.low);
  sure__put_u64(p + 12, resumed->fingerprint.high);
  return p + SURE__RESUMPTION_LEN;
}

/* The frames after the first, of a message that did not fit into one. */
static void put_continuation(uint8_t *p, const struct sure__frame *frame, size_t offset) {
  while (offset < frame->payload.len) {
    size_t rest = frame->payload.len - offset;
    size_t part = SURE__FRAME_LEN_MAX - SURE__FRAME_HEADER_LEN;
    unsigned flags = (frame->flags & ~(unsigned)SURE__RESUMED) | SURE__CONT | SURE__MORE;
    if (rest <= part) {
      part = rest;
      flags &= ~(unsigned)SURE__MORE;
    }
    put_header(p, frame, SURE__FRAME_HEADER_LEN + part, flags);
    sure__put_u32(p + 28, 0);
    p = put_bytes(p + SURE__FRAME_HEADER_LEN,
                  (struct sure_bytes){frame->payload.data + offset, part});
    offset += part;
  }
}

static size_t continuation_len(size_t payload_len) {
  size_t part = SURE__FRAME_LEN_MAX - SURE__FRAME_HEADER_LEN;
  size_t frame_count = (payload_len + part - 1) / part;
  return payload_len + frame_count * SURE__FRAME_HEADER_LEN;
}

bool sure__frame_encode(struct sure__buffer *out, const struct sure__frame *frame) {
  const struct sure__frame_layout *layout = sure__frame_layout(frame->type);
  sure__assert(layout != NULL && "we send only what version 1 knows");
  struct sure_bytes prefix = prefix_of(frame);
  size_t ahead = SURE__FRAME_HEADER_LEN + layout->fixed_len + frame->metadata.len +
                 resumption_len(frame) + prefix.len;
  sure__assert(ahead <= SURE__FRAME_LEN_MAX && "keys, texts and metadata are bounded");
  size_t first_part = frame->payload.len;
  if (first_part > SURE__FRAME_LEN_MAX - ahead) {
    first_part = SURE__FRAME_LEN_MAX - ahead;
  }
  size_t rest = frame->payload.len - first_part;
  uint8_t *p = sure__buffer_extend(out, ahead + first_part + continuation_len(rest));
  if (p == NULL) {
    return false;
  }
  memset(p, 0, SURE__FRAME_HEADER_LEN + layout->fixed_len);
  unsigned flags = rest > 0 ? frame->flags | SURE__MORE : frame->flags;
  put_header(p, frame, ahead + first_part, flags);
  sure__put_u32(p + 28, (uint32_t)frame->metadata.len);
  put_fixed(p + SURE__FRAME_HEADER_LEN, frame);
  p = put_bytes(p + SURE__FRAME_HEADER_LEN + layout->fixed_len, frame->metadata);
  if (resumption_len(frame) > 0) {
    p = put_resumption(p, &frame->request.resumed);
  }
  p = put_bytes(p, prefix);
  p = put_bytes(p, (struct sure_bytes){frame->payload.data, first_part});
  put_continuation(p, frame, first_part);
  return true;
}

void sure__held_put(uint8_t *p, struct sure__held held) {
  sure__put_u64(p, held.sequence);
  sure__put_u32(p + 8, held.len);
}

bool sure__ack_encode(struct sure__buffer *out, uint64_t watermark, const struct sure_range *ranges,
                      size_t count) {
  sure__assert(count <= SURE__ACK_RANGES_MAX && "there are at most open calls + 1 ranges (S9)");
  size_t len = SURE__FRAME_HEADER_LEN + 16 + count * 16;
  uint8_t *p = sure__buffer_extend(out, len);
  if (p == NULL) {
    return false;
  }
  memset(p, 0, SURE__FRAME_HEADER_LEN + 16);
  put_header(p, &(struct sure__frame){.type = SURE__ACK}, len, 0);
  p += SURE__FRAME_HEADER_LEN;
  sure__put_u64(p, watermark);
  sure__put_u32(p + 8, (uint32_t)count);
  for (size_t i = 0; i < count; i++) {
    sure__put_u64(p + 16 + i * 16, ranges[i].first);
    sure__put_u64(p + 24 + i * 16, ranges[i].last);
  }
  return true;
}
