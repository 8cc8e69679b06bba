/* Streams at a client (docs/protocol.md, section 12).
 *
 * The client sends nothing of a stream before the server has said, on the attempt's own connection,
 * where it stands (WINDOW); and of an attempt that is not the first, it says where it stands itself
 * as soon as the server has ACCEPTED that. So each side knows that the other has the stream. */
#include "rpc/core/client_stream.h"

#include "rpc/core/assert.h"
#include "rpc/core/client_state.h"

enum { UNSENT_MAX = 256 * 1024, DATA_OVERHEAD = 48 };

void sure__client_stream_init(struct sure__client_stream *stream, const struct sure_method *method,
                              uint32_t message_len_max) {
  *stream = (struct sure__client_stream){0};
  sure__stream_init(&stream->ends, method->server_streams, method->client_streams, message_len_max);
  sure__stream_stop(&stream->ends);
}

void sure__client_stream_fini(struct sure__client_stream *stream) {
  sure__assert(stream->link == NULL && "its call has ended");
  sure__list_remove(&stream->woken);
  sure__stream_fini(&stream->ends);
}

static void wake(struct sure__client *client, struct sure__client_stream *stream) {
  if (!sure__list_is_linked(&stream->woken)) {
    sure__list_append(&client->woken, &stream->woken);
  }
}

/* ---- attempts ---- */

void sure__client_stream_sent(struct sure__client_stream *stream, struct sure__link *link,
                              uint32_t attempt) {
  stream->link = link;
  stream->attempt = attempt;
  stream->has_told = attempt == 1; /* it stands at the beginning */
}

void sure__client_stream_left(struct sure__client_stream *stream) {
  sure__stream_stop(&stream->ends);
  stream->link = NULL;
}

void sure__client_stream_ended(struct sure__client *client, struct sure__client_stream *stream) {
  stream->is_over = true;
  stream->call = NULL;
  wake(client, stream);
}

/* ---- what is sent ---- */

static uint64_t sequence_of(const struct sure__client_stream *stream) {
  return stream->link->is_replica ? stream->call->handle : stream->call->sequence;
}

static void line_up(struct sure__client_stream *stream) {
  struct sure__stream *ends = &stream->ends;
  if (stream->link != NULL && ends->sends && !sure__list_is_linked(&ends->turn) &&
      sure__outflow_has_part(&ends->out)) {
    sure__list_append(&stream->link->sending, &ends->turn);
  }
}

static void tell_window(struct sure__client *client, struct sure__client_stream *stream) {
  if (stream->link != NULL && stream->has_told) {
    struct sure__frame frame =
        sure__stream_window(&stream->ends, sequence_of(stream), stream->attempt);
    sure__client_put(client, stream->link, &frame);
  }
}

/* A part of the stream whose turn it is. False: none has anything to send. */
static bool pump_stream(struct sure__client *client, struct sure__link *link) {
  struct sure__list *l = sure__list_pop(&link->sending);
  if (l == NULL) {
    return false;
  }
  struct sure__stream *ends = sure__container_of(l, struct sure__stream, turn);
  struct sure__client_stream *stream = sure__container_of(ends, struct sure__client_stream, ends);
  struct sure__frame frame;
  if (sure__stream_next_part(ends, sequence_of(stream), stream->attempt, &frame)) {
    sure__client_put(client, link, &frame);
    link->unsent_len += frame.payload.len + DATA_OVERHEAD;
    line_up(stream);
  }
  return true;
}

/* A frame of the long request whose turn it is. */
static bool pump_body(struct sure__client *client, struct sure__link *link) {
  if (sure__bodies_is_empty(&link->bodies)) {
    return false;
  }
  size_t len = sure__bodies_next(&link->bodies, &link->out);
  link->out_of_memory = link->out_of_memory || len == 0;
  link->unsent_len += len;
  sure__client_touch(client, link);
  return true;
}

static bool has_to_send(const struct sure__link *link) {
  return !sure__list_is_empty(&link->sending) || !sure__bodies_is_empty(&link->bodies);
}

void sure__client_pump_link(struct sure__client *client, struct sure__link *link) {
  bool has_more = true;
  while (has_more && link->unsent_len < UNSENT_MAX && !link->out_of_memory) {
    bool streams = pump_stream(client, link);
    has_more = pump_body(client, link) || streams;
  }
  link->awaits_room = has_to_send(link);
  if (link->awaits_room) {
    sure__client_touch(client, link); /* the shell is to say when there is some */
  }
}

void sure__client_pump_streams(struct sure__client *client) {
  for (struct sure__list *l = client->links.next; l != &client->links; l = l->next) {
    struct sure__link *link = sure__container_of(l, struct sure__link, of_client);
    if (has_to_send(link)) {
      sure__client_pump_link(client, link);
    }
  }
}

void sure__client_sent(struct sure__client *client, struct sure__link *link, size_t unsent_len,
                       uint64_t now_ms) {
  link->unsent_len = unsent_len;
  link->awaits_room = false;
  sure__client_pump(client, now_ms);
}

/* ---- what comes ---- */

/* It gets on: the next loss is the first one again. */
static void note_progress(struct sure__client_stream *stream) {
  stream->heard_attempt = stream->attempt;
  stream->call->pause_count = 0;
}

void sure__client_stream_accepted(struct sure__client *client, struct sure__client_stream *stream) {
  if (!stream->has_told) {
    stream->has_told = true;
    if (stream->ends.receives) {
      tell_window(client, stream);
    }
  }
}

const char *sure__client_stream_on_data(struct sure__client *client,
                                        struct sure__client_stream *stream,
                                        const struct sure__frame *frame) {
  bool is_short;
  const char *problem = sure__stream_on_data(&stream->ends, frame, &is_short);
  if (problem != NULL || is_short) {
    return is_short ? "memory is short" : problem;
  }
  note_progress(stream);
  wake(client, stream);
  if (sure__inflow_should_tell(&stream->ends.in)) {
    tell_window(client, stream);
  }
  return NULL;
}

/* What was committed under its key came from a client that had more to say: this one can't be the
 * same. */
static void check_length(struct sure__client *client, struct sure__client_stream *stream,
                         uint64_t now_ms) {
  struct sure__answer answer = {
      .code = SURE_FAILED_PRECONDITION,
      .reason = SURE_REASON_CHANNEL,
      .final = true,
      .text = sure__bytes_of("more messages than these are committed under this key")};
  if (sure__outflow_falls_short(&stream->ends.out)) {
    sure__client_give_up(client, stream->call, &answer, now_ms);
  }
}

const char *sure__client_stream_on_window(struct sure__client *client,
                                          struct sure__client_stream *stream,
                                          const struct sure__frame *frame, uint64_t now_ms) {
  const char *problem = sure__stream_on_window(&stream->ends, frame);
  if (problem == NULL) {
    note_progress(stream);
    line_up(stream);
    wake(client, stream);
    check_length(client, stream, now_ms);
  }
  return problem;
}

/* ---- what the application does ---- */

struct sure__stream_message *sure__client_stream_read(struct sure__client *client,
                                                      struct sure__client_stream *stream,
                                                      uint64_t now_ms) {
  struct sure__inflow *in = &stream->ends.in;
  struct sure__stream_message *message = sure__inflow_next(in);
  if (message != NULL) {
    sure__inflow_ack(in, ++stream->read_count);
    if (!stream->is_over && sure__inflow_should_tell(in)) {
      tell_window(client, stream);
      sure__client_pump(client, now_ms);
    }
  }
  return message;
}

bool sure__client_stream_write(struct sure__client *client, struct sure__client_stream *stream,
                               struct sure__stream_message *message, uint64_t now_ms) {
  sure__assert(!stream->is_over && "the shell has looked");
  if (sure__outflow_is_full(&stream->ends.out)) {
    return false;
  }
  sure__outflow_add(&stream->ends.out, message);
  line_up(stream);
  sure__client_pump(client, now_ms);
  return true;
}

void sure__client_stream_done_writing(struct sure__client *client,
                                      struct sure__client_stream *stream, uint64_t now_ms) {
  sure__outflow_end(&stream->ends.out);
  line_up(stream);
  check_length(client, stream, now_ms);
  sure__client_pump(client, now_ms);
}
