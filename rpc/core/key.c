#include "rpc/core/key.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NUMBER_LEN_MAX = 24 };

static enum sure_code from_text(char *text, int len, struct sure__arena *arena,
                                struct sure_bytes *out_key) {
  struct sure_bytes bytes = {(const uint8_t *)text, (size_t)len};
  return sure__arena_copy(arena, bytes, out_key) ? SURE_OK : SURE_RESOURCE_EXHAUSTED;
}

/* proto3 can't tell 0 from "not set", and all who forget the key must not share one. */
static enum sure_code from_signed(int64_t value, struct sure__arena *arena,
                                  struct sure_bytes *out_key) {
  if (value == 0) {
    return SURE_INVALID_ARGUMENT;
  }
  char text[NUMBER_LEN_MAX];
  return from_text(text, snprintf(text, sizeof text, "%" PRId64, value), arena, out_key);
}

static enum sure_code from_unsigned(uint64_t value, struct sure__arena *arena,
                                    struct sure_bytes *out_key) {
  if (value == 0) {
    return SURE_INVALID_ARGUMENT;
  }
  char text[NUMBER_LEN_MAX];
  return from_text(text, snprintf(text, sizeof text, "%" PRIu64, value), arena, out_key);
}

static enum sure_code checked(struct sure_bytes key, struct sure_bytes *out_key) {
  if (key.len == 0 || key.len > SURE_KEY_LEN_MAX) {
    return SURE_INVALID_ARGUMENT;
  }
  *out_key = key;
  return SURE_OK;
}

/* A proto2 optional field that was not set. */
static bool is_absent(const ProtobufCFieldDescriptor *field, const ProtobufCMessage *request) {
  if (field->label != PROTOBUF_C_LABEL_OPTIONAL || field->quantifier_offset == 0) {
    return false;
  }
  protobuf_c_boolean is_set;
  memcpy(&is_set, (const char *)request + field->quantifier_offset, sizeof is_set);
  return !is_set;
}

static enum sure_code from_string(const void *member, struct sure_bytes *out_key) {
  const char *text;
  memcpy(&text, member, sizeof text);
  struct sure_bytes key = {(const uint8_t *)text, text == NULL ? 0 : strlen(text)};
  return checked(key, out_key);
}

static enum sure_code from_bytes(const void *member, struct sure_bytes *out_key) {
  ProtobufCBinaryData data;
  memcpy(&data, member, sizeof data);
  return checked((struct sure_bytes){data.data, data.len}, out_key);
}

enum sure_code sure__key_get(const struct sure_method *method, const ProtobufCMessage *request,
                             struct sure__arena *arena, struct sure_bytes *out_key) {
  const ProtobufCFieldDescriptor *field =
      protobuf_c_message_descriptor_get_field(request->descriptor, method->key_field);
  if (field == NULL || field->label == PROTOBUF_C_LABEL_REPEATED || is_absent(field, request)) {
    return SURE_INVALID_ARGUMENT;
  }
  const void *member = (const char *)request + field->offset;
  int32_t narrow;
  int64_t wide;
  switch (field->type) {
  case PROTOBUF_C_TYPE_STRING:
    return from_string(member, out_key);
  case PROTOBUF_C_TYPE_BYTES:
    return from_bytes(member, out_key);
  case PROTOBUF_C_TYPE_INT32:
  case PROTOBUF_C_TYPE_SINT32:
  case PROTOBUF_C_TYPE_SFIXED32:
    memcpy(&narrow, member, sizeof narrow);
    return from_signed(narrow, arena, out_key);
  case PROTOBUF_C_TYPE_UINT32:
  case PROTOBUF_C_TYPE_FIXED32:
    memcpy(&narrow, member, sizeof narrow);
    return from_unsigned((uint32_t)narrow, arena, out_key);
  case PROTOBUF_C_TYPE_INT64:
  case PROTOBUF_C_TYPE_SINT64:
  case PROTOBUF_C_TYPE_SFIXED64:
    memcpy(&wide, member, sizeof wide);
    return from_signed(wide, arena, out_key);
  case PROTOBUF_C_TYPE_UINT64:
  case PROTOBUF_C_TYPE_FIXED64:
    memcpy(&wide, member, sizeof wide);
    return from_unsigned((uint64_t)wide, arena, out_key);
  case PROTOBUF_C_TYPE_BOOL:
  case PROTOBUF_C_TYPE_ENUM:
  case PROTOBUF_C_TYPE_FLOAT:
  case PROTOBUF_C_TYPE_DOUBLE:
  case PROTOBUF_C_TYPE_MESSAGE:
    break;
  }
  return SURE_INVALID_ARGUMENT;
}
