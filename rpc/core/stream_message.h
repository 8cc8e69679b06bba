/* One message of a stream, packed, in a block of its own. */
#ifndef SURE_CORE_STREAM_MESSAGE_H
#define SURE_CORE_STREAM_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "rpc/core/list.h"

/* What a message counts in windows beside its bytes, so that empty ones do not come without end. */
enum { SURE__STREAM_MESSAGE_COST = 32 };

struct sure__stream_message {
  struct sure__list link;
  uint64_t position; /* the sender's: what all messages before it count */
  size_t len;
  uint8_t data[];
};

#endif
