/* One end of a stream: both halves, and its turn on a connection (docs/protocol.md, section 12).
 *
 * A stream belongs to a call. It is on one connection at a time: that of the call's latest attempt.
 * When the connection is lost both ends stop sending; each receiver then says on the next one where
 * it stands, and the other goes on from there. */
#ifndef SURE_CORE_STREAM_H
#define SURE_CORE_STREAM_H

#include "rpc/core/buffer.h"
#include "rpc/core/frame.h"
#include "rpc/core/inflow.h"
#include "rpc/core/outflow.h"

/* What a receiver takes ahead of its reader, in bytes, which is also the credit of a first attempt;
 * and how far that may grow while the reader is fast. */
#define SURE__STREAM_WINDOW_LEN     (256u * 1024)
#define SURE__STREAM_WINDOW_LEN_MAX (1024u * 1024)
/* Bytes of one DATA frame: nobody waits longer than for that. */
#define SURE__STREAM_PART_LEN (16u * 1024)

struct sure__stream {
  bool receives;
  bool sends;
  struct sure__inflow in;
  struct sure__outflow out;
  struct sure__list turn; /* in the line of those on one connection that have something to send */
};

/* `message_len_max`: of the messages that come. */
void sure__stream_init(struct sure__stream *stream, bool receives, bool sends,
                       uint32_t message_len_max);
void sure__stream_fini(struct sure__stream *stream);

/* The connection is lost, or left for another. */
void sure__stream_stop(struct sure__stream *stream);
/* Something has gone over it that could not be repeated by the other end from the beginning. */
bool sure__stream_has_begun(const struct sure__stream *stream);

/* DATA and WINDOW. NULL, or what is wrong with the frame. `*out_short`: memory was; the stream can
 * only go on over a new connection. */
const char *sure__stream_on_data(struct sure__stream *stream, const struct sure__frame *frame,
                                 bool *out_short);
const char *sure__stream_on_window(struct sure__stream *stream, const struct sure__frame *frame);

/* The next frame that is to be sent, of attempt `attempt` of call `sequence`; false: there is none
 * now. Its bytes are a view. */
bool sure__stream_next_part(struct sure__stream *stream, uint64_t sequence, uint32_t attempt,
                            struct sure__frame *out_frame);
/* The window as it is now, which counts as told. */
struct sure__frame sure__stream_window(struct sure__stream *stream, uint64_t sequence,
                                       uint32_t attempt);

#endif
