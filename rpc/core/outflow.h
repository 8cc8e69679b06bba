/* The sending half of a stream: messages to parts, as far as the receiver allows, and what has to
 * be kept in case that they must be sent again (docs/protocol.md, section 12). */
#ifndef SURE_CORE_OUTFLOW_H
#define SURE_CORE_OUTFLOW_H

#include "rpc/core/inflow.h"

struct sure__outflow {
  struct sure__list messages; /* those that the receiver may ask for again, and new ones */
  uint64_t first;             /* the index of the first of them */
  uint64_t next;              /* the index that the next new one gets */
  struct sure__list *cursor;  /* what is sent next: a message, or the list's head */
  uint64_t cursor_index;
  uint32_t cursor_offset;
  uint64_t sent_index; /* the furthest that the cursor has been, on any connection */
  uint32_t sent_offset;
  struct sure__list *seen; /* where the receiver stood last, as `cursor` */
  uint64_t seen_index;
  bool may_jump;  /* the receiver may have had messages from elsewhere: the stream has a key */
  uint64_t ahead; /* so many messages the receiver had from elsewhere; what is added of them
                            is dropped */
  uint64_t end_position; /* what all messages so far count */
  uint32_t credit;       /* what may still be sent */
  uint32_t window_len;   /* what is held at most before the writer has to wait: the receiver's */
  uint32_t window_len_min;
  uint32_t window_len_max;
  size_t held_len;
  bool ends; /* no new ones will come */
  bool has_sent_end;
  bool is_stopped; /* until the receiver says where it stands */
};

/* Its first credit is `window_len_min`. */
void sure__outflow_init(struct sure__outflow *out, uint32_t window_len_min,
                        uint32_t window_len_max);
void sure__outflow_fini(struct sure__outflow *out);

/* The writer has to wait until the receiver has had more of what is here. */
bool sure__outflow_is_full(const struct sure__outflow *out);
/* Takes the message. */
void sure__outflow_add(struct sure__outflow *out, struct sure__stream_message *message);
/* No message follows. */
void sure__outflow_end(struct sure__outflow *out);

/* Messages that the receiver wants no more. */
uint64_t sure__outflow_acked(const struct sure__outflow *out);
/* No further message will come, though the receiver has had more of them from elsewhere. */
bool sure__outflow_falls_short(const struct sure__outflow *out);

/* The next part of at most `len_max` bytes, which is a view; false: there is none now. */
bool sure__outflow_part(struct sure__outflow *out, size_t len_max, struct sure__part *out_part);
/* There would be one. */
bool sure__outflow_has_part(const struct sure__outflow *out);

/* The connection is lost: nothing is sent until the next window. */
void sure__outflow_stop(struct sure__outflow *out);
/* What the receiver has said. NULL, or what is wrong with it. Begins again where it stands if it
 * was stopped. */
const char *sure__outflow_take(struct sure__outflow *out, const struct sure__window *window);

#endif
