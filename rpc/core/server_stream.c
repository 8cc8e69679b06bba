/* Streams at a server (docs/protocol.md, section 12).
 *
 *     REQUEST --> admitted --> handler reads and writes --> it returns, the call LINGERS --> freed
 *                                                               \--> RESPONSE, after all that it
 *                                                                    wrote
 *
 * A stream has one waiter at most: its latest attempt. Without one it stands still, and its handler
 * waits; with the next one both sides go on from where the receivers say that they stand. A call
 * whose handler has returned lingers until its client acknowledges the result, so that what was
 * lost on the way can be sent again; or until its deadline. */
#include "rpc/core/server_stream.h"

#include "rpc/core/assert.h"
#include "rpc/core/memory.h"
#include "rpc/core/mutant.h"
#include "rpc/core/server_private.h"

/* Bytes of streams and long answers that may be on their way to one connection: what else is to be
 * said does not wait for long behind them. */
enum { UNSENT_MAX = 256 * 1024, DATA_OVERHEAD = 48 };

static struct sure__waiter *waiter_of(const struct sure_call *call) {
  return sure__list_is_empty(&call->waiters)
             ? NULL
             : sure__container_of(call->waiters.next, struct sure__waiter, of_call);
}

static void wake(struct sure__server *server, const struct sure_call *call) {
  if (!sure__list_is_linked(&call->stream->woken)) {
    sure__list_append(&server->actions.woken, &call->stream->woken);
  }
}

/* How long nothing may happen on it; 0: as long as it likes. A run whose client stays away holds
 * nothing that the next one could not go on with, if it commits as it goes. */
static uint32_t idle_limit_ms(const struct sure__server *server, const struct sure_call *call) {
  const struct sure__server_config *config = &server->config;
  bool may_leave = call->method->plan.advances && waiter_of(call) == NULL;
  bool is_shorter =
      config->stream_idle_ms == 0 || config->session_lease_ms < config->stream_idle_ms;
  return may_leave && is_shorter ? config->session_lease_ms : config->stream_idle_ms;
}

/* Until its deadline, or until nothing has happened for too long. The timer is not moved for each
 * message: it looks back. */
static void watch(struct sure__server *server, struct sure_call *call) {
  const struct sure__server_stream *stream = call->stream;
  uint32_t idle_ms = idle_limit_ms(server, call);
  uint64_t at_ms = atomic_load(&call->deadline_ms);
  bool may_idle = idle_ms > 0 && !stream->is_idle && call->step != SURE__CALL_LINGERS;
  if (may_idle && stream->active_ms + idle_ms < at_ms) {
    at_ms = stream->active_ms + idle_ms;
  }
  sure__timers_set(&server->timers, &call->stream->timer, at_ms);
}

bool sure__server_stream_open(struct sure__server *server, struct sure_call *call) {
  const struct sure_method *table = call->method->table;
  struct sure__server_stream *stream = sure__alloc(sizeof *stream);
  if (stream == NULL || !sure__server_timer_reserve(server)) {
    sure__free(stream);
    return false;
  }
  sure__stream_init(&stream->ends, table->client_streams, table->server_streams,
                    server->config.message_len_max);
  stream->call = call;
  stream->timer.kind = SURE__TIMER_STREAM;
  call->stream = stream;
  sure__list_append(&server->streams, &stream->of_server);
  server->stream_count++;
  return true;
}

void sure__server_stream_close(struct sure__server *server, struct sure_call *call) {
  struct sure__server_stream *stream = call->stream;
  sure__server_timer_unreserve(server, &stream->timer);
  sure__list_remove(&stream->of_server);
  sure__assert(server->stream_count > 0 && "each stream was counted");
  server->stream_count--;
  sure__list_remove(&stream->lingering);
  sure__list_remove(&stream->woken);
  sure__stream_fini(&stream->ends);
  sure__free(stream);
  call->stream = NULL;
}

/* ---- what is sent ---- */

static void line_up(struct sure__server *server, struct sure_call *call) {
  struct sure__waiter *waiter = waiter_of(call);
  struct sure__stream *ends = &call->stream->ends;
  if (waiter == NULL || sure__list_is_linked(&ends->turn) || !sure__outflow_has_part(&ends->out)) {
    return;
  }
  sure__list_append(&waiter->peer->sending, &ends->turn);
  if (!sure__list_is_linked(&waiter->peer->pumps)) {
    sure__list_append(&server->pumping, &waiter->peer->pumps);
  }
}

/* Where a call that commits as it goes stands is in the store. */
static bool is_position_unknown(const struct sure_call *call) {
  return call->method->plan.advances && !call->stream->has_run;
}

static void tell_window(struct sure__server *server, struct sure_call *call) {
  struct sure__waiter *waiter = waiter_of(call);
  if (waiter != NULL && !is_position_unknown(call)) {
    struct sure__frame frame =
        sure__stream_window(&call->stream->ends, call->op.sequence, waiter->attempt);
    sure__peer_send(server, waiter->peer, &frame);
  }
}

/* Nobody can want anything of it any more. */
static void release(struct sure__server *server, struct sure_call *call) {
  while (!sure__list_is_empty(&call->waiters)) {
    sure__call_remove_waiter(waiter_of(call));
  }
  sure__call_stop_running(server, call);
}

/* The result, when all that the handler wrote is on its way. */
static void say_end(struct sure__server *server, struct sure_call *call) {
  struct sure__server_stream *stream = call->stream;
  const struct sure__outflow *out = &stream->ends.out;
  bool is_all_sent = !stream->ends.sends || (out->has_sent_end && !out->is_stopped) ||
                     SURE__MUTANT(STREAM_RESULT_BEFORE_MESSAGES);
  if (call->step != SURE__CALL_LINGERS || waiter_of(call) == NULL || !is_all_sent) {
    return;
  }
  sure__answer_call(server, call);
  if (call->session->is_none) {
    release(server, call); /* nobody could come back to it */
  }
}

static bool has_to_send(const struct sure__peer *peer) {
  return !sure__list_is_empty(&peer->sending) || !sure__bodies_is_empty(&peer->bodies);
}

/* A part of the stream whose turn it is. False: none has anything to send. */
static bool pump_stream(struct sure__server *server, struct sure__peer *peer) {
  struct sure__list *link = sure__list_pop(&peer->sending);
  if (link == NULL) {
    return false;
  }
  struct sure__stream *ends = sure__container_of(link, struct sure__stream, turn);
  struct sure_call *call = sure__container_of(ends, struct sure__server_stream, ends)->call;
  struct sure__frame frame;
  const struct sure__waiter *waiter = waiter_of(call);
  sure__assert(waiter != NULL && "who is in line has somebody to send to");
  if (sure__stream_next_part(ends, call->op.sequence, waiter->attempt, &frame)) {
    sure__peer_send(server, peer, &frame);
    peer->unsent_len += frame.payload.len + DATA_OVERHEAD;
    line_up(server, call);
    say_end(server, call);
  }
  return true;
}

/* A frame of the long answer whose turn it is. */
static bool pump_body(struct sure__server *server, struct sure__peer *peer) {
  if (sure__bodies_is_empty(&peer->bodies)) {
    return false;
  }
  size_t len = sure__bodies_next(&peer->bodies, peer->out);
  if (len == 0) {
    sure__peer_close(server, peer, 0, "memory is short");
  }
  peer->unsent_len += len;
  sure__peer_touch(server, peer);
  return true;
}

static void pump_peer(struct sure__server *server, struct sure__peer *peer) {
  bool has_more = true;
  while (has_more && peer->unsent_len < UNSENT_MAX && !peer->is_closing) {
    bool streams = pump_stream(server, peer);
    has_more = (!peer->is_closing && pump_body(server, peer)) || streams;
  }
  sure__list_remove(&peer->pumps);
  peer->awaits_room = !peer->is_closing && has_to_send(peer);
  if (peer->awaits_room) {
    sure__peer_touch(server, peer); /* the shell says when there is some */
  }
}

void sure__server_pump(struct sure__server *server) {
  struct sure__list *link;
  while ((link = sure__list_pop(&server->pumping)) != NULL) {
    pump_peer(server, sure__container_of(link, struct sure__peer, pumps));
  }
}

void sure__server_sent(struct sure__server *server, struct sure__peer *peer, size_t unsent_len) {
  peer->unsent_len = unsent_len;
  peer->awaits_room = false;
  if (has_to_send(peer) && !sure__list_is_linked(&peer->pumps)) {
    sure__list_append(&server->pumping, &peer->pumps);
  }
}

/* ---- attempts ---- */

/* A handler that waits for a client who is away keeps nobody else from work: the client may be at
 * another server by now, and never come back. */
static void leave_place(struct sure__server *server, struct sure_call *call) {
  if (call->is_at_work) {
    sure__gate_step_out(server->config.gate);
    call->is_at_work = false;
    call->stream->is_out = true;
  }
}

static void take_place(struct sure__server *server, struct sure_call *call) {
  if (call->stream->is_out) {
    sure__gate_step_in(server->config.gate);
    call->is_at_work = true;
    call->stream->is_out = false;
  }
}

void sure__server_stream_attach(struct sure__server *server, struct sure_call *call) {
  struct sure__server_stream *stream = call->stream;
  struct sure__waiter *waiter = waiter_of(call);
  sure__assert(waiter != NULL && "an attempt has come");
  stream->attempt = waiter->attempt;
  waiter->is_accepted = true;
  sure__peer_send(server, waiter->peer,
                  &(struct sure__frame){.type = SURE__ACCEPTED,
                                        .sequence = call->op.sequence,
                                        .attempt = waiter->attempt});
  if (waiter->attempt > 1) {
    sure__stream_stop(&stream->ends); /* until the client says where it stands */
  }
  if (stream->ends.receives) {
    tell_window(server, call);
  }
  stream->active_ms = waiter->peer->heard_at_ms;
  take_place(server, call);
  watch(server, call);
  line_up(server, call);
  say_end(server, call);
}

struct sure_call *sure__server_stream_find(const struct sure__server_session *session,
                                           uint64_t sequence) {
  struct sure__index_link *link = sure__index_find(&session->running, sequence);
  for (; link != NULL; link = sure__index_next(link)) {
    struct sure_call *call = sure__container_of(link, struct sure_call, running);
    if (call->stream != NULL) {
      return call;
    }
  }
  return NULL;
}

bool sure__server_stream_join(struct sure__server *server, struct sure_call *call,
                              struct sure__peer *peer, uint32_t attempt) {
  if (attempt <= call->stream->attempt) {
    return true; /* the client is past that one: it is late, or came twice */
  }
  while (!sure__list_is_empty(&call->waiters)) {
    sure__call_remove_waiter(waiter_of(call)); /* an attempt of before, perhaps half open */
  }
  if (!sure__call_add_waiter(call, peer, attempt)) {
    return false;
  }
  sure__server_stream_attach(server, call);
  return true;
}

/* ---- what comes ---- */

static struct sure_call *find_by_frame(const struct sure__peer *peer,
                                       const struct sure__frame *frame) {
  struct sure_call *call = sure__server_stream_find(peer->session, frame->sequence);
  const struct sure__waiter *waiter = call == NULL ? NULL : waiter_of(call);
  bool is_its = waiter != NULL && waiter->peer == peer && waiter->attempt == frame->attempt;
  return is_its || SURE__MUTANT(STREAM_LATE_PART_TAKEN)
             ? call
             : NULL; /* otherwise it is late: the stream is over, or elsewhere */
}

void sure__server_stream_on_data(struct sure__server *server, struct sure__peer *peer,
                                 const struct sure__frame *frame) {
  struct sure_call *call = find_by_frame(peer, frame);
  bool is_short = false;
  const char *problem = call == NULL ? NULL
                        : is_position_unknown(call)
                            ? "DATA before a WINDOW"
                            : sure__stream_on_data(&call->stream->ends, frame, &is_short);
  if (problem != NULL) {
    sure__server_protocol_error(server, peer, problem);
  } else if (is_short) {
    sure__peer_close(server, peer, SURE__GOAWAY_OVERLOADED, "memory is short");
  } else if (call != NULL) {
    call->stream->active_ms = peer->heard_at_ms;
    wake(server, call);
    if (sure__inflow_should_tell(&call->stream->ends.in)) {
      tell_window(server, call);
    }
  }
}

void sure__server_stream_on_window(struct sure__server *server, struct sure__peer *peer,
                                   const struct sure__frame *frame) {
  struct sure_call *call = find_by_frame(peer, frame);
  const char *problem = call == NULL ? NULL : sure__stream_on_window(&call->stream->ends, frame);
  if (problem != NULL) {
    sure__server_protocol_error(server, peer, problem);
  } else if (call != NULL) {
    call->stream->active_ms = peer->heard_at_ms;
    line_up(server, call);
    wake(server, call);
  }
}

/* ---- what handlers do ---- */

/* What can go on elsewhere need not keep a server that drains. */
static bool should_leave(const struct sure_call *call) {
  return call->server->is_ending || (call->server->is_draining && call->method->plan.advances);
}

bool sure__server_stream_is_over(const struct sure_call *call, uint64_t now_ms) {
  return should_leave(call) || call->stream->is_idle || call->stream->is_taken_over ||
         atomic_load(&call->is_cancelled) || atomic_load(&call->deadline_ms) <= now_ms;
}

enum sure__stream_turn sure__server_stream_read(struct sure__server *server, struct sure_call *call,
                                                uint64_t now_ms,
                                                struct sure__stream_message **out_message) {
  struct sure__inflow *in = &call->stream->ends.in;
  *out_message = NULL;
  if (call->method->plan.advances && sure__server_stream_is_over(call, now_ms)) {
    return SURE__STREAM_OVER; /* the next run has what is there */
  }
  *out_message = sure__inflow_next(in);
  if (*out_message == NULL) {
    return sure__inflow_is_over(in)                    ? SURE__STREAM_ENDED
           : sure__server_stream_is_over(call, now_ms) ? SURE__STREAM_OVER
                                                       : SURE__STREAM_WAIT;
  }
  call->stream->active_ms = now_ms;
  call->stream->read_count++;
  if (!call->method->plan.advances || SURE__MUTANT(STREAM_ACKED_BEFORE_COMMIT)) {
    sure__inflow_ack(in, call->stream->read_count);
  }
  if (sure__inflow_should_tell(in)) {
    tell_window(server, call);
  }
  return SURE__STREAM_DONE;
}

enum sure__stream_turn sure__server_stream_write(struct sure__server *server,
                                                 struct sure_call *call, uint64_t now_ms,
                                                 struct sure__stream_message *message) {
  struct sure__outflow *out = &call->stream->ends.out;
  if (sure__server_stream_is_over(call, now_ms)) {
    return SURE__STREAM_OVER;
  }
  if (sure__outflow_is_full(out)) {
    return SURE__STREAM_WAIT;
  }
  call->stream->active_ms = now_ms;
  sure__outflow_add(out, message);
  line_up(server, call);
  return SURE__STREAM_DONE;
}

/* ---- a call that commits as it goes ---- */

void sure__server_stream_claimed(struct sure__server *server, struct sure_call *call) {
  call->stream->read_count = call->op.position;
  sure__inflow_begin_at(&call->stream->ends.in, call->op.position + 1);
  tell_window(server, call);
}

bool sure__server_stream_is_ahead(const struct sure_call *call) {
  return call->method->plan.advances && call->stream->read_count > call->stream->ends.in.acked;
}

void sure__server_stream_commit(struct sure__server *server, struct sure_call *call) {
  call->op.position = call->stream->read_count;
  sure__call_advance(server, call);
}

/* Its client is told at once: it may be waiting with more than it may have under way. */
void sure__server_stream_advanced(struct sure__server *server, struct sure_call *call) {
  struct sure__server_stream *stream = call->stream;
  struct sure__inflow *in = &stream->ends.in;
  sure__assert(call->op.position >= in->acked && "it only goes forward");
  bool is_news = call->op.verdict == SURE_STORE_DONE && call->op.position > in->acked;
  if (is_news) {
    sure__inflow_ack(in, call->op.position);
    tell_window(server, call);
  }
  call->op.position = in->acked; /* what is committed */
  stream->is_taken_over = stream->is_taken_over || call->op.verdict == SURE_STORE_TAKEN_OVER;
  wake(server, call);
}

void sure__server_stream_taken_over(struct sure__server *server, struct sure_call *call) {
  call->stream->is_taken_over = true;
  wake(server, call);
}

/* ---- the end ---- */

void sure__server_stream_ended(struct sure__server *server, struct sure_call *call) {
  call->step = SURE__CALL_LINGERS;
  sure__outflow_end(&call->stream->ends.out);
  sure__list_append(&call->session->lingering, &call->stream->lingering);
  if (atomic_load(&call->is_cancelled)) {
    release(server, call);
    return;
  }
  /* Its time may have passed long ago. */
  watch(server, call);
  line_up(server, call);
  if (waiter_of(call) == NULL) {
    sure__call_count_off(server, call); /* whoever ends the server need not wait for a client */
  } else {
    say_end(server, call);
  }
}

void sure__server_stream_left(struct sure__server *server, struct sure_call *call,
                              uint64_t heard_at_ms) {
  sure__stream_stop(&call->stream->ends);
  leave_place(server, call);
  if (call->step == SURE__CALL_LINGERS) {
    sure__call_count_off(server, call);
  } else if (call->method->plan.advances) {
    if (heard_at_ms > call->stream->active_ms) {
      call->stream->active_ms = heard_at_ms; /* he was there, if quiet */
    }
    watch(server, call);
  }
}

void sure__server_stream_cancelled(struct sure__server *server, struct sure_call *call) {
  if (call->step == SURE__CALL_LINGERS) {
    release(server, call);
  } else {
    wake(server, call);
  }
}

void sure__server_stream_due(struct sure__server *server, struct sure__server_stream *stream,
                             uint64_t now_ms) {
  struct sure_call *call = stream->call;
  uint32_t idle_ms = idle_limit_ms(server, call);
  if (idle_ms > 0 && call->step != SURE__CALL_LINGERS && stream->active_ms + idle_ms <= now_ms) {
    stream->is_idle = true;
    wake(server, call);
  }
  if (atomic_load(&call->deadline_ms) > now_ms) { /* or a later attempt had more time */
    watch(server, call);
  } else if (call->step == SURE__CALL_LINGERS) {
    release(server, call);
  } else {
    wake(server, call);
  }
}

static bool is_in(const struct sure__ack *ack, uint64_t sequence) {
  for (uint32_t i = 0; i < ack->range_count; i++) {
    struct sure_range range = sure__ack_range(ack, i);
    if (range.first <= sequence && sequence <= range.last) {
      return true;
    }
  }
  return false;
}

void sure__server_streams_acked(struct sure__server *server, struct sure__server_session *session,
                                const struct sure__ack *ack) {
  struct sure__list *next;
  for (struct sure__list *l = session->lingering.next; l != &session->lingering; l = next) {
    next = l->next;
    struct sure_call *call = sure__container_of(l, struct sure__server_stream, lingering)->call;
    if (call->op.sequence < session->watermark || (ack != NULL && is_in(ack, call->op.sequence))) {
      release(server, call);
    }
  }
}

void sure__server_wake_streams(struct sure__server *server) {
  for (struct sure__list *l = server->streams.next; l != &server->streams; l = l->next) {
    wake(server, sure__container_of(l, struct sure__server_stream, of_server)->call);
  }
}

void sure__server_end_streams(struct sure__server *server) {
  server->is_ending = true;
  sure__server_wake_streams(server);
}

void sure__server_streams_forget(struct sure__server *server) {
  struct sure__list *next;
  for (struct sure__list *l = server->streams.next; l != &server->streams; l = next) {
    next = l->next;
    struct sure_call *call = sure__container_of(l, struct sure__server_stream, of_server)->call;
    if (call->step == SURE__CALL_LINGERS) {
      release(server, call);
    }
  }
}
