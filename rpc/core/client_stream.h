/* A stream at a client, as the shell and the engine see it. */
#ifndef SURE_CORE_CLIENT_STREAM_H
#define SURE_CORE_CLIENT_STREAM_H

#include "rpc/core/client.h"
#include "rpc/core/stream.h"

/* The shell's, which outlives its call: messages that have come can be read after its end. */
struct sure__client_stream {
  struct sure__stream ends;
  struct sure__client_call *call; /* NULL: it has ended, or was never started */
  struct sure__link *link;        /* of the latest attempt; NULL: none is under way */
  uint32_t attempt;
  uint32_t heard_attempt;  /* the last one that brought anything of the stream; 0: none has */
  bool has_told;           /* on this attempt, where it stands */
  bool is_over;            /* the call has ended: nothing more will come or go */
  uint64_t read_count;     /* messages that the application has taken */
  struct sure__list woken; /* in client.woken */
};

/* Before the call is started, with call.stream set to it. */
void sure__client_stream_init(struct sure__client_stream *stream, const struct sure_method *method,
                              uint32_t message_len_max);
/* After its end, or when the call was never started. */
void sure__client_stream_fini(struct sure__client_stream *stream);

/* The next message, which is the caller's to free; NULL: none is here. */
struct sure__stream_message *sure__client_stream_read(struct sure__client *client,
                                                      struct sure__client_stream *stream,
                                                      uint64_t now_ms);
/* False: not now; client.woken says when to try again. True: the message is the stream's. */
bool sure__client_stream_write(struct sure__client *client, struct sure__client_stream *stream,
                               struct sure__stream_message *message, uint64_t now_ms);
/* No message will follow. */
void sure__client_stream_done_writing(struct sure__client *client,
                                      struct sure__client_stream *stream, uint64_t now_ms);

/* Of what the engine had for the link, so many bytes are not sent yet. The shell calls it when they
 * have become fewer and link.awaits_room. */
void sure__client_sent(struct sure__client *client, struct sure__link *link, size_t unsent_len,
                       uint64_t now_ms);

#endif
