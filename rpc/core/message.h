/* A look at a packed message before protobuf-c unpacks it: protobuf-c 1.4 has no depth limit, does
 * not check UTF-8, and cuts a string off at its first NUL byte (docs/protocol.md 4.8). */
#ifndef SURE_CORE_MESSAGE_H
#define SURE_CORE_MESSAGE_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <sure/base.h>

/* Messages inside messages at most, the outermost counted. */
#define SURE__MESSAGE_DEPTH_MAX 100

/* Whether `bytes` are well-formed fields, known message fields nest no deeper than allowed, and
 * known string fields are UTF-8 without NUL. Unknown fields are passed over. */
bool sure__message_check(const ProtobufCMessageDescriptor *descriptor, struct sure_bytes bytes);

/* Whether `bytes` are UTF-8 (RFC 3629) without NUL. */
bool sure__utf8_check(struct sure_bytes bytes);

#endif
