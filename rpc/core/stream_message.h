/* What both halves of a stream speak of: messages, parts of them, windows (docs/protocol.md,
 * section 12). */
#ifndef SURE_CORE_STREAM_MESSAGE_H
#define SURE_CORE_STREAM_MESSAGE_H

#include <stdbool.h>
#include <sure/base.h>

#include "rpc/core/list.h"

/* What a message counts in windows beside its bytes, so that empty ones do not come without end. */
enum { SURE__STREAM_MESSAGE_COST = 32 };

/* One message, packed, in a block of its own. */
struct sure__stream_message {
  struct sure__list link;
  uint64_t position; /* the sender's: what all messages before it count */
  size_t len;
  uint8_t data[];
};

/* The first of a list of them, taken out; NULL: it is empty. */
static inline struct sure__stream_message *sure__stream_message_pop(struct sure__list *messages) {
  struct sure__list *link = sure__list_pop(messages);
  return link == NULL ? NULL : sure__container_of(link, struct sure__stream_message, link);
}

/* A part of a message. */
struct sure__part {
  uint64_t index;  /* of the message, from 1 */
  uint32_t offset; /* in it */
  uint32_t total;  /* its length */
  bool is_end;     /* no message: the one before `index` was the last */
  struct sure_bytes bytes;
};

/* Where a receiver stands, and what it allows. */
struct sure__window {
  uint64_t index;  /* the next message, from 1, or the one that is coming */
  uint32_t offset; /* how much of it is here */
  uint32_t credit; /* bytes that may follow, each message counting SURE__STREAM_MESSAGE_COST more */
  uint64_t acked;  /* the sender may forget messages up to this one */
};

#endif
