/* Calls in doubt: they have an intent, and whoever ran them is dead or could not say what came of
 * it. Now and then the store lists them; the application says of each whether its effect happened;
 * the store keeps what it says (S15).
 *
 *     timer --> DOUBTS --> each whose method has a reconciler: asked --> RESOLVE
 *
 * Several servers on one store may ask about the same call. The first RESOLVE counts. */
#include "rpc/core/assert.h"
#include "rpc/core/server_private.h"

void sure__server_begin_reconciling(struct sure__server *server, uint64_t now_ms) {
  if (server->config.reconcile_ms > 0) {
    sure__timers_set(&server->timers, &server->reconcile_timer, now_ms);
  }
}

void sure__reconcile(struct sure__server *server, uint64_t now_ms) {
  if (server->is_draining) {
    return;
  }
  sure__timers_set(&server->timers, &server->reconcile_timer, now_ms + server->config.reconcile_ms);
  if (server->reconciling_count > 0) {
    return; /* one round after the other */
  }
  struct sure__task *task = sure__task_new(server, SURE_STORE_DOUBTS);
  if (task != NULL) {
    task->op.sequence = server->doubts_passed;
    sure__task_submit(server, task);
  }
}

static void ask(struct sure__server *server, const struct sure_doubt *doubt,
                const struct sure__method_entry *method) {
  struct sure_call *call = sure__call_new(server);
  if (call == NULL) {
    return; /* next time */
  }
  if (!sure__arena_copy(&call->arena, doubt->principal, &call->op.principal) ||
      !sure__arena_copy(&call->arena, doubt->key, &call->op.key)) {
    sure__call_free(server, call);
    return;
  }
  call->op.session = doubt->session;
  call->op.sequence = doubt->sequence;
  call->op.method = doubt->method;
  call->method = method;
  call->step = SURE__CALL_RECONCILES;
  call->reply_len_max = server->config.message_len_max;
  atomic_store(&call->deadline_ms, SURE__TIME_NEVER);
  server->reconciling_count++;
  sure__list_append(&server->actions.runs, &call->link);
}

void sure__reconcile_found(struct sure__server *server, const struct sure__task *task) {
  const struct sure_store_op *op = &task->op;
  if (op->verdict != SURE_STORE_DONE || server->is_draining) {
    return;
  }
  for (size_t i = 0; i < op->doubt_count; i++) {
    const struct sure__method_entry *method =
        sure__registry_find(server->registry, op->doubts[i].method);
    if (method != NULL && method->reconcile != NULL) {
      ask(server, &op->doubts[i], method);
    }
  }
  bool is_end = op->doubt_count < SURE_DOUBTS_MAX;
  server->doubts_passed = is_end ? 0 : server->doubts_passed + op->doubt_count;
}

static void forget(struct sure__server *server, struct sure_call *call) {
  sure__assert(server->reconciling_count > 0 && "each was counted");
  server->reconciling_count--;
  sure__call_free(server, call);
}

void sure__reconcile_asked(struct sure__server *server, struct sure_call *call) {
  if (call->resolution == SURE_RESOLVE_LATER) {
    forget(server, call);
    return;
  }
  call->op.kind = SURE_STORE_RESOLVE;
  call->op.verdict = SURE_STORE_PENDING;
  call->op.record_wanted = call->resolution == SURE_RESOLVE_APPLIED;
  sure__list_append(&server->actions.calls, &call->link);
}

void sure__reconcile_done(struct sure__server *server, struct sure_call *call) {
  bool is_listed = call->op.verdict != SURE_STORE_DONE && call->op.verdict != SURE_STORE_STALE;
  if (!is_listed && server->doubts_passed > 0) {
    server->doubts_passed--; /* the list is shorter now */
  }
  forget(server, call);
}
