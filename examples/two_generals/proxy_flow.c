#include "proxy_flow.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

/* Of docs/protocol.md, sections 2.1 and 2.3: all that the proxy knows. */
#define FRAME_START_LEN 16 /* up to the end of the sequence */
#define FRAME_LEN_MIN   32
#define FRAME_LEN_MAX   65536
#define TYPE_ATTACHED   0x04
#define TYPE_REQUEST    0x05
#define TYPE_RESPONSE   0x07

/* splitmix64: small, and good enough for dice. */
static uint64_t next_random(uint64_t *state) {
  uint64_t mixed = *state += UINT64_C(0x9E3779B97F4A7C15);
  mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94D049BB133111EB);
  return mixed ^ (mixed >> 31);
}

static uint32_t faults_of_side(enum flow_side side) {
  uint32_t faults = 0;
#define ADD_FAULT(id, name, at) faults |= (side == FLOW_##at) ? 1u << PROXY_##id : 0;
  PROXY_FAULT_LIST(ADD_FAULT)
#undef ADD_FAULT
  return faults;
}

void flow_init(struct flow *flow, enum flow_side side, const struct proxy_options *options,
               uint64_t connection, struct proxy_stats *stats, struct flow **late) {
  memset(flow, 0, offsetof(struct flow, bytes));
  flow->side = side;
  flow->loss = options->loss;
  flow->faults = faults_of_side(side) & (options->faults == 0 ? PROXY_FAULTS_ALL : options->faults);
  flow->random = options->seed ^ (connection * 2 + side) * UINT64_C(0xD1342543DE82EF95);
  flow->stats = stats;
  flow->late = late;
  flow->late_at = FLOW_POSITION_NONE;
  flow->cut_at = FLOW_POSITION_NONE;
  flow->hole_at = FLOW_POSITION_NONE;
  flow->copy_at = FLOW_POSITION_NONE;
}

static size_t kept(const struct flow *flow) {
  return (size_t)(flow->read - flow->sent);
}

static uint64_t min(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

/* Up to where bytes may leave now. */
static uint64_t may_leave(const struct flow *flow) {
  uint64_t seen = flow->ended ? flow->read : min(flow->frame, flow->read);
  return min(min(seen, flow->late_at), min(flow->cut_at, flow->hole_at));
}

bool flow_wants_input(const struct flow *flow) {
  return !flow->ended && kept(flow) < FLOW_LEN_MAX;
}

bool flow_has_output(const struct flow *flow) {
  return may_leave(flow) > flow->sent;
}

bool flow_is_cut(const struct flow *flow) {
  return flow->sent >= flow->cut_at;
}

bool flow_is_late(const struct flow *flow) {
  return flow->late_at != FLOW_POSITION_NONE && flow->turns == 0;
}

void flow_release(struct flow *flow) {
  flow->late_at = FLOW_POSITION_NONE;
  if (*flow->late == flow) {
    *flow->late = NULL;
  }
}

void flow_turn(struct flow *flow) {
  if (flow->turns > 0 && --flow->turns == 0) {
    flow_release(flow);
  }
}

bool flow_is_hole(const struct flow *flow) {
  return flow->hole_at != FLOW_POSITION_NONE;
}

bool flow_is_over(const struct flow *flow) {
  return flow->ended && kept(flow) == 0;
}

/* The faults that can happen to the next frame. A stream can be replayed while its start is kept.
 */
static uint32_t possible_faults(const struct flow *flow, uint64_t len) {
  bool can_copy = flow->capture != NULL && flow->copy_at == FLOW_POSITION_NONE &&
                  flow->frame + len <= FLOW_LEN_MAX;
  uint32_t impossible =
      (can_copy ? 0 : 1u << PROXY_REPLAY) | (*flow->late == NULL ? 0 : 1u << PROXY_LATE);
  return flow->faults & ~impossible;
}

/* One of `faults`, each as likely as the others. */
static enum proxy_fault pick_fault(uint64_t *random, uint32_t faults) {
  unsigned count = (unsigned)__builtin_popcount(faults);
  for (unsigned skip = (unsigned)(next_random(random) % count); skip > 0; skip--) {
    faults &= faults - 1;
  }
  return (enum proxy_fault)__builtin_ctz(faults);
}

/* Let `fault` happen to the frame of `len` bytes that begins at flow->frame. */
static void start_fault(struct flow *flow, enum proxy_fault fault, uint64_t len,
                        uint64_t sequence) {
  uint64_t inside = flow->frame + 1 + next_random(&flow->random) % (len - 1);
  flow->stats->faults[fault]++;
  switch (fault) {
  case PROXY_CUT_REQUEST:
  case PROXY_CUT_MID_REPLY:
    flow->cut_at = inside;
    break;
  case PROXY_CUT_AFTER:
    flow->cut_at = flow->frame + len;
    break;
  case PROXY_CUT_REPLY:
    flow->cut_at = flow->frame;
    break;
  case PROXY_HOLE_UP:
  case PROXY_HOLE_DOWN:
    flow->hole_at = flow->frame;
    break;
  case PROXY_LATE:
    flow->late_at = flow->frame;
    flow->late_sequence = sequence;
    *flow->late = flow;
    break;
  case PROXY_REPLAY:
    flow->copy_at = flow->frame + len;
    break;
  }
}

static bool fault_has_begun(const struct flow *flow) {
  return flow->cut_at != FLOW_POSITION_NONE || flow->late_at != FLOW_POSITION_NONE ||
         flow_is_hole(flow);
}

static void throw_die(struct flow *flow, uint64_t len, uint64_t sequence) {
  double die = (double)(next_random(&flow->random) >> 11) * 0x1p-53;
  uint32_t faults = possible_faults(flow, len);
  if (die < flow->loss && faults != 0 && !fault_has_begun(flow)) {
    start_fault(flow, pick_fault(&flow->random, faults), len, sequence);
  }
}

/* A request whose first attempt is late: that one goes first, and this one right behind it. */
static void meet_late(struct flow *flow, uint64_t sequence) {
  struct flow *late = *flow->late;
  if (late == NULL || late == flow || late->late_sequence != sequence || fault_has_begun(flow)) {
    return;
  }
  flow_release(late);
  flow->late_at = flow->frame;
  flow->turns = 2;
}

static void see_frame(struct flow *flow, uint8_t type, uint64_t len, uint64_t sequence) {
  if (flow->is_replay) {
    bool is_answer = type == TYPE_RESPONSE || type == TYPE_ATTACHED;
    flow->stats->replay_answers += flow->side == FLOW_DOWN && is_answer;
  } else if (flow->side == FLOW_UP && type == TYPE_REQUEST) {
    flow->stats->requests++;
    meet_late(flow, sequence);
    throw_die(flow, len, sequence);
  } else if (flow->side == FLOW_DOWN && type == TYPE_RESPONSE) {
    flow->stats->responses++;
    throw_die(flow, len, sequence);
  }
}

static uint64_t little_endian(const uint8_t *bytes, unsigned count) {
  uint64_t number = 0;
  while (count-- > 0) {
    number = number << 8 | bytes[count];
  }
  return number;
}

/* Look at the frames whose start has come in. A stream that is none of Sure's passes unwatched. */
static void watch(struct flow *flow) {
  while (flow->frame < flow->read && flow->read - flow->frame >= FRAME_START_LEN) {
    const uint8_t *header = flow->bytes + (flow->frame - flow->sent);
    uint64_t len = little_endian(header, 4);
    if (len < FRAME_LEN_MIN || len > FRAME_LEN_MAX) {
      flow->frame = FLOW_POSITION_NONE;
      return;
    }
    see_frame(flow, header[4], len, little_endian(header + 8, 8));
    flow->frame += len;
  }
}

static void drop_front(struct flow *flow, uint64_t count) {
  flow->sent += count;
  memmove(flow->bytes, flow->bytes + count, kept(flow));
}

/* Take what is past the hole out of the buffer, as far as it was looked at. */
static void swallow(struct flow *flow) {
  uint64_t seen = flow->ended ? flow->read : min(flow->frame, flow->read);
  if (flow->sent >= flow->hole_at && seen > flow->sent) {
    drop_front(flow, seen - flow->sent);
  }
}

void flow_init_replay(struct flow *flow, const uint8_t *bytes, size_t len) {
  flow->is_replay = true;
  memcpy(flow->bytes, bytes, len);
  flow->read = len;
  watch(flow);
}

static void capture(struct flow *flow, const uint8_t *bytes, size_t len) {
  if (flow->capture != NULL && flow->read < FLOW_LEN_MAX) {
    memcpy(flow->capture + flow->read, bytes, min(len, FLOW_LEN_MAX - flow->read));
  }
}

bool flow_read(struct flow *flow, int fd) {
  uint8_t *room = flow->bytes + kept(flow);
  ssize_t count = recv(fd, room, FLOW_LEN_MAX - kept(flow), 0);
  if (count < 0) {
    return errno == EAGAIN || errno == EINTR;
  }
  capture(flow, room, (size_t)count);
  flow->ended = count == 0;
  flow->read += (uint64_t)count;
  watch(flow);
  swallow(flow);
  return true;
}

bool flow_write(struct flow *flow, int fd) {
  ssize_t count = send(fd, flow->bytes, (size_t)(may_leave(flow) - flow->sent), MSG_NOSIGNAL);
  if (count < 0) {
    return errno == EAGAIN || errno == EINTR;
  }
  drop_front(flow, (uint64_t)count);
  swallow(flow);
  return true;
}
