/* Attempts on their way in: past the shell's interceptors, if there are any, to where duplicates
 * are found. */
#include "rpc/core/assert.h"
#include "rpc/core/server_private.h"

static void leave_peer(struct sure__peer *peer, struct sure_call *call) {
  peer->call_count--;
  call->peer = NULL;
  sure__list_remove(&call->of_peer);
}

void sure__call_arrive(struct sure__server *server, struct sure__peer *peer, struct sure_call *call,
                       uint64_t now_ms) {
  call->method = sure__registry_find(server->registry, call->op.method);
  if (!server->config.intercepts || call->method == NULL) {
    sure__call_offer(server, peer, call, now_ms);
    return;
  }
  struct sure_bytes principal = {peer->principal.data, peer->principal.len};
  if (!sure__arena_copy(&call->arena, principal, &call->op.principal)) {
    sure__answer_refusal(server, peer, call->op.sequence, call->attempt, SURE_RESOURCE_EXHAUSTED,
                         SURE_REASON_OVERLOADED, SURE__NOT_RUN, "memory is short");
    sure__call_free(server, call);
    return;
  }
  call->step = SURE__CALL_ARRIVES;
  call->peer = peer;
  peer->call_count++;
  server->arriving_count++;
  sure__list_append(&peer->arriving, &call->of_peer);
  sure__list_append(&server->actions.arrived, &call->link);
}

void sure__server_arrived(struct sure__server *server, struct sure_call *call, bool is_let_through,
                          uint64_t now_ms) {
  struct sure__peer *peer = call->peer;
  sure__assert(call->step == SURE__CALL_ARRIVES && "a call arrives once");
  sure__assert(server->arriving_count > 0 && "each arriving call was counted");
  server->arriving_count--;
  if (peer == NULL) {
    sure__call_free(server, call);
    return;
  }
  leave_peer(peer, call);
  if (is_let_through) {
    sure__call_offer(server, peer, call, now_ms);
    return;
  }
  sure__answer_arrival(server, peer, call);
  sure__call_free(server, call);
}

void sure__arrivals_drop_peer(struct sure__peer *peer) {
  while (!sure__list_is_empty(&peer->arriving)) {
    leave_peer(peer, sure__container_of(peer->arriving.next, struct sure_call, of_peer));
  }
}

bool sure__arrival_cancel(struct sure__peer *peer, uint64_t sequence, uint32_t attempt) {
  for (struct sure__list *l = peer->arriving.next; l != &peer->arriving; l = l->next) {
    struct sure_call *call = sure__container_of(l, struct sure_call, of_peer);
    if (call->op.sequence == sequence && call->attempt == attempt) {
      leave_peer(peer, call);
      return true;
    }
  }
  return false;
}
