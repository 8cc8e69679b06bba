/* The receiving half of a stream: parts to messages, and how much more the sender may send
 * (docs/protocol.md, section 12).
 *
 * Parts come in order and without gaps: after a new connection the sender begins again exactly
 * where this half says that it stands. What is held is bounded by the window, or by one message
 * that is larger than that. */
#ifndef SURE_CORE_INFLOW_H
#define SURE_CORE_INFLOW_H

#include <stdbool.h>
#include <sure/base.h>

#include "rpc/core/stream_message.h"

struct sure__inflow {
  uint32_t window_len; /* now; it grows while the reader is faster than it, and falls back */
  uint32_t window_len_min;
  uint32_t window_len_max;
  uint32_t message_len_max;
  struct sure__list messages; /* whole, not taken yet */
  struct sure__stream_message *coming;
  size_t coming_room; /* bytes that it has memory for: not all at once on a sender's word */
  uint64_t index;
  uint32_t offset;
  bool has_ended;
  size_t held_len; /* of both */
  bool is_awaited; /* somebody wanted a message, and there was none, since the window was told */
  uint64_t acked;
  uint32_t credit;     /* what is left of what was granted */
  uint64_t acked_told; /* as the sender knows it */
};

void sure__inflow_init(struct sure__inflow *in, uint32_t window_len_min, uint32_t window_len_max,
                       uint32_t message_len_max);
void sure__inflow_fini(struct sure__inflow *in);
/* The messages before `index` are known from elsewhere: it is the first that is wanted. */
void sure__inflow_begin_at(struct sure__inflow *in, uint64_t index);

/* A part has come. NULL, or what is wrong with it. `*out_short`: memory was, and the part is
 * lost. */
const char *sure__inflow_take(struct sure__inflow *in, const struct sure__part *part,
                              bool *out_short);

/* The next whole message, which the caller frees; NULL: there is none yet, or no more. */
struct sure__stream_message *sure__inflow_next(struct sure__inflow *in);
/* All messages have been taken, and no more will come. */
bool sure__inflow_is_over(const struct sure__inflow *in);
/* Messages up to `index` are of no use to anybody any more. */
void sure__inflow_ack(struct sure__inflow *in, uint64_t index);

/* The sender should hear about the window: it is about to run dry, or holds what it need not. */
bool sure__inflow_should_tell(const struct sure__inflow *in);
/* The window as it is now, which counts as told. */
struct sure__window sure__inflow_window(struct sure__inflow *in);

#endif
