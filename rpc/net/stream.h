/* What the streams of both sides have in common: messages packed and unpacked. */
#ifndef SURE_NET_STREAM_H
#define SURE_NET_STREAM_H

#include <sure/stream.h>

#include "rpc/core/stream_message.h"

struct sure_stream {
  const struct sure__stream_side *side;
  const ProtobufCMessageDescriptor *read_type;  /* NULL: it does not receive */
  const ProtobufCMessageDescriptor *write_type; /* NULL: it does not send */
};

struct sure__stream_side {
  /* As sure_stream_read, or sure_stream_try_read, with the message still packed; the caller frees
   * it. */
  enum sure_code (*read)(struct sure_stream *stream, bool may_wait,
                         struct sure__stream_message **out_message);
  /* As sure_stream_write, or sure_stream_try_write. The message is the stream's if `*out_taken`. */
  enum sure_code (*write)(struct sure_stream *stream, bool may_wait,
                          struct sure__stream_message *message, bool *out_taken);
  /* As sure_stream_committed. */
  uint64_t (*committed)(struct sure_stream *stream);
  /* Bytes of a message that may be sent. */
  size_t (*message_len_max)(const struct sure_stream *stream);
};

#endif
