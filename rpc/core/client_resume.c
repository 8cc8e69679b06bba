/* An attempt that goes on with what earlier ones have brought (protocol 2.7). */
#include "rpc/core/client_state.h"
#include "rpc/core/fingerprint.h"
#include "rpc/core/wire.h"

/* What the server has said that it has of the request; it may be gone once it was asked for. */
static uint32_t take_held(struct sure__link *link, uint64_t sequence) {
  struct sure_bytes all = {link->held.data, link->held.len};
  for (size_t i = 0; i < all.len / SURE__HELD_LEN; i++) {
    struct sure__held held = sure__held_at(all, i);
    if (held.sequence == sequence) {
      sure__held_put(link->held.data + i * SURE__HELD_LEN, (struct sure__held){0});
      return held.len;
    }
  }
  return 0;
}

bool sure__client_resume(struct sure__link *link, struct sure__frame *request) {
  uint32_t held = take_held(link, request->sequence);
  if (held == 0 || held >= request->payload.len) { /* what is longer is of another request */
    return false;
  }
  request->flags |= SURE__RESUMED;
  request->request.resumed = (struct sure__resumption){
      .held = held,
      .fingerprint = sure__fingerprint(request->request.method, request->payload),
  };
  request->payload.data += held;
  request->payload.len -= held;
  return true;
}
