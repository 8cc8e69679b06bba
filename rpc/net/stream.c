#include "rpc/net/stream.h"

#include <stdlib.h>

#include "rpc/core/memory.h"
#include "rpc/core/message.h"

static void *unpack_alloc(void *is_short, size_t size) {
  void *memory = malloc(size); /* the application's to free */
  *(bool *)is_short = *(bool *)is_short || memory == NULL;
  return memory;
}

static void unpack_free(void *is_short, void *memory) {
  (void)is_short;
  free(memory);
}

static enum sure_code unpack(const ProtobufCMessageDescriptor *type, struct sure_bytes bytes,
                             ProtobufCMessage **out_message) {
  bool is_short = false;
  ProtobufCAllocator allocator = {
      .alloc = unpack_alloc, .free = unpack_free, .allocator_data = &is_short};
  if (!sure__message_check(type, bytes)) {
    return SURE_INTERNAL;
  }
  ProtobufCMessage *message = protobuf_c_message_unpack(type, &allocator, bytes.len, bytes.data);
  if (message == NULL) {
    return is_short ? SURE_RESOURCE_EXHAUSTED : SURE_INTERNAL;
  }
  *out_message = message;
  return SURE_OK;
}

static enum sure_code read_message(struct sure_stream *stream, bool may_wait,
                                   ProtobufCMessage **out_message) {
  if (stream->read_type == NULL) {
    return SURE_FAILED_PRECONDITION;
  }
  struct sure__stream_message *packed;
  enum sure_code code = stream->side->read(stream, may_wait, &packed);
  if (code != SURE_OK) {
    return code;
  }
  if (packed == NULL) {
    *out_message = NULL;
    return SURE_OK;
  }
  code = unpack(stream->read_type, (struct sure_bytes){packed->data, packed->len}, out_message);
  sure__free(packed);
  return code;
}

enum sure_code sure_stream_read(struct sure_stream *stream, ProtobufCMessage **out_message) {
  return read_message(stream, true, out_message);
}

enum sure_code sure_stream_try_read(struct sure_stream *stream, ProtobufCMessage **out_message) {
  return read_message(stream, false, out_message);
}

static enum sure_code write_message(struct sure_stream *stream, bool may_wait,
                                    const ProtobufCMessage *message, bool *out_taken) {
  if (stream->write_type == NULL || message->descriptor != stream->write_type) {
    return SURE_FAILED_PRECONDITION;
  }
  size_t len = protobuf_c_message_get_packed_size(message);
  struct sure__stream_message *packed =
      len > stream->side->message_len_max(stream) ? NULL : sure__alloc(sizeof *packed + len);
  if (packed == NULL) {
    return SURE_RESOURCE_EXHAUSTED;
  }
  packed->len = len;
  protobuf_c_message_pack(message, packed->data);
  enum sure_code code = stream->side->write(stream, may_wait, packed, out_taken);
  if (!*out_taken) {
    sure__free(packed);
  }
  return code;
}

enum sure_code sure_stream_write(struct sure_stream *stream, const ProtobufCMessage *message) {
  bool is_taken = false;
  return write_message(stream, true, message, &is_taken);
}

enum sure_code sure_stream_try_write(struct sure_stream *stream, const ProtobufCMessage *message,
                                     bool *out_taken) {
  *out_taken = false;
  return write_message(stream, false, message, out_taken);
}

uint64_t sure_stream_committed(struct sure_stream *stream) {
  return stream->side->committed(stream);
}
