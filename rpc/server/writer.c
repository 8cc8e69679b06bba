/* The one thread that a blocking store is submitted to. While a batch is being committed, the next
 * one gathers: that is the group commit. */
#include "rpc/core/memory.h"
#include "rpc/net/clock.h"
#include "rpc/net/start.h"
#include "rpc/server/shell.h"

/* Tasks come first, as somebody may wait for ATTACH or SETTLE, but they never take the whole batch
 * from calls that wait, too. */
static size_t take_batch(struct sure_server *server) {
  struct sure__writer *writer = &server->writer;
  size_t count = 0;
  size_t max = server->options.batch_len_max;
  size_t task_max = sure__list_is_empty(&writer->calls) || max == 1 ? max : max / 2;
  int64_t lease_now_ms = sure__clock_lease_ms();
  struct sure__list *link;
  while (count < task_max && (link = sure__list_pop(&writer->tasks)) != NULL) {
    struct sure__task *task = sure__container_of(link, struct sure__task, link);
    task->op.now_ms = lease_now_ms;
    writer->batch[count++] = &task->op;
  }
  while (count < max && (link = sure__list_pop(&writer->calls)) != NULL) {
    writer->batch[count++] = &sure__container_of(link, struct sure_call, link)->op;
  }
  return count;
}

/* On the writer's thread: the verdicts go to the loop in one piece. */
static void decided(void *user, struct sure_store_op *const *ops, size_t count) {
  struct sure_server *server = user;
  struct sure__list calls;
  struct sure__list tasks;
  sure__list_init(&calls);
  sure__list_init(&tasks);
  for (size_t i = 0; i < count; i++) {
    if (ops[i]->verdict == SURE_STORE_FAILED) {
      sure__server_fail(server);
    }
    switch (ops[i]->kind) {
    case SURE_STORE_CALL:
    case SURE_STORE_INTENT:
    case SURE_STORE_COMPLETE:
    case SURE_STORE_RESOLVE:
    case SURE_STORE_CLAIM:
    case SURE_STORE_ADVANCE:
    case SURE_STORE_CONCLUDE:
      sure__list_append(&calls, &sure__container_of(ops[i], struct sure_call, op)->link);
      break;
    case SURE_STORE_ATTACH:
    case SURE_STORE_ACK:
    case SURE_STORE_SETTLE:
    case SURE_STORE_CLOSE:
    case SURE_STORE_RENEW:
    case SURE_STORE_SWEEP:
    case SURE_STORE_DOUBTS:
      sure__list_append(&tasks, &sure__container_of(ops[i], struct sure__task, op)->link);
      break;
    }
  }
  sure__loop_decided(server, &calls, &tasks);
}

static void *run(void *user) {
  struct sure_server *server = user;
  struct sure__writer *writer = &server->writer;
  pthread_mutex_lock(&writer->lock);
  for (;;) {
    size_t count = take_batch(server);
    if (count > 0) {
      writer->batch_count++;
      pthread_mutex_unlock(&writer->lock);
      server->store->ops->submit(server->store, writer->batch, count, decided, server);
      pthread_mutex_lock(&writer->lock);
    } else if (writer->is_stopping) {
      break;
    } else {
      pthread_cond_wait(&writer->wake, &writer->lock);
    }
  }
  pthread_mutex_unlock(&writer->lock);
  return NULL;
}

void sure__writer_submit(struct sure_server *server, struct sure__list *calls,
                         struct sure__list *tasks) {
  struct sure__writer *writer = &server->writer;
  pthread_mutex_lock(&writer->lock);
  bool was_idle = sure__list_is_empty(&writer->calls) && sure__list_is_empty(&writer->tasks);
  sure__list_move_all(&writer->calls, calls);
  sure__list_move_all(&writer->tasks, tasks);
  pthread_mutex_unlock(&writer->lock);
  if (was_idle) {
    pthread_cond_signal(&writer->wake);
  }
}

bool sure__writer_start(struct sure_server *server) {
  struct sure__writer *writer = &server->writer;
  writer->batch = sure__alloc(server->options.batch_len_max * sizeof(struct sure_store_op *));
  writer->is_started =
      writer->batch != NULL && sure__thread_start(&writer->thread, run, server) == 0;
  return writer->is_started;
}

void sure__writer_stop(struct sure_server *server) {
  struct sure__writer *writer = &server->writer;
  if (writer->is_started) {
    pthread_mutex_lock(&writer->lock);
    writer->is_stopping = true;
    pthread_mutex_unlock(&writer->lock);
    pthread_cond_signal(&writer->wake);
    pthread_join(writer->thread, NULL);
    writer->is_started = false;
  }
  sure__free(writer->batch);
  writer->batch = NULL;
}
