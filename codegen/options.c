/* protoc writes an extension that it was given as several statements as several pieces, each a
 * field of the same number:
 *
 *     option (sure.method).timeout_ms = 5;          -> 57873: { timeout_ms: 5 }
 *     option (sure.method).retry.max_attempts = 2;  -> 57873: { retry: { max_attempts: 2 } }
 *
 * protobuf defines that parsing the pieces one behind the other, as one message, merges them: the
 * last scalar wins, sub-messages are merged, lists are joined. */
#include "codegen/options.h"

#include "codegen/wire.h"

#include <string.h>

/* The number of pb_c_file, and of two of its fields. */
#define PB_C_NUMBER             1019
#define PB_C_NO_GENERATE_NUMBER 1
#define PB_C_C_PACKAGE_NUMBER   6

/* protobuf-c keeps the length in front of the data of an unknown field. */
static bool piece_of(const ProtobufCMessageUnknownField *unknown, struct sure_bytes *out_piece) {
  struct sure_bytes piece = {unknown->data, unknown->len};
  if (unknown->wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED || !wire_skip_length(&piece))
    return false;
  *out_piece = piece;
  return true;
}

/* The pieces of extension `number`, one behind the other. False if one is no message. */
static bool join_pieces(struct arena *arena, const ProtobufCMessage *standard, uint32_t number,
                        struct sure_bytes *out_joined) {
  size_t len_max = 0;
  for (unsigned i = 0; standard && i < standard->n_unknown_fields; i++)
    len_max += standard->unknown_fields[i].len;
  uint8_t *bytes = arena_alloc(arena, len_max);
  size_t len = 0;
  for (unsigned i = 0; standard && i < standard->n_unknown_fields; i++) {
    if (standard->unknown_fields[i].tag != number)
      continue;
    struct sure_bytes piece;
    if (!piece_of(&standard->unknown_fields[i], &piece))
      return false;
    memcpy(bytes + len, piece.data, piece.len);
    len += piece.len;
  }
  *out_joined = (struct sure_bytes){bytes, len};
  return true;
}

static const ProtobufCMessage *read_extension(struct arena *arena, const ProtobufCMessage *standard,
                                              const ProtobufCMessageDescriptor *descriptor) {
  struct sure_bytes joined;
  if (!join_pieces(arena, standard, OPTIONS_NUMBER, &joined) ||
      !wire_is_shallow(descriptor, joined))
    return NULL;
  ProtobufCAllocator allocator = arena_allocator(arena);
  return protobuf_c_message_unpack(descriptor, &allocator, joined.len, joined.data);
}

const Sure__MethodOptions *options_of_method(struct arena *arena,
                                             const Google__Protobuf__MethodOptions *standard) {
  return (const Sure__MethodOptions *)read_extension(arena, (const ProtobufCMessage *)standard,
                                                     &sure__method_options__descriptor);
}

const Sure__FieldOptions *options_of_field(struct arena *arena,
                                           const Google__Protobuf__FieldOptions *standard) {
  return (const Sure__FieldOptions *)read_extension(arena, (const ProtobufCMessage *)standard,
                                                    &sure__field_options__descriptor);
}

bool options_of_pb_c(struct arena *arena, const Google__Protobuf__FileOptions *standard,
                     struct options_pb_c *out_options) {
  struct sure_bytes rest;
  struct options_pb_c options = {0};
  if (!join_pieces(arena, (const ProtobufCMessage *)standard, PB_C_NUMBER, &rest))
    return false;
  while (rest.len > 0) {
    struct wire_field field;
    if (!wire_next(&rest, &field))
      return false;
    if (field.number == PB_C_NO_GENERATE_NUMBER && field.type == WIRE_VARINT)
      options.no_generate = field.varint != 0;
    if (field.number == PB_C_C_PACKAGE_NUMBER && field.type == WIRE_BYTES)
      options.c_package =
          arena_printf(arena, "%.*s", (int)field.bytes.len, (const char *)field.bytes.data);
  }
  *out_options = options;
  return true;
}
