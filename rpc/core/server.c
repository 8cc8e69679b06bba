#include "rpc/core/server_private.h"

#include "rpc/core/assert.h"
#include "rpc/core/memory.h"
#include "rpc/core/mutant.h"
#include "rpc/core/server_stream.h"

bool sure__server_timer_reserve(struct sure__server *server) {
  if (!sure__timers_reserve(&server->timers, server->timer_count + 1)) {
    return false;
  }
  server->timer_count++;
  return true;
}

void sure__server_timer_unreserve(struct sure__server *server, struct sure__timer *timer) {
  sure__timers_cancel(&server->timers, timer);
  sure__assert(server->timer_count > 0 && "each timer was reserved");
  server->timer_count--;
}

bool sure__server_init(struct sure__server *server, const struct sure__server_config *config,
                       const struct sure__registry *registry, uint64_t now_ms) {
  *server = (struct sure__server){.config = *config, .registry = registry};
  sure__list_init(&server->actions.knocking);
  sure__list_init(&server->actions.arrived);
  sure__list_init(&server->actions.admitted);
  sure__list_init(&server->actions.woken);
  sure__list_init(&server->actions.cancelled);
  sure__list_init(&server->actions.runs);
  sure__list_init(&server->actions.calls);
  sure__list_init(&server->actions.tasks);
  sure__list_init(&server->actions.dirty);
  sure__list_init(&server->actions.closing);
  sure__list_init(&server->peers);
  sure__list_init(&server->to_ack);
  sure__list_init(&server->pumping);
  sure__list_init(&server->streams);
  sure__list_init(&server->kept);
  sure__list_init(&server->free_calls);
  sure__list_init(&server->free_tasks);
  sure__index_init(&server->sessions);
  server->sweep_timer.kind = SURE__TIMER_SWEEP;
  server->reconcile_timer.kind = SURE__TIMER_RECONCILE;
  for (int i = 0; i < 2; i++) {
    if (!sure__server_timer_reserve(server)) {
      return false;
    }
  }
  if (config->sweeps) {
    /* Clients of the time before this start get a whole lease to come back (S11). */
    sure__timers_set(&server->timers, &server->sweep_timer, now_ms + config->session_lease_ms);
  }
  return true;
}

void sure__server_fini(struct sure__server *server) {
  sure__server_streams_forget(server);
  sure__kept_forget_all(server);
  sure__assert(sure__server_is_idle(server) && "the shell has waited");
  sure__assert(sure__list_is_empty(&server->peers) && "every connection was reported lost");
  struct sure__list *link;
  while ((link = sure__list_pop(&server->free_calls)) != NULL) {
    struct sure_call *call = sure__container_of(link, struct sure_call, link);
    sure__arena_fini(&call->arena);
    sure__free(call);
  }
  sure__tasks_forget(server);
  sure__assert(server->sessions.count == 0 && "sessions go with their connections and calls");
  sure__index_fini(&server->sessions);
  sure__timers_fini(&server->timers);
}

static void sweep(struct sure__server *server, uint64_t now_ms) {
  if (server->is_draining) {
    return; /* it ends: a task that came now could find the writer gone */
  }
  uint32_t lease_ms = server->config.session_lease_ms;
  sure__timers_set(&server->timers, &server->sweep_timer, now_ms + lease_ms);
  struct sure__task *task = sure__task_new(server, SURE_STORE_SWEEP);
  if (task == NULL) {
    return; /* garbage waits until next time */
  }
  /* A lease is renewed every third of it, so its last renewal may be that old (S11). */
  task->op.lease_ms = (int64_t)lease_ms + lease_ms / 3;
  task->op.retention_ms = server->config.session_retention_ms;
  sure__task_submit(server, task);
}

static void timer_fired(struct sure__server *server, struct sure__timer *timer, uint64_t now_ms) {
  switch ((enum sure__server_timer)timer->kind) {
  case SURE__TIMER_PEER:
    sure__peer_timer_fired(server, sure__container_of(timer, struct sure__peer, timer), now_ms);
    break;
  case SURE__TIMER_ACCEPT:
    sure__call_timer_fired(server, sure__container_of(timer, struct sure_call, accept_timer));
    break;
  case SURE__TIMER_RENEW:
    sure__server_session_renew(
        server, sure__container_of(timer, struct sure__server_session, renew_timer), now_ms);
    break;
  case SURE__TIMER_SWEEP:
    sweep(server, now_ms);
    break;
  case SURE__TIMER_STREAM:
    sure__server_stream_due(server, sure__container_of(timer, struct sure__server_stream, timer),
                            now_ms);
    break;
  case SURE__TIMER_RECONCILE:
    sure__reconcile(server, now_ms);
    break;
  }
}

void sure__server_time(struct sure__server *server, uint64_t now_ms) {
  struct sure__timer *timer;
  while ((timer = sure__timers_pop(&server->timers, now_ms)) != NULL) {
    timer_fired(server, timer, now_ms);
  }
}

uint64_t sure__server_next_wake(const struct sure__server *server) {
  return sure__timers_next(&server->timers);
}

uint64_t sure__server_stamp(const struct sure__server *server) {
  return server->config.committed_clock == NULL ? 0 : atomic_load(server->config.committed_clock);
}

/* Of what was refused or broken, the stamp may be that of a run that was undone. */
static bool is_committed(enum sure_store_verdict verdict) {
  return verdict == SURE_STORE_RECORDED || verdict == SURE_STORE_UNRECORDED ||
         verdict == SURE_STORE_REPLAYED || verdict == SURE_STORE_TOMBSTONE ||
         verdict == SURE_STORE_GRANTED || verdict == SURE_STORE_DONE;
}

static void hear_commit(const struct sure__server *server, const struct sure_store_op *op) {
  if (server->config.committed_clock != NULL && is_committed(op->verdict)) {
    sure__stamp_raise(server->config.committed_clock, op->clock);
    sure__hlc_follow(server->config.clock, op->clock);
  }
}

void sure__server_store_done(struct sure__server *server, struct sure_store_op *op,
                             uint64_t now_ms) {
  sure__assert(op->verdict != SURE_STORE_PENDING && "done means decided (S7)");
  hear_commit(server, op);
  struct sure__task *task = sure__container_of(op, struct sure__task, op);
  switch (op->kind) {
  case SURE_STORE_CALL:
  case SURE_STORE_INTENT:
  case SURE_STORE_COMPLETE:
  case SURE_STORE_CLAIM:
  case SURE_STORE_ADVANCE:
  case SURE_STORE_CONCLUDE:
    sure__call_store_done(server, sure__container_of(op, struct sure_call, op), now_ms);
    return;
  case SURE_STORE_RESOLVE:
    sure__reconcile_done(server, sure__container_of(op, struct sure_call, op));
    return;
  case SURE_STORE_DOUBTS:
    sure__reconcile_found(server, task);
    break;
  case SURE_STORE_ATTACH:
    sure__handshake_answer(server, task, now_ms);
    break;
  case SURE_STORE_SETTLE:
    sure__settle_answer(server, task);
    break;
  case SURE_STORE_ACK:
  case SURE_STORE_CLOSE:
  case SURE_STORE_RENEW:
  case SURE_STORE_SWEEP:
    break; /* if it failed, garbage stays a while longer: the next one says the same again */
  }
  sure__task_free(server, task);
}

static void drop_waiters(struct sure__server *server, struct sure__peer *peer) {
  while (!sure__list_is_empty(&peer->waiters)) {
    struct sure__waiter *waiter =
        sure__container_of(peer->waiters.next, struct sure__waiter, of_peer);
    sure__answer_refusal(server, peer, waiter->call->op.sequence, waiter->attempt, SURE_UNAVAILABLE,
                         SURE_REASON_DRAINING, SURE__NOT_RUN, "draining");
    sure__call_remove_waiter(waiter);
  }
}

void sure__server_drain(struct sure__server *server) {
  server->is_draining = true;
  sure__server_wake_streams(server);
  sure__kept_forget_all(server);
  struct sure__list *link = server->peers.next;
  while (link != &server->peers) {
    struct sure__peer *peer = sure__container_of(link, struct sure__peer, of_server);
    link = link->next;
    if (peer->phase == SURE__PEER_ATTACHED) {
      if (SURE__MUTANT(DRAIN_DROPS_WHAT_RUNS)) {
        drop_waiters(server, peer);
      }
      sure__peer_send(
          server, peer,
          &(struct sure__frame){.type = SURE__GOAWAY, .goaway = {.reason = SURE__GOAWAY_DRAINING}});
    } else {
      sure__peer_close(server, peer, SURE__GOAWAY_DRAINING, "draining");
    }
  }
}

static bool has_answers_to_send(const struct sure__server *server) {
  const struct sure__list *l = server->peers.next;
  while (l != &server->peers &&
         sure__bodies_is_empty(&sure__container_of(l, struct sure__peer, of_server)->bodies)) {
    l = l->next;
  }
  return l != &server->peers;
}

bool sure__server_is_idle(const struct sure__server *server) {
  return server->arriving_count == 0 && server->running_count == 0 && server->task_count == 0 &&
         server->reconciling_count == 0 && !has_answers_to_send(server);
}

bool sure__code_is_recorded(enum sure_code code) {
  switch (code) {
  case SURE_UNAVAILABLE:
  case SURE_ABORTED:
  case SURE_RESOURCE_EXHAUSTED:
  case SURE_CANCELLED:
  case SURE_DEADLINE_EXCEEDED:
    return false;
  case SURE_OK:
  case SURE_UNKNOWN:
  case SURE_INVALID_ARGUMENT:
  case SURE_NOT_FOUND:
  case SURE_ALREADY_EXISTS:
  case SURE_PERMISSION_DENIED:
  case SURE_FAILED_PRECONDITION:
  case SURE_OUT_OF_RANGE:
  case SURE_UNIMPLEMENTED:
  case SURE_INTERNAL:
  case SURE_DATA_LOSS:
  case SURE_UNAUTHENTICATED:
    return true;
  }
  return true;
}
