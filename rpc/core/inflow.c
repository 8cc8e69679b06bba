#include "rpc/core/inflow.h"

#include <string.h>

#include "rpc/core/assert.h"
#include "rpc/core/memory.h"
#include "rpc/core/mutant.h"

void sure__inflow_init(struct sure__inflow *in, uint32_t window_len_min, uint32_t window_len_max,
                       uint32_t message_len_max) {
  *in = (struct sure__inflow){.window_len = window_len_min,
                              .window_len_min = window_len_min,
                              .window_len_max = window_len_max,
                              .message_len_max = message_len_max,
                              .index = 1};
  in->credit = window_len_min;
  sure__list_init(&in->messages);
}

void sure__inflow_fini(struct sure__inflow *in) {
  struct sure__stream_message *message;
  while ((message = sure__inflow_next(in)) != NULL) {
    sure__free(message);
  }
  sure__free(in->coming);
  in->coming = NULL;
}

void sure__inflow_begin_at(struct sure__inflow *in, uint64_t index) {
  sure__assert(in->index == 1 && in->coming == NULL && "nothing has come yet");
  in->index = index;
  in->acked = index - 1;
}

/* ---- parts ---- */

static size_t cost_of(const struct sure__part *part) {
  return part->bytes.len + (part->offset == 0 ? SURE__STREAM_MESSAGE_COST : 0);
}

static const char *check(const struct sure__inflow *in, const struct sure__part *part) {
  if (in->has_ended) { /* on a new connection the end may be said again */
    bool is_same = part->is_end && part->index == in->index;
    return is_same ? NULL : "a message after the end of its stream";
  }
  if (part->index != in->index || part->offset != in->offset) {
    return "a stream with a gap";
  }
  if (part->is_end) {
    return in->offset == 0 ? NULL : "a stream that ends inside of a message";
  }
  if (part->total > in->message_len_max) {
    return "a message of a stream is over the limit";
  }
  if (in->coming != NULL && part->total != in->coming->len) {
    return "a message of a stream that changes its length";
  }
  if (part->bytes.len > part->total - part->offset || cost_of(part) > in->credit) {
    return "more of a stream than was allowed";
  }
  return part->bytes.len == 0 && part->total > 0 ? "an empty part of a message" : NULL;
}

/* Room for the part; it grows with what has come. */
static bool make_room(struct sure__inflow *in, const struct sure__part *part) {
  size_t wanted = part->offset + part->bytes.len;
  if (in->coming != NULL && wanted <= in->coming_room) {
    return true;
  }
  size_t room = wanted < part->total / 2 ? 2 * wanted : part->total;
  struct sure__stream_message *coming = sure__realloc(in->coming, sizeof *coming + room);
  if (coming == NULL) {
    return false;
  }
  if (in->coming == NULL) {
    *coming = (struct sure__stream_message){.len = part->total};
  }
  in->coming = coming;
  in->coming_room = room;
  return true;
}

static void end_message(struct sure__inflow *in) {
  sure__list_append(&in->messages, &in->coming->link);
  in->coming = NULL;
  in->offset = 0;
  in->index++;
}

const char *sure__inflow_take(struct sure__inflow *in, const struct sure__part *part,
                              bool *out_short) {
  const char *problem = check(in, part);
  *out_short = false;
  if (problem != NULL) {
    return problem;
  }
  if (part->is_end) {
    in->has_ended = true;
    return NULL;
  }
  if (!make_room(in, part)) {
    *out_short = true;
    return NULL;
  }
  if (part->bytes.len > 0) {
    memcpy(in->coming->data + in->offset, part->bytes.data, part->bytes.len);
  }
  in->offset += (uint32_t)part->bytes.len;
  in->credit -= (uint32_t)cost_of(part);
  in->held_len += cost_of(part);
  if (in->offset == in->coming->len) {
    end_message(in);
  }
  return NULL;
}

/* ---- messages ---- */

struct sure__stream_message *sure__inflow_next(struct sure__inflow *in) {
  struct sure__list *link = sure__list_pop(&in->messages);
  if (link == NULL) {
    in->is_awaited = true;
    return NULL;
  }
  struct sure__stream_message *message =
      sure__container_of(link, struct sure__stream_message, link);
  if (!SURE__MUTANT(STREAM_WINDOW_LEAK) || message->len % 2 == 0) {
    in->held_len -= message->len + SURE__STREAM_MESSAGE_COST;
  }
  return message;
}

bool sure__inflow_is_over(const struct sure__inflow *in) {
  return in->has_ended && sure__list_is_empty(&in->messages);
}

void sure__inflow_ack(struct sure__inflow *in, uint64_t index) {
  sure__assert(index < in->index && "what is acknowledged has come");
  if (index > in->acked) {
    in->acked = index;
  }
}

/* ---- the window ---- */

/* A message that is larger than the window must still come whole when nothing else could make room
 * for it. */
static uint32_t wanted_credit(const struct sure__inflow *in) {
  size_t free_len = in->held_len < in->window_len ? in->window_len - in->held_len : 0;
  bool is_alone = in->coming != NULL && sure__list_is_empty(&in->messages);
  size_t rest = is_alone ? in->coming->len - in->offset : 0;
  return (uint32_t)(rest > free_len ? rest : free_len);
}

/* Not for each message; but a sender that can't begin another one is not left waiting. */
bool sure__inflow_should_tell(const struct sure__inflow *in) {
  if (in->has_ended) {
    return in->acked > in->acked_told;
  }
  uint32_t wanted = wanted_credit(in);
  uint32_t gain = wanted > in->credit ? wanted - in->credit : 0;
  bool is_dry = in->credit <= SURE__STREAM_MESSAGE_COST;
  return gain >= in->window_len / 2 || (gain > 0 && is_dry);
}

/* A reader that had to wait while half of the window came may have waited for what the sender was
 * yet to hear: twice as much next time. One that has fallen behind gets no more than at first. */
static void adapt(struct sure__inflow *in) {
  if (in->is_awaited && in->credit <= in->window_len / 2) {
    uint32_t rest = in->window_len_max - in->window_len;
    in->window_len += in->window_len < rest ? in->window_len : rest;
  } else if (in->held_len > in->window_len / 2) {
    in->window_len = in->window_len_min;
  }
  in->is_awaited = false;
}

struct sure__window sure__inflow_window(struct sure__inflow *in) {
  adapt(in);
  uint32_t wanted = wanted_credit(in);
  in->credit = wanted > in->credit ? wanted : in->credit; /* what was granted stays */
  in->acked_told = in->acked;
  return (struct sure__window){
      .index = in->index, .offset = in->offset, .credit = in->credit, .acked = in->acked};
}
