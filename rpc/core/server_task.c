/* Store work that is not a call: attach, acknowledge, settle, leases. Objects are used again, with
 * their arena, so that an acknowledgment in the steady state allocates nothing. */
#include "rpc/core/assert.h"
#include "rpc/core/memory.h"
#include "rpc/core/server_private.h"

/* Largest number of tasks of one connection: with ACK frames of the greatest length, about as many
 * bytes as the messages that it may have unfinished. */
enum { PEER_TASKS_MAX = 256 };
/* Objects that are kept for the next tasks. */
enum { FREE_TASKS_MAX = 64 };

bool sure__peer_may_ask(const struct sure__peer *peer) {
  return peer->task_count < PEER_TASKS_MAX;
}

static void *alloc_in_arena(void *arena, size_t size) {
  return sure__arena_alloc(arena, size);
}

/* One that was used before, or new and empty. */
static struct sure__task *take_task(struct sure__server *server) {
  struct sure__list *link = sure__list_pop(&server->free_tasks);
  if (link == NULL) {
    return sure__alloc(sizeof(struct sure__task));
  }
  server->free_task_count--;
  return sure__container_of(link, struct sure__task, link);
}

struct sure__task *sure__task_new(struct sure__server *server, enum sure_store_op_kind kind) {
  struct sure__task *task = take_task(server);
  if (task == NULL) {
    return NULL;
  }
  struct sure__arena arena = task->arena;
  *task = (struct sure__task){.server = server, .arena = arena};
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

static void free_task(struct sure__task *task) {
  sure__arena_fini(&task->arena);
  sure__free(task);
}

void sure__task_free(struct sure__server *server, struct sure__task *task) {
  sure__assert(server->task_count > 0 && "each task was counted");
  server->task_count--;
  if (task->peer != NULL) {
    task->peer->task_count--;
  }
  sure__list_remove(&task->link);
  sure__list_remove(&task->of_peer);
  if (server->free_task_count == FREE_TASKS_MAX) {
    free_task(task);
    return;
  }
  sure__arena_reset(&task->arena);
  sure__list_append(&server->free_tasks, &task->link);
  server->free_task_count++;
}

void sure__tasks_forget(struct sure__server *server) {
  struct sure__list *link;
  while ((link = sure__list_pop(&server->free_tasks)) != NULL) {
    free_task(sure__container_of(link, struct sure__task, link));
  }
  server->free_task_count = 0;
}
