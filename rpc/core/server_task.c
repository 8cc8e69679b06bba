/* Store work that is not a call: attach, acknowledge, settle, leases. */
#include "rpc/core/assert.h"
#include "rpc/core/memory.h"
#include "rpc/core/server_private.h"

/* Largest number of tasks of one connection: with ACK frames of the greatest length, about as many
 * bytes as the messages that it may have unfinished. */
enum { PEER_TASKS_MAX = 256 };

bool sure__peer_may_ask(const struct sure__peer *peer) {
  return peer->task_count < PEER_TASKS_MAX;
}

static void *alloc_in_arena(void *arena, size_t size) {
  return sure__arena_alloc(arena, size);
}

struct sure__task *sure__task_new(struct sure__server *server, enum sure_store_op_kind kind) {
  struct sure__task *task = sure__alloc(sizeof *task);
  if (task == NULL) {
    return NULL;
  }
  task->server = server;
  task->op.kind = kind;
  task->op.alloc = alloc_in_arena;
  task->op.alloc_user = &task->arena;
  server->task_count++;
  return task;
}

bool sure__task_set_principal(struct sure__task *task, struct sure_bytes principal) {
  return sure__arena_copy(&task->arena, principal, &task->op.principal);
}

void sure__task_set_peer(struct sure__task *task, struct sure__peer *peer) {
  task->peer = peer;
  peer->task_count++;
  sure__list_append(&peer->tasks, &task->of_peer);
}

void sure__task_submit(struct sure__server *server, struct sure__task *task) {
  task->op.verdict = SURE_STORE_PENDING;
  sure__list_append(&server->actions.tasks, &task->link);
}

void sure__task_free(struct sure__server *server, struct sure__task *task) {
  sure__assert(server->task_count > 0 && "each task was counted");
  server->task_count--;
  if (task->peer != NULL) {
    task->peer->task_count--;
  }
  sure__list_remove(&task->link);
  sure__list_remove(&task->of_peer);
  sure__arena_fini(&task->arena);
  sure__free(task);
}
