#include "rpc/core/stream.h"

void sure__stream_init(struct sure__stream *stream, bool receives, bool sends,
                       uint32_t message_len_max) {
  *stream = (struct sure__stream){.receives = receives, .sends = sends};
  sure__inflow_init(&stream->in, SURE__STREAM_WINDOW_LEN, SURE__STREAM_WINDOW_LEN_MAX,
                    message_len_max);
  sure__outflow_init(&stream->out, SURE__STREAM_WINDOW_LEN, SURE__STREAM_WINDOW_LEN_MAX);
}

void sure__stream_fini(struct sure__stream *stream) {
  sure__list_remove(&stream->turn);
  sure__inflow_fini(&stream->in);
  sure__outflow_fini(&stream->out);
}

void sure__stream_stop(struct sure__stream *stream) {
  sure__list_remove(&stream->turn);
  sure__outflow_stop(&stream->out);
}

bool sure__stream_has_begun(const struct sure__stream *stream) {
  return stream->in.index > 1 || stream->in.offset > 0 || stream->in.has_ended ||
         stream->out.first > 1;
}

const char *sure__stream_on_data(struct sure__stream *stream, const struct sure__frame *frame,
                                 bool *out_short) {
  *out_short = false;
  if (!stream->receives) {
    return "DATA where none may come";
  }
  return sure__inflow_take(&stream->in, &frame->data, out_short);
}

const char *sure__stream_on_window(struct sure__stream *stream, const struct sure__frame *frame) {
  return stream->sends ? sure__outflow_take(&stream->out, &frame->window)
                       : "WINDOW for a side that sends nothing";
}

bool sure__stream_next_part(struct sure__stream *stream, uint64_t sequence, uint32_t attempt,
                            struct sure__frame *out_frame) {
  struct sure__part part;
  if (!stream->sends || !sure__outflow_part(&stream->out, SURE__STREAM_PART_LEN, &part)) {
    return false;
  }
  *out_frame = (struct sure__frame){.type = SURE__DATA,
                                    .flags = part.is_end ? SURE__END : 0,
                                    .sequence = sequence,
                                    .attempt = attempt,
                                    .payload = part.bytes,
                                    .data = part};
  return true;
}

struct sure__frame sure__stream_window(struct sure__stream *stream, uint64_t sequence,
                                       uint32_t attempt) {
  return (struct sure__frame){.type = SURE__WINDOW,
                              .sequence = sequence,
                              .attempt = attempt,
                              .window = sure__inflow_window(&stream->in)};
}
