/* Reading protobuf's wire format without a schema, and a check of nesting with one. */
#ifndef SURE_CODEGEN_WIRE_H
#define SURE_CODEGEN_WIRE_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <sure/base.h>

/* How deep messages may lie in each other; protobuf's own readers use the same number. */
#define WIRE_DEPTH_MAX 100

enum wire_type {
  WIRE_VARINT = 0,
  WIRE_FIXED64 = 1,
  WIRE_BYTES = 2,
  WIRE_FIXED32 = 5,
};

struct wire_field {
  uint32_t number;
  enum wire_type type;
  uint64_t varint;         /* of WIRE_VARINT */
  struct sure_bytes bytes; /* of WIRE_BYTES */
};

/* Take one field from the front of `rest`. False if it is cut off or of an unknown kind (groups are
 * unknown here, as they are to protobuf-c). */
bool wire_next(struct sure_bytes *rest, struct wire_field *out_field);

/* Take the length that stands before a WIRE_BYTES value and leave the value in `rest`. False if it
 * does not fit. */
bool wire_skip_length(struct sure_bytes *rest);

/* Whether `bytes`, read as `descriptor` says, are well-formed and nest at most WIRE_DEPTH_MAX deep.
 * protobuf-c recurses without a limit, so this comes before every unpack of foreign bytes. */
bool wire_is_shallow(const ProtobufCMessageDescriptor *descriptor, struct sure_bytes bytes);

#endif
