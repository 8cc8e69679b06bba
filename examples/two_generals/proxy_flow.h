/* One direction of a proxied connection: a bounded buffer that watches the frames pass and, where
 * the die says so, cuts the stream off or lets the rest of it vanish.
 *
 * All positions are counted in bytes from the start of the stream:
 *
 *     0 ...... sent ........... frame ........ read
 *              [ kept in bytes[]               ]
 *
 * `frame` is where the next frame begins that has not been looked at. Invariant: what is before
 * `sent` has left or was swallowed; nothing past `cut_at` ever leaves; nothing past `frame` leaves
 * before that frame's header was seen, unless the stream has ended. */
#ifndef TWO_GENERALS_PROXY_FLOW_H
#define TWO_GENERALS_PROXY_FLOW_H

#include "proxy.h"
#include <stdbool.h>
#include <sys/types.h>

#define FLOW_LEN_MAX       (128 * 1024) /* two of the largest frames */
#define FLOW_POSITION_NONE UINT64_MAX

enum flow_side { FLOW_UP, FLOW_DOWN };

struct flow {
  enum flow_side side;
  double loss;
  uint32_t faults; /* those that may happen in this direction */
  uint64_t random; /* state of the die */
  struct proxy_stats *stats;
  struct flow **late; /* the flow that waits for a retry, one at a time; shared by all */
  bool is_replay;     /* no client is behind it; answers are counted and swallowed */

  uint64_t read;
  uint64_t sent;
  uint64_t frame;
  uint64_t cut_at;  /* here the connection is to be cut */
  uint64_t hole_at; /* from here bytes vanish */
  uint64_t late_at; /* from here bytes wait: for the request's retry, or for `turns` of the loop */
  uint64_t late_sequence;
  unsigned turns;
  uint64_t copy_at; /* the stream up to here is to be replayed */
  bool ended;       /* the sender has closed its side */
  bool shut;        /* the receiver was told so */
  uint8_t *capture; /* the first FLOW_LEN_MAX bytes of the stream; NULL: not kept */
  uint8_t bytes[FLOW_LEN_MAX];
};

void flow_init(struct flow *flow, enum flow_side side, const struct proxy_options *options,
               uint64_t connection, struct proxy_stats *stats, struct flow **late);
/* Make the flow one of a replay: these bytes (at most FLOW_LEN_MAX) stand in it already. */
void flow_init_replay(struct flow *flow, const uint8_t *bytes, size_t len);
/* There is room to read more. */
bool flow_wants_input(const struct flow *flow);
/* There are bytes that may leave now. */
bool flow_has_output(const struct flow *flow);
/* The connection is to be cut now: everything before the cut has left. */
bool flow_is_cut(const struct flow *flow);
/* Bytes wait for the retry of their request. */
bool flow_is_late(const struct flow *flow);
/* Let the bytes that wait go on. */
void flow_release(struct flow *flow);
/* One turn of the loop has passed. */
void flow_turn(struct flow *flow);
/* Bytes vanish in this direction. */
bool flow_is_hole(const struct flow *flow);
/* Everything has left that ever will. */
bool flow_is_over(const struct flow *flow);
/* Read from `fd` what is there; false when the connection is broken. */
bool flow_read(struct flow *flow, int fd);
/* Write to `fd` what may leave; false when the connection is broken. */
bool flow_write(struct flow *flow, int fd);

#endif
