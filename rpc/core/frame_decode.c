/* The fixed part of each frame type, off the wire (docs/protocol.md, sections 3 to 9). */
#include <string.h>

#include "rpc/core/frame_types.h"
#include "rpc/core/ranges.h"
#include "rpc/core/wire.h"

enum { RANGE_LEN = 16 };

/* Takes `len` bytes off the beginning of the payload. */
static bool take(struct sure_bytes *payload, size_t len, struct sure_bytes *out) {
  if (len > payload->len) {
    return false;
  }
  *out = (struct sure_bytes){payload->data, len};
  payload->data += len;
  payload->len -= len;
  return true;
}

static const char *decode_hello(const uint8_t *p, struct sure__hello *hello) {
  if (memcmp(p, "SURE", 4) != 0) {
    return "HELLO without its magic";
  }
  hello->version_min = sure__get_u16(p + 4);
  hello->version_max = sure__get_u16(p + 6);
  hello->features = sure__get_u64(p + 8);
  hello->message_len_max = sure__get_u32(p + 16);
  return hello->version_min > hello->version_max ? "empty range of versions" : NULL;
}

static const char *decode_welcome(const uint8_t *p, struct sure__welcome *welcome) {
  welcome->version = sure__get_u16(p);
  welcome->message_len_max = sure__get_u32(p + 4);
  welcome->features = sure__get_u64(p + 8);
  welcome->lease_ms = sure__get_u32(p + 16);
  memcpy(welcome->challenge.bytes, p + 24, 16);
  memcpy(welcome->store_id.bytes, p + 40, 16);
  return NULL;
}

static const char *decode_attach(const uint8_t *p, struct sure__attach *attach) {
  attach->mode = p[0];
  memcpy(attach->challenge.bytes, p + 4, 16);
  memcpy(attach->session.bytes, p + 20, 16);
  bool known = attach->mode >= SURE__ATTACH_NEW && attach->mode <= SURE__ATTACH_NONE;
  return known ? NULL : "unknown mode of ATTACH";
}

static const char *decode_held(const struct sure__frame *frame) {
  size_t len = frame->payload.len;
  if (len % SURE__HELD_LEN != 0 || len / SURE__HELD_LEN > SURE__HELD_MAX) {
    return "ATTACHED with a wrong number of unfinished requests";
  }
  bool has_session = frame->attached.state == SURE__ATTACHED_OPEN;
  return len > 0 && !has_session ? "ATTACHED with unfinished requests of no session" : NULL;
}

static const char *decode_attached(const uint8_t *p, struct sure__frame *frame) {
  struct sure__attached *attached = &frame->attached;
  memcpy(attached->session.bytes, p, 16);
  attached->state = p[16];
  attached->code = p[17];
  attached->retry_after_ms = sure__get_u32(p + 20);
  if (attached->state < SURE__ATTACHED_OPEN || attached->state > SURE__ATTACHED_REFUSED) {
    return "unknown state of ATTACHED";
  }
  bool is_refusal = attached->state == SURE__ATTACHED_REFUSED;
  bool has_code = attached->code != SURE_OK && attached->code <= SURE_CODE_MAX;
  return is_refusal && !has_code ? "ATTACHED refuses without a code" : decode_held(frame);
}

/* False: it is not there. */
static bool take_resumption(struct sure__frame *frame) {
  struct sure_bytes bytes;
  if (!take(&frame->payload, SURE__RESUMPTION_LEN, &bytes)) {
    return false;
  }
  frame->request.resumed =
      (struct sure__resumption){.held = sure__get_u32(bytes.data),
                                .fingerprint = {.low = sure__get_u64(bytes.data + 4),
                                                .high = sure__get_u64(bytes.data + 12)}};
  return true;
}

static const char *decode_request(const uint8_t *p, struct sure__frame *frame) {
  struct sure__request *request = &frame->request;
  request->method = sure__get_u64(p);
  request->watermark = sure__get_u64(p + 8);
  request->timeout_ms = sure__get_u32(p + 16);
  request->message_len = sure__get_u32(p + 20);
  uint16_t key_len = sure__get_u16(p + 24);
  request->encoding = p[26];
  request->resumes = sure__get_u32(p + 28);
  if (frame->sequence == 0 || frame->attempt == 0) {
    return "REQUEST without sequence or attempt";
  }
  if (frame->sequence > SURE__SEQUENCE_MAX) {
    return "sequence out of range";
  }
  if (request->watermark == 0 || request->watermark > frame->sequence) {
    return "watermark above its own sequence"; /* S3 */
  }
  if (request->resumes >= frame->attempt) {
    return "REQUEST that goes on from a later attempt";
  }
  if ((frame->flags & SURE__RESUMED) != 0 && !take_resumption(frame)) {
    return "REQUEST that goes on without saying where";
  }
  if (key_len > SURE_KEY_LEN_MAX || !take(&frame->payload, key_len, &request->key)) {
    return "REQUEST with a wrong key length";
  }
  bool more = (frame->flags & SURE__MORE) != 0;
  size_t len = frame->payload.len + request->resumed.held;
  bool fits = more ? len < request->message_len : len == request->message_len;
  return fits ? NULL : "REQUEST with a wrong message length";
}

/* RESPONSE and SETTLED share what they say of a result; `text_len` stands at different places. */
static const char *decode_result(uint16_t text_len, struct sure__frame *frame,
                                 struct sure__result *result) {
  if ((unsigned)result->code > SURE_CODE_MAX) {
    return "unknown status code";
  }
  if (text_len > SURE_STATUS_MESSAGE_LEN_MAX || !take(&frame->payload, text_len, &result->text)) {
    return "result with a wrong text length";
  }
  bool more = (frame->flags & SURE__MORE) != 0;
  bool is_resumed =
      (frame->flags & SURE__RESUMED) != 0; /* who knows what is left out looks again */
  size_t len = frame->payload.len;
  bool fits = more || is_resumed ? len < result->message_len : len == result->message_len;
  if (fits && is_resumed && !more) {
    result->held = result->message_len - (uint32_t)len;
  }
  return fits ? NULL : "result with a wrong message length";
}

static const char *decode_response(const uint8_t *p, struct sure__frame *frame) {
  struct sure__result *result = &frame->response;
  result->code = (enum sure_code)p[0];
  result->reason = (enum sure_reason)p[1];
  result->encoding = p[2];
  result->retry_after_ms = sure__get_u32(p + 8);
  result->message_len = sure__get_u32(p + 12);
  if (frame->sequence == 0 || frame->attempt == 0) {
    return "RESPONSE without sequence or attempt";
  }
  return decode_result(sure__get_u16(p + 4), frame, result);
}

static const char *decode_settled(const uint8_t *p, struct sure__frame *frame) {
  struct sure__result *result = &frame->settled.result;
  frame->settled.verdict = p[0];
  result->code = (enum sure_code)p[1];
  result->reason = (enum sure_reason)p[2];
  result->encoding = p[3];
  result->retry_after_ms = sure__get_u32(p + 8);
  result->message_len = sure__get_u32(p + 12);
  if (p[0] < SURE__SETTLED_RECORD || p[0] > SURE__SETTLED_KEY_REUSED) {
    return "unknown verdict of SETTLED";
  }
  return decode_result(sure__get_u16(p + 4), frame, result);
}

static const char *decode_ack(const uint8_t *p, struct sure__frame *frame) {
  struct sure__ack *ack = &frame->ack;
  ack->watermark = sure__get_u64(p);
  ack->range_count = sure__get_u32(p + 8);
  ack->ranges = frame->payload.data;
  if (ack->watermark == 0 || ack->watermark > SURE__SEQUENCE_MAX) {
    return "ACK with its watermark out of range";
  }
  if (ack->range_count > SURE__ACK_RANGES_MAX ||
      frame->payload.len != (size_t)ack->range_count * RANGE_LEN) {
    return "ACK with a wrong number of ranges";
  }
  uint64_t floor = ack->watermark; /* the next range begins above it, not touching (6.2) */
  for (uint32_t i = 0; i < ack->range_count; i++) {
    struct sure_range range = sure__ack_range(ack, i);
    if (range.first <= floor || range.last < range.first || range.last > SURE__SEQUENCE_MAX) {
      return "ACK with ranges out of order";
    }
    floor = range.last + 1;
  }
  return NULL;
}

static const char *decode_settle(const uint8_t *p, struct sure__frame *frame) {
  struct sure__settle_body *settle = &frame->settle;
  memcpy(settle->session.bytes, p, 16);
  settle->target = sure__get_u64(p + 16);
  settle->method = sure__get_u64(p + 24);
  settle->fingerprint.low = sure__get_u64(p + 32);
  settle->fingerprint.high = sure__get_u64(p + 40);
  uint16_t key_len = sure__get_u16(p + 48);
  settle->reply_held = sure__get_u32(p + 52);
  settle->reply_hash = sure__get_u64(p + 56);
  if (key_len > SURE_KEY_LEN_MAX || !take(&frame->payload, key_len, &settle->key) ||
      frame->payload.len != 0) {
    return "SETTLE with a wrong key length";
  }
  if (settle->target > SURE__SEQUENCE_MAX) {
    return "sequence out of range";
  }
  return settle->target == 0 && key_len == 0 ? "SETTLE of neither a call nor a key" : NULL;
}

static const char *decode_goaway(const uint8_t *p, struct sure__frame *frame) {
  frame->goaway.reason = p[0];
  if (!take(&frame->payload, sure__get_u16(p + 2), &frame->goaway.text)) {
    return "GOAWAY with a wrong text length";
  }
  return NULL;
}

static const char *decode_data(const uint8_t *p, struct sure__frame *frame) {
  frame->data = (struct sure__part){.index = sure__get_u64(p),
                                    .offset = sure__get_u32(p + 8),
                                    .total = sure__get_u32(p + 12),
                                    .is_end = (frame->flags & SURE__END) != 0,
                                    .bytes = frame->payload};
  if (frame->sequence == 0 || frame->attempt == 0 || frame->data.index == 0) {
    return "DATA without its numbers";
  }
  if (frame->data.is_end) {
    bool is_empty = frame->data.offset == 0 && frame->data.total == 0 && frame->payload.len == 0;
    return is_empty ? NULL : "the end of a stream with a message in it";
  }
  uint32_t total = frame->data.total;
  bool fits = frame->data.offset <= total && frame->payload.len <= total - frame->data.offset;
  return fits ? NULL : "DATA beyond its message";
}

static const char *decode_window(const uint8_t *p, struct sure__frame *frame) {
  frame->window = (struct sure__window){.index = sure__get_u64(p),
                                        .offset = sure__get_u32(p + 8),
                                        .credit = sure__get_u32(p + 12),
                                        .acked = sure__get_u64(p + 16)};
  if (frame->sequence == 0 || frame->attempt == 0 || frame->payload.len != 0) {
    return "WINDOW without its numbers";
  }
  return frame->window.acked < frame->window.index ? NULL : "WINDOW that acknowledges too much";
}

const char *sure__frame_decode_fixed(const uint8_t *fixed, struct sure__frame *frame) {
  switch (frame->type) {
  case SURE__HELLO:
    return decode_hello(fixed, &frame->hello);
  case SURE__WELCOME:
    return decode_welcome(fixed, &frame->welcome);
  case SURE__ATTACH:
    return decode_attach(fixed, &frame->attach);
  case SURE__ATTACHED:
    return decode_attached(fixed, frame);
  case SURE__REQUEST:
    return decode_request(fixed, frame);
  case SURE__RESPONSE:
    return decode_response(fixed, frame);
  case SURE__ACK:
    return decode_ack(fixed, frame);
  case SURE__SETTLE:
    return decode_settle(fixed, frame);
  case SURE__SETTLED:
    return decode_settled(fixed, frame);
  case SURE__GOAWAY:
    return decode_goaway(fixed, frame);
  case SURE__DATA:
    return decode_data(fixed, frame);
  case SURE__WINDOW:
    return decode_window(fixed, frame);
  case SURE__ACCEPTED:
  case SURE__CANCEL:
    return frame->sequence == 0 || frame->attempt == 0 ? "frame about a call without its number"
                                                       : NULL;
  default: /* the others have no fixed part */
    return NULL;
  }
}

struct sure__held sure__held_at(struct sure_bytes payload, size_t i) {
  const uint8_t *p = payload.data + i * SURE__HELD_LEN;
  return (struct sure__held){sure__get_u64(p), sure__get_u32(p + 8)};
}

struct sure_range sure__ack_range(const struct sure__ack *ack, uint32_t i) {
  const uint8_t *p = ack->ranges + (size_t)i * RANGE_LEN;
  return (struct sure_range){sure__get_u64(p), sure__get_u64(p + 8)};
}
