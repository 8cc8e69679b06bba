/* The server's own thread: time, what the writer's store has decided, and connections to free. */
#include "rpc/core/assert.h"
#include "rpc/net/clock.h"
#include "rpc/net/start.h"
#include "rpc/server/shell.h"

enum { STALL_CHECK_MS = 1000 };

/* What there is to do, taken from the loop's lists. */
struct work {
  struct sure__list calls;
  struct sure__list tasks;
  struct sure__list closed;
  bool is_due;
};

static void feed_shard(struct sure__shard *shard, struct work *work) {
  uint64_t now_ms = sure__clock_ms();
  pthread_mutex_lock(&shard->lock);
  for (struct sure__list *l = work->tasks.next; l != &work->tasks;) {
    struct sure__task *task = sure__container_of(l, struct sure__task, link);
    l = l->next;
    if (task->server == &shard->engine) {
      sure__list_remove(&task->link);
      sure__server_store_done(&shard->engine, &task->op, now_ms);
    }
  }
  for (struct sure__list *l = work->calls.next; l != &work->calls;) {
    struct sure_call *call = sure__container_of(l, struct sure_call, link);
    l = l->next;
    if (call->server == &shard->engine) {
      sure__list_remove(&call->link);
      sure__server_store_done(&shard->engine, &call->op, now_ms);
    }
  }
  if (work->is_due) {
    sure__server_time(&shard->engine, now_ms);
  }
  sure__shard_finish(shard);
}

static void do_work(struct sure_server *server, struct work *work) {
  if (work->is_due || !sure__list_is_empty(&work->calls) || !sure__list_is_empty(&work->tasks)) {
    for (size_t i = 0; i < server->shard_count; i++) {
      feed_shard(&server->shards[i], work);
    }
  }
  sure__assert(sure__list_is_empty(&work->calls) && "every call belongs to a shard");
  struct sure__list *link;
  while ((link = sure__list_pop(&work->closed)) != NULL) {
    sure__link_free(sure__container_of(link, struct sure__link, of_server));
  }
}

/* With the lock: something to do now? */
static bool take_work(struct sure__loop *loop, struct work *work) {
  uint64_t now_ms = sure__clock_ms();
  sure__list_init(&work->calls);
  sure__list_init(&work->tasks);
  sure__list_init(&work->closed);
  work->is_due = now_ms >= loop->wake_at_ms;
  if (work->is_due) {
    loop->wake_at_ms = SURE__TIME_NEVER;
    atomic_store(&loop->armed_ms, SURE__TIME_NEVER);
  }
  sure__list_move_all(&work->calls, &loop->calls);
  sure__list_move_all(&work->tasks, &loop->tasks);
  sure__list_move_all(&work->closed, &loop->closed);
  return work->is_due || !sure__list_is_empty(&work->calls) || !sure__list_is_empty(&work->tasks) ||
         !sure__list_is_empty(&work->closed);
}

static void *run(void *user) {
  struct sure_server *server = user;
  struct sure__loop *loop = &server->loop;
  uint64_t stall_check_ms = sure__clock_ms() + STALL_CHECK_MS;
  struct work work;
  pthread_mutex_lock(&loop->lock);
  for (;;) {
    if (take_work(loop, &work)) {
      pthread_mutex_unlock(&loop->lock);
      do_work(server, &work);
      pthread_mutex_lock(&loop->lock);
    } else if (loop->is_stopping) {
      break;
    } else {
      uint64_t until_ms = loop->wake_at_ms < stall_check_ms ? loop->wake_at_ms : stall_check_ms;
      sure__condition_wait_until(&loop->wake, &loop->lock, until_ms);
    }
    uint64_t now_ms = sure__clock_ms();
    if (now_ms >= stall_check_ms) {
      stall_check_ms = now_ms + STALL_CHECK_MS;
      pthread_mutex_unlock(&loop->lock);
      sure__clock_look_at_wall();
      sure__links_close_stalled(server, now_ms);
      pthread_mutex_lock(&loop->lock);
    }
  }
  pthread_mutex_unlock(&loop->lock);
  return NULL;
}

void sure__loop_decided(struct sure_server *server, struct sure__list *calls,
                        struct sure__list *tasks) {
  struct sure__loop *loop = &server->loop;
  pthread_mutex_lock(&loop->lock);
  sure__list_move_all(&loop->calls, calls);
  sure__list_move_all(&loop->tasks, tasks);
  pthread_mutex_unlock(&loop->lock);
  pthread_cond_signal(&loop->wake);
}

void sure__loop_reap(struct sure_server *server, struct sure__link *link) {
  struct sure__loop *loop = &server->loop;
  pthread_mutex_lock(&loop->lock);
  sure__list_append(&loop->closed, &link->of_server);
  pthread_mutex_unlock(&loop->lock);
  pthread_cond_signal(&loop->wake);
}

void sure__loop_arm(struct sure_server *server, uint64_t at_ms) {
  struct sure__loop *loop = &server->loop;
  if (at_ms >= atomic_load(&loop->armed_ms)) {
    return; /* the common case: it wakes early enough */
  }
  pthread_mutex_lock(&loop->lock);
  if (at_ms < loop->wake_at_ms) {
    loop->wake_at_ms = at_ms;
    atomic_store(&loop->armed_ms, at_ms);
  }
  pthread_mutex_unlock(&loop->lock);
  pthread_cond_signal(&loop->wake);
}

bool sure__loop_start(struct sure_server *server) {
  struct sure__loop *loop = &server->loop;
  loop->is_started = sure__thread_start(&loop->thread, run, server) == 0;
  return loop->is_started;
}

void sure__loop_stop(struct sure_server *server) {
  struct sure__loop *loop = &server->loop;
  if (!loop->is_started) {
    return;
  }
  pthread_mutex_lock(&loop->lock);
  loop->is_stopping = true;
  pthread_mutex_unlock(&loop->lock);
  pthread_cond_signal(&loop->wake);
  pthread_join(loop->thread, NULL);
  loop->is_started = false;
}
