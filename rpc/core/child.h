/* A call that a handler makes while it serves one (its parent): part of the client's call object,
 * and in a list of the server's. */
#ifndef SURE_CORE_CHILD_H
#define SURE_CORE_CHILD_H

#include "rpc/core/list.h"

struct sure__child {
  struct sure__list of_parent;
  void (*cancel)(struct sure__child *child); /* does not block, and takes the channel's lock */
};

#endif
