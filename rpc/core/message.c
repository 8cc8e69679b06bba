#include "rpc/core/message.h"

enum wire_type { VARINT = 0, FIXED64 = 1, LENGTH_DELIMITED = 2, FIXED32 = 5 };

enum { VARINT_LEN_MAX = 10, FIELD_NUMBER_MAX = (1 << 29) - 1 };

static bool skip(struct sure_bytes *in, uint64_t len) {
  if (len > in->len) {
    return false;
  }
  in->data += len;
  in->len -= (size_t)len;
  return true;
}

static bool take_varint(struct sure_bytes *in, uint64_t *out) {
  uint64_t value = 0;
  for (unsigned i = 0; i < VARINT_LEN_MAX && i < in->len; i++) {
    value |= (uint64_t)(in->data[i] & 0x7F) << (7 * i);
    if ((in->data[i] & 0x80) == 0) {
      *out = value;
      return skip(in, i + 1);
    }
  }
  return false;
}

/* The length of the UTF-8 sequence at `p`, 0 if it is none. */
static size_t sequence_len(const uint8_t *p, size_t len) {
  uint8_t first = p[0];
  if (first < 0x80) {
    return first == 0 ? 0 : 1;
  }
  size_t need = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
  if (need == 0 || need > len) {
    return 0;
  }
  for (size_t i = 1; i < need; i++) {
    if ((p[i] & 0xC0) != 0x80) {
      return 0;
    }
  }
  bool is_overlong = (first == 0xE0 && p[1] < 0xA0) || (first == 0xF0 && p[1] < 0x90);
  bool is_surrogate = first == 0xED && p[1] >= 0xA0;
  bool is_too_large = first == 0xF4 && p[1] >= 0x90;
  return is_overlong || is_surrogate || is_too_large ? 0 : need;
}

bool sure__utf8_check(struct sure_bytes bytes) {
  while (bytes.len > 0) {
    size_t len = sequence_len(bytes.data, bytes.len);
    if (len == 0) {
      return false;
    }
    bytes.data += len;
    bytes.len -= len;
  }
  return true;
}

static bool check(const ProtobufCMessageDescriptor *descriptor, struct sure_bytes in,
                  unsigned depth);

static bool check_delimited(const ProtobufCMessageDescriptor *descriptor, unsigned number,
                            struct sure_bytes *in, unsigned depth) {
  uint64_t len;
  if (!take_varint(in, &len) || len > in->len) {
    return false;
  }
  struct sure_bytes body = {in->data, (size_t)len};
  const ProtobufCFieldDescriptor *field =
      protobuf_c_message_descriptor_get_field(descriptor, number);
  if (field != NULL && field->type == PROTOBUF_C_TYPE_STRING && !sure__utf8_check(body)) {
    return false;
  }
  if (field != NULL && field->type == PROTOBUF_C_TYPE_MESSAGE &&
      !check(field->descriptor, body, depth + 1)) {
    return false;
  }
  return skip(in, len);
}

static bool check(const ProtobufCMessageDescriptor *descriptor, struct sure_bytes in,
                  unsigned depth) {
  if (depth > SURE__MESSAGE_DEPTH_MAX) {
    return false;
  }
  while (in.len > 0) {
    uint64_t tag;
    uint64_t ignored;
    if (!take_varint(&in, &tag) || tag >> 3 == 0 || tag >> 3 > FIELD_NUMBER_MAX) {
      return false;
    }
    bool is_whole = false; /* groups, which protobuf-c does not know, stay false */
    switch (tag & 7) {
    case VARINT:
      is_whole = take_varint(&in, &ignored);
      break;
    case FIXED64:
      is_whole = skip(&in, 8);
      break;
    case LENGTH_DELIMITED:
      is_whole = check_delimited(descriptor, (unsigned)(tag >> 3), &in, depth);
      break;
    case FIXED32:
      is_whole = skip(&in, 4);
      break;
    }
    if (!is_whole) {
      return false;
    }
  }
  return true;
}

bool sure__message_check(const ProtobufCMessageDescriptor *descriptor, struct sure_bytes bytes) {
  return check(descriptor, bytes, 1);
}
