#include "codegen/wire.h"

static bool take_varint(struct sure_bytes *rest, uint64_t *out_value) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && rest->len > 0; shift += 7) {
    uint8_t byte = *rest->data;
    rest->data++;
    rest->len--;
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) {
      *out_value = value;
      return true;
    }
  }
  return false;
}

static bool take_bytes(struct sure_bytes *rest, uint64_t len, struct sure_bytes *out_bytes) {
  if (len > rest->len)
    return false;
  *out_bytes = (struct sure_bytes){rest->data, (size_t)len};
  rest->data += len;
  rest->len -= (size_t)len;
  return true;
}

bool wire_skip_length(struct sure_bytes *rest) {
  uint64_t len;
  return take_varint(rest, &len) && len == rest->len;
}

bool wire_next(struct sure_bytes *rest, struct wire_field *out_field) {
  uint64_t tag;
  uint64_t len;
  if (!take_varint(rest, &tag) || tag >> 3 == 0 || tag > UINT32_MAX)
    return false;
  struct wire_field field = {.number = (uint32_t)(tag >> 3), .type = (enum wire_type)(tag & 7)};
  bool complete = false;
  switch (field.type) {
  case WIRE_VARINT:
    complete = take_varint(rest, &field.varint);
    break;
  case WIRE_FIXED64:
    complete = take_bytes(rest, 8, &field.bytes);
    break;
  case WIRE_FIXED32:
    complete = take_bytes(rest, 4, &field.bytes);
    break;
  case WIRE_BYTES:
    complete = take_varint(rest, &len) && take_bytes(rest, len, &field.bytes);
    break;
  }
  if (complete)
    *out_field = field;
  return complete;
}

static bool is_shallow(const ProtobufCMessageDescriptor *descriptor, struct sure_bytes bytes,
                       int depth) {
  if (depth > WIRE_DEPTH_MAX)
    return false;
  while (bytes.len > 0) {
    struct wire_field field;
    if (!wire_next(&bytes, &field))
      return false;
    const ProtobufCFieldDescriptor *known =
        protobuf_c_message_descriptor_get_field(descriptor, field.number);
    if (known && known->type == PROTOBUF_C_TYPE_MESSAGE && field.type == WIRE_BYTES &&
        !is_shallow(known->descriptor, field.bytes, depth + 1))
      return false;
  }
  return true;
}

bool wire_is_shallow(const ProtobufCMessageDescriptor *descriptor, struct sure_bytes bytes) {
  return is_shallow(descriptor, bytes, 1);
}
