/* Messages that are too long to go out at once: their frames take turns, so that whatever else is
 * to be said on the connection does not wait for long (docs/protocol.md 2.5). A few at a time, or
 * of many none would be whole before a connection that is soon lost. */
#ifndef SURE_CORE_BODIES_H
#define SURE_CORE_BODIES_H

#include "rpc/core/buffer.h"
#include "rpc/core/frame.h"
#include "rpc/core/list.h"

/* Messages whose frames take turns. A receiver holds no more unfinished ones than that. */
#define SURE__BODIES_GOING_MAX 4

struct sure__bodies {
  struct sure__list going;   /* in the order of their turns */
  struct sure__list waiting; /* nothing of them has been sent */
  unsigned going_count;
  size_t len; /* bytes of all that are not sent */
};

void sure__bodies_init(struct sure__bodies *bodies);
/* Forgets them all. */
void sure__bodies_fini(struct sure__bodies *bodies);
bool sure__bodies_is_empty(const struct sure__bodies *bodies);

/* Whether a frame with so much payload belongs here. */
static inline bool sure__is_long(size_t payload_len) {
  return payload_len > SURE__FRAME_LEN_MAX / 2;
}
/* Whether a message is in line of the same attempt: a frame that must not come between its parts is
 * added behind it, however short. */
bool sure__bodies_has(const struct sure__bodies *bodies, uint64_t sequence, uint32_t attempt);
/* Copies the message; behind what there is of its attempt, if there is. False when memory is short.
 */
bool sure__bodies_add(struct sure__bodies *bodies, const struct sure__frame *frame);
/* The next frame goes to the end of `out`; there must be one. Returns its length, 0 when memory is
 * short. */
size_t sure__bodies_next(struct sure__bodies *bodies, struct sure__buffer *out);
/* What is left of the message of an attempt is of no use. Harmless if there is nothing. */
void sure__bodies_drop(struct sure__bodies *bodies, uint64_t sequence, uint32_t attempt);

#endif
