/* Handlers that answer later, from any thread (sure_call_defer).
 *
 *     NOT_DEFERRED --sure_call_defer--> DEFERRED --handler returns--> HANDLER_GONE
 *                                          |                              |
 *                                   sure_call_finish               sure_call_finish
 *                                          v                              v
 *                                      FINISHED                       FINISHED
 *                          (the handler's thread goes on)    (the finisher's thread goes on) */
#include "rpc/core/assert.h"
#include "rpc/server/shell.h"

enum sure_code sure_call_defer(struct sure_call *call) {
  if (!call->may_defer) {
    return sure_call_fail(call, SURE_INTERNAL, "sure_call_defer where no handler may wait");
  }
  atomic_store(&call->deferral, SURE__DEFERRED);
  return SURE_OK;
}

bool sure__call_handler_returned(struct sure_call *call, enum sure_code *code) {
  if (atomic_load(&call->deferral) == SURE__NOT_DEFERRED) {
    return true;
  }
  if (atomic_exchange(&call->deferral, SURE__HANDLER_GONE) != SURE__FINISHED) {
    return false;
  }
  *code = call->deferred_code;
  return true;
}

/* Somebody may free the server once the call has ended, while the finisher is still in here. */
static void enter(struct sure_server *server) {
  pthread_mutex_lock(&server->lock);
  server->finishing_count++;
  pthread_mutex_unlock(&server->lock);
}

static void leave(struct sure_server *server) {
  pthread_mutex_lock(&server->lock);
  server->finishing_count--;
  pthread_cond_broadcast(&server->changed);
  pthread_mutex_unlock(&server->lock);
}

void sure__finishers_wait(struct sure_server *server) {
  pthread_mutex_lock(&server->lock);
  while (server->finishing_count > 0) {
    pthread_cond_wait(&server->changed, &server->lock);
  }
  pthread_mutex_unlock(&server->lock);
}

void sure_call_finish(struct sure_call *call, enum sure_code code) {
  struct sure__shard *shard = sure__container_of(call->server, struct sure__shard, engine);
  call->deferred_code = code;
  enum sure__deferral before = atomic_exchange(&call->deferral, SURE__FINISHED);
  sure__assert((before == SURE__DEFERRED || before == SURE__HANDLER_GONE) &&
               "a call that was deferred is finished once");
  if (before == SURE__DEFERRED) {
    return; /* the handler has not returned yet */
  }
  struct sure_server *server = shard->server;
  enter(server);
  sure__call_run_ended(call, code, false);
  pthread_mutex_lock(&shard->lock);
  sure__server_run_done(&shard->engine, call);
  sure__shard_finish(shard);
  leave(server);
}
