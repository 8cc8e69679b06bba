#include "rpc/net/callback_mark.h"

#include "rpc/core/assert.h"

static _Thread_local unsigned depth;

void sure__callback_enter(void) {
  depth++;
}

void sure__callback_leave(void) {
  sure__assert(depth > 0 && "enter and leave come in pairs");
  depth--;
}

bool sure__callback_is_running(void) {
  return depth > 0;
}
