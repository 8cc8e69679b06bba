/* In place of rpc/net/connection.c: the same contract over a virtual network.
 *
 * Each direction is a queue of segments that arrive in order, later than they were sent. A blocked
 * direction holds them back, as TCP does, so that they may come when nobody expects them any more.
 * A connection ends by either side's close, by a cut (at any byte), or with its process; the other
 * side may hear of it late or never. */
#include "tests/sim/network.h"

#include <stdlib.h>
#include <string.h>

#include "rpc/core/assert.h"
#include "rpc/core/memory.h"
#include "rpc/net/clock.h"
#include "rpc/net/reader.h"
#include "tests/sim/story.h"

enum {
  ROOM_LEN = 64 * 1024,
  WINDOW_LEN = 64 * 1024,     /* bytes under way in one direction */
  OLD_BYTES_MAX = 128 * 1024, /* kept of one connection */
};

struct segment {
  struct segment *next;
  bool is_end;   /* the sender has closed */
  bool is_reset; /* the connection is cut after these bytes */
  size_t len;
  uint8_t bytes[];
};

struct sure__connection {
  struct pipe *pipe;
  struct process *process;
  uint32_t life;
  bool is_server;
  struct sure__connection_config config;
  bool is_open;
  bool is_started;
  bool is_closed; /* on_closed was called */
  bool is_freed;  /* the owner has no use for it any more */
  bool is_deaf;   /* nothing arrives here any more */
  const char *close_reason;
  unsigned hold_count;
  bool asks_room;
  struct sure__buffer pending;
  struct sure__reader reader;
  uint64_t stalled_since_ms;
  size_t backlog_len;
  /* What is on its way to the other end. */
  struct segment *first;
  struct segment *last;
  size_t flying_len;
  uint64_t arrival_ms; /* of the last segment */
  bool has_ended;      /* its end is in the queue */
};

struct pipe {
  struct pipe *next;
  struct sure__connection ends[2]; /* client's, server's */
  struct conversation talk;
  uint8_t *old; /* what the client has sent */
  size_t old_len;
};

static struct pipe *pipes;
static uint64_t blocked_until_ms[CLIENTS_MAX + 1][SERVERS_MAX][2];

static void arrive(void *thing, uint64_t number);

static struct sure__connection *other(struct sure__connection *end) {
  return &end->pipe->ends[end->is_server ? 0 : 1];
}

static bool is_dead(const struct sure__connection *end) {
  return end->process != NULL && !process_is_alive(end->process, end->life);
}

/* ---- the network between them ---- */

uint64_t network_delay_ms(void) {
  const struct plan *plan = &sim.plan;
  uint64_t delay_ms = plan->delay_ms + chance_below(plan->jitter_ms + 1);
  if (!sim.is_healed && chance_permille(plan->slow_permille)) {
    delay_ms += chance_below(plan->slow_ms + 1);
  }
  return delay_ms;
}

uint64_t network_blocked_until_ms(unsigned client, unsigned server, bool to_server) {
  uint64_t until_ms = blocked_until_ms[client][server][to_server ? 1 : 0];
  return until_ms > sim.now_ms ? until_ms : 0;
}

void network_block(unsigned client, unsigned server, bool to_server, uint64_t until_ms) {
  uint64_t *blocked = &blocked_until_ms[client][server][to_server ? 1 : 0];
  if (until_ms > *blocked) {
    *blocked = until_ms;
  }
}

void network_heal(void) {
  memset(blocked_until_ms, 0, sizeof blocked_until_ms);
}

static void plan_arrival(struct sure__connection *from, uint64_t at_ms) {
  struct sure__connection *to = other(from);
  event_at(at_ms, to->process, arrive, to, 0);
}

static void send_segment(struct sure__connection *from, const uint8_t *bytes, size_t len,
                         bool is_end, bool is_reset) {
  struct segment *segment = malloc(sizeof *segment + len);
  if (segment == NULL) {
    abort();
  }
  *segment = (struct segment){.is_end = is_end, .is_reset = is_reset, .len = len};
  if (len > 0) {
    memcpy(segment->bytes, bytes, len);
  }
  if (from->first == NULL) {
    from->first = segment;
  } else {
    from->last->next = segment;
  }
  from->last = segment;
  from->flying_len += len;
  uint64_t at_ms = sim.now_ms + network_delay_ms();
  from->arrival_ms = at_ms > from->arrival_ms ? at_ms : from->arrival_ms;
  plan_arrival(from, from->arrival_ms);
}

static void keep_old_bytes(struct pipe *pipe, struct sure_bytes bytes) {
  if (sim.plan.replay_every_ms == 0 || pipe->talk.client == CLIENTS_MAX ||
      pipe->old_len + bytes.len > OLD_BYTES_MAX) {
    return;
  }
  pipe->old = realloc(pipe->old, pipe->old_len + bytes.len);
  if (pipe->old == NULL) {
    abort();
  }
  memcpy(pipe->old + pipe->old_len, bytes.data, bytes.len);
  pipe->old_len += bytes.len;
}

static void forget_segments(struct sure__connection *from) {
  while (from->first != NULL) {
    struct segment *segment = from->first;
    from->first = segment->next;
    free(segment);
  }
  from->flying_len = 0;
}

/* The end of the stream is on its way, unless the other side is never to hear of it. */
static void send_end(struct sure__connection *from) {
  if (from->has_ended) {
    return;
  }
  from->has_ended = true;
  if (!sim.is_healed && chance_permille(sim.plan.half_open_permille)) {
    sim_fault(FAULT_DROP, "connection of client %u and server %u is half open",
              from->pipe->talk.client, from->pipe->talk.server);
    forget_segments(from);
    return;
  }
  if (chance_below(4) == 0) {
    forget_segments(from); /* a reset overtakes what was on its way */
  }
  send_segment(from, NULL, 0, true, false);
}

static size_t next_len(const struct sure__connection *from) {
  size_t room = WINDOW_LEN - from->flying_len;
  size_t len = from->pending.len < room ? from->pending.len : room;
  return chance_permille(sim.plan.split_permille) ? chance_between(1, len) : len;
}

/* What is long has more places where it can be cut. */
static bool is_cut_within(size_t len) {
  return !sim.is_healed && chance_permille(sim.plan.cut_permille * (uint32_t)(1 + len / 8192));
}

/* Lets bytes fly while there is room for them. */
static void push(struct sure__connection *from) {
  struct sure__buffer *pending = &from->pending;
  while (pending->len > 0 && from->flying_len < WINDOW_LEN && !from->has_ended) {
    size_t len = next_len(from);
    bool is_cut = is_cut_within(len);
    if (is_cut) {
      len = chance_below(len + 1);
      from->has_ended = true;
      sim_fault(FAULT_CUT, "connection of client %u and server %u is cut after %zu bytes",
                from->pipe->talk.client, from->pipe->talk.server, len);
    }
    send_segment(from, pending->data, len, false, is_cut);
    pending->len -= len;
    memmove(pending->data, pending->data + len, pending->len);
  }
}

/* ---- an end: the contract of connection.h ---- */

struct nng_stream *network_client_end(struct pipe *pipe) {
  return (struct nng_stream *)(void *)&pipe->ends[0];
}

struct nng_stream *network_server_end(struct pipe *pipe) {
  return (struct nng_stream *)(void *)&pipe->ends[1];
}

struct pipe *network_connect(struct process *client, unsigned client_number, struct process *server,
                             unsigned server_number) {
  struct pipe *pipe = calloc(1, sizeof *pipe);
  if (pipe == NULL) {
    abort();
  }
  pipe->talk.owed.server = server;
  pipe->talk.client = client_number;
  pipe->talk.server = server_number;
  struct process *processes[] = {client, server};
  for (int i = 0; i < 2; i++) {
    struct sure__connection *end = &pipe->ends[i];
    end->pipe = pipe;
    end->is_server = i == 1;
    end->process = processes[i];
    end->life = processes[i] == NULL ? 0 : processes[i]->life;
    sure__reader_init(&end->reader);
  }
  pipe->next = pipes;
  pipes = pipe;
  return pipe;
}

struct sure__connection *sure__connection_open(struct nng_stream *stream,
                                               const struct sure__connection_config *config) {
  struct sure__connection *end = (struct sure__connection *)(void *)stream;
  end->config = *config;
  end->is_open = true;
  return end;
}

void sure__connection_start(struct sure__connection *c) {
  c->is_started = true;
  c->hold_count++; /* the posted read, until the close is done */
}

bool sure__connection_hold(struct sure__connection *c) {
  if (!c->is_closed) {
    c->hold_count++;
  }
  return !c->is_closed;
}

void sure__connection_release(struct sure__connection *c) {
  sure__assert(c->hold_count > 0 && "hold and release come in pairs");
  c->hold_count--;
  if (c->hold_count == 0 && c->is_started && c->close_reason != NULL && !c->is_closed) {
    c->is_closed = true;
    c->config.on_closed(c->config.user, c->close_reason);
  }
}

static void read_aborted(void *thing, uint64_t number) {
  (void)number;
  sure__connection_release(thing);
}

void sure__connection_close(struct sure__connection *c, const char *reason) {
  if (c->close_reason != NULL) {
    return;
  }
  c->close_reason = reason;
  c->is_deaf = true;
  struct conversation *talk = &c->pipe->talk;
  talk->owed.is_over = talk->owed.is_over || c->is_server;
  talk->heard.is_over = talk->heard.is_over || c->is_server;
  send_end(c);
  if (c->is_started) {
    event_at(sim.now_ms, c->process, read_aborted, c, 0);
  }
}

static size_t unsent_len(const struct sure__connection *c) {
  return c->pending.len + c->flying_len;
}

static bool is_over_limit(const struct sure__connection *c) {
  return c->config.unsent_len_max != 0 && unsent_len(c) + c->backlog_len > c->config.unsent_len_max;
}

void sure__connection_queue(struct sure__connection *c, struct sure__buffer *bytes) {
  if (c->close_reason == NULL) {
    if (!sure__buffer_append(&c->pending, bytes->data, bytes->len)) {
      abort();
    }
    struct sure_bytes frames = {bytes->data, bytes->len};
    story_sent(c->is_server, &c->pipe->talk, frames);
    if (!c->is_server) {
      keep_old_bytes(c->pipe, frames);
    }
  }
  sure__buffer_clear(bytes, SIZE_MAX);
}

void sure__connection_set_backlog(struct sure__connection *c, size_t len) {
  c->backlog_len = len;
}

void sure__connection_flush(struct sure__connection *c) {
  if (c->close_reason == NULL) {
    push(c);
  }
}

void sure__connection_finish(struct sure__connection *c, const char *reason) {
  sure__connection_flush(c);
  sure__connection_close(c, reason);
}

bool sure__connection_ask_room(struct sure__connection *c) {
  c->asks_room = unsent_len(c) > ROOM_LEN;
  return c->asks_room;
}

static void tell_room(void *thing, uint64_t number) {
  struct sure__connection *c = thing;
  (void)number;
  if (c->close_reason == NULL) {
    c->config.on_room(c->config.user);
  }
  sure__connection_release(c);
}

size_t sure__connection_unsent_len(struct sure__connection *c) {
  return unsent_len(c);
}

uint64_t sure__connection_stalled_since_ms(struct sure__connection *c) {
  return c->stalled_since_ms;
}

struct sure__connection *sure__connection_free(struct sure__connection *c) {
  if (c != NULL) {
    sure__reader_fini(&c->reader);
    sure__buffer_fini(&c->pending);
    c->pending = (struct sure__buffer){0};
    c->is_freed = true;
    c->is_deaf = true;
    send_end(c);
  }
  return NULL;
}

/* ---- arrivals ---- */

/* The sender has room again. */
static void acknowledge(struct sure__connection *from) {
  if (is_dead(from) || from->is_freed || from->close_reason != NULL) {
    return;
  }
  struct process *before = process_enter(from->process);
  push(from);
  process_enter(before);
  if (from->asks_room && unsent_len(from) <= ROOM_LEN && sure__connection_hold(from)) {
    from->asks_room = false;
    event_at(sim.now_ms, from->process, tell_room, from, 0);
  }
  if (from->stalled_since_ms != 0 && !is_over_limit(from)) {
    from->stalled_since_ms = 0;
    for (struct segment *s = other(from)->first; s != NULL; s = s->next) {
      plan_arrival(other(from), sim.now_ms);
    }
  }
}

static void deliver(struct sure__connection *to, const struct segment *segment) {
  size_t done = 0;
  while (done < segment->len && to->close_reason == NULL) {
    uint8_t *room;
    size_t len;
    if (!sure__reader_offer(&to->reader, &room, &len)) {
      abort();
    }
    len = len < segment->len - done ? len : segment->len - done;
    memcpy(room, segment->bytes + done, len);
    done += len;
    struct sure_bytes frames = {0};
    const char *problem = sure__reader_take(&to->reader, len, &frames);
    if (problem != NULL) {
      sure__connection_close(to, problem);
    } else if (frames.len > 0) {
      story_received(to->is_server, &to->pipe->talk, frames);
      to->config.on_bytes(to->config.user, frames);
    }
  }
}

/* False: it has to wait, and comes again. */
static bool may_arrive(struct sure__connection *to) {
  uint64_t until_ms =
      network_blocked_until_ms(to->pipe->talk.client, to->pipe->talk.server, to->is_server);
  if (until_ms != 0) {
    plan_arrival(other(to), until_ms + sim.plan.delay_ms);
    return false;
  }
  if (to->is_started && to->close_reason == NULL && is_over_limit(to)) {
    if (to->stalled_since_ms == 0) {
      to->stalled_since_ms = sure__clock_ms();
    }
    return false;
  }
  return true;
}

static void arrive(void *thing, uint64_t number) {
  struct sure__connection *to = thing;
  struct sure__connection *from = other(to);
  (void)number;
  if (from->first == NULL || !may_arrive(to)) {
    return;
  }
  struct segment *segment = from->first;
  from->first = segment->next;
  from->flying_len -= segment->len;
  if (!to->is_deaf && to->is_started) {
    bool is_held = sure__connection_hold(to);
    sure__assert(is_held && "a closed end is deaf");
    deliver(to, segment);
    if (segment->is_end || segment->is_reset) {
      sure__connection_close(to, segment->is_end ? "the peer closed" : "connection reset");
    }
    sure__connection_release(to);
  }
  free(segment);
  acknowledge(from);
}

/* ---- single faults ---- */

static struct pipe *newest(unsigned client, unsigned server) {
  struct pipe *pipe = pipes;
  while (pipe != NULL && (pipe->talk.client != client || pipe->talk.server != server)) {
    pipe = pipe->next;
  }
  return pipe;
}

void network_cut(unsigned client, unsigned server) {
  struct pipe *pipe = newest(client, server);
  if (pipe == NULL || pipe->ends[0].has_ended || pipe->ends[1].has_ended) {
    return;
  }
  sim_fault(FAULT_CUT, "connection of client %u and server %u is cut", client, server);
  for (int i = 0; i < 2; i++) {
    struct sure__connection *end = &pipe->ends[i];
    end->has_ended = true;
    if (chance_below(2) == 0) {
      forget_segments(end);
    }
    send_segment(end, NULL, 0, false, true);
  }
}

static bool can_read(const struct sure__connection *end) {
  return end->is_started && !end->is_deaf && end->close_reason == NULL && !is_dead(end) &&
         end->process->paused_until_ms <= sim.now_ms;
}

void network_copy(unsigned client, unsigned server) {
  struct pipe *pipe = newest(client, server);
  if (pipe == NULL || !can_read(&pipe->ends[1])) {
    return;
  }
  struct sure__connection *to = &pipe->ends[1];
  struct sure_bytes frame = copies_pick(client, &pipe->talk.heard);
  if (frame.len == 0) {
    return;
  }
  sim_fault(FAULT_DUPLICATE, "server %u reads a frame of client %u once more", server, client);
  story_copied(&pipe->talk, frame);
  struct process *before = process_enter(to->process);
  if (sure__connection_hold(to)) {
    to->config.on_bytes(to->config.user, frame);
    sure__connection_release(to);
  }
  process_enter(before);
}

/* ---- ends ---- */

void network_process_ended(struct process *process, bool is_silent) {
  for (struct pipe *pipe = pipes; pipe != NULL; pipe = pipe->next) {
    for (int i = 0; i < 2; i++) {
      struct sure__connection *end = &pipe->ends[i];
      if (end->process == process && !end->is_freed && !is_dead(end)) {
        end->is_deaf = true;
        end->is_freed = true;
        pipe->talk.heard.is_over = pipe->talk.heard.is_over || end->is_server;
        end->pending = (struct sure__buffer){0};
        end->reader = (struct sure__reader){0};
        if (is_silent) {
          end->has_ended = true;
        } else {
          send_end(end);
        }
      }
    }
  }
}

struct sure_bytes network_old_bytes(void) {
  size_t seen = 0;
  struct sure_bytes bytes = {0};
  for (struct pipe *pipe = pipes; pipe != NULL; pipe = pipe->next) {
    if (pipe->old_len > 0 && chance_below(++seen) == 0) {
      bytes = (struct sure_bytes){pipe->old, pipe->old_len};
    }
  }
  return bytes;
}

void network_clear(void) {
  while (pipes != NULL) {
    struct pipe *pipe = pipes;
    pipes = pipe->next;
    forget_segments(&pipe->ends[0]);
    forget_segments(&pipe->ends[1]);
    owed_clear(&pipe->talk.owed);
    free(pipe->old);
    free(pipe);
  }
  copies_clear();
  network_heal();
}
