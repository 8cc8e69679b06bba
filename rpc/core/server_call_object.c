/* Call objects and those who wait for them. Objects are used again, with their arena, so that a
 * call in the steady state allocates nothing. */
#include "rpc/core/assert.h"
#include "rpc/core/memory.h"
#include "rpc/core/server_private.h"
#include "rpc/core/server_stream.h"

static void *alloc_in_arena(void *arena, size_t size) {
  return sure__arena_alloc(arena, size);
}

/* What unpacking a hostile message may blow up to, per byte of it. */
enum { ARENA_PER_MESSAGE_BYTE = 8, ARENA_LEN_BASE = 1024 * 1024 };

struct sure_call *sure__call_new(struct sure__server *server) {
  struct sure__list *link = sure__list_pop(&server->free_calls);
  struct sure_call *call;
  if (link != NULL) {
    call = sure__container_of(link, struct sure_call, link);
  } else {
    call = sure__alloc(sizeof *call);
    if (call == NULL || !sure__server_timer_reserve(server)) {
      sure__free(call);
      return NULL;
    }
  }
  struct sure__arena arena = call->arena;
  *call = (struct sure_call){.server = server, .arena = arena};
  call->arena.len_max =
      ARENA_LEN_BASE + (size_t)ARENA_PER_MESSAGE_BYTE * server->config.message_len_max;
  call->accept_timer.kind = SURE__TIMER_ACCEPT;
  call->op.alloc = alloc_in_arena;
  call->op.alloc_user = &call->arena;
  sure__list_init(&call->waiters);
  sure__list_init(&call->parked);
  sure__list_init(&call->children);
  return call;
}

void sure__call_free(struct sure__server *server, struct sure_call *call) {
  sure__assert(sure__list_is_empty(&call->waiters) && "nobody waits for what is gone");
  sure__assert(sure__list_is_empty(&call->parked) && "every settle was asked for");
  sure__timers_cancel(&server->timers, &call->accept_timer);
  if (call->stream != NULL) {
    sure__server_stream_close(server, call);
  }
  sure__list_remove(&call->link);
  sure__list_remove(&call->cancels);
  sure__free(call->assembled);
  sure__arena_reset(&call->arena);
  sure__list_append(&server->free_calls, &call->link);
}

bool sure__call_add_waiter(struct sure_call *call, struct sure__peer *peer, uint32_t attempt) {
  struct sure__waiter *waiter = &call->first_waiter;
  if (waiter->call != NULL) {
    waiter = sure__alloc(sizeof *waiter);
    if (waiter == NULL) {
      return false;
    }
    waiter->has_joined = true;
  }
  waiter->peer = peer;
  waiter->call = call;
  waiter->attempt = attempt;
  sure__list_append(&call->waiters, &waiter->of_call);
  sure__list_append(&peer->waiters, &waiter->of_peer);
  peer->call_count++;
  return true;
}

void sure__call_remove_waiter(struct sure__waiter *waiter) {
  sure__assert(waiter->peer->call_count > 0 && "each waiter was counted");
  waiter->peer->call_count--;
  sure__list_remove(&waiter->of_call);
  sure__list_remove(&waiter->of_peer);
  if (waiter->call->stream != NULL) {
    sure__server_stream_left(waiter->call->server, waiter->call, waiter->peer->heard_at_ms);
  }
  if (waiter != &waiter->call->first_waiter) {
    sure__free(waiter);
  } /* else `call` in it stays set: the place was used once, and who joins later is told so */
}
