/* Threads for handlers that may take their time, and for read transactions. */
#include "rpc/core/memory.h"
#include "rpc/net/clock.h"
#include "rpc/net/start.h"
#include "rpc/server/shell.h"

static void run_read(void *user, void *transaction) {
  struct sure_call *call = user;
  const struct sure_store *store = sure__call_store(call);
  call->as_of_ms = store->ops->as_of_ms == NULL ? 0 : store->ops->as_of_ms(store, transaction);
  if (store->ops->clock != NULL) {
    sure__hlc_follow(sure__clock_hlc(), store->ops->clock(store, transaction));
  }
  (void)sure__call_run(call, transaction); /* it can't be deferred in a transaction */
}

/* False: its answer is deferred, or its handler goes on in steps. */
static bool run_call(struct sure_server *server, struct sure_call *call) {
  if (sure_call_stream(call) != NULL) {
    enum sure_code code;
    bool has_ended = sure__call_step(call, &code);
    if (has_ended) {
      sure__call_run_ended(call, code, false);
    }
    return has_ended;
  }
  if (!call->method->plan.reads) {
    return sure__call_run(call, NULL);
  }
  if (server->store->ops->read(server->store, run_read, call) != SURE_OK) {
    static const char text[] = "the store is held by someone else";
    call->op.record = (struct sure_record){.code = SURE_UNAVAILABLE,
                                           .reason = SURE_REASON_STORE_BUSY,
                                           .message = {(const uint8_t *)text, sizeof text - 1}};
    call->is_unrecorded = true;
  }
  return true;
}

static void *run(void *user) {
  struct sure_server *server = user;
  struct sure__pool *pool = &server->pool;
  pthread_mutex_lock(&pool->lock);
  for (;;) {
    struct sure__list *link = sure__list_pop(&pool->calls);
    if (link != NULL) {
      pthread_mutex_unlock(&pool->lock);
      struct sure_call *call = sure__container_of(link, struct sure_call, link);
      struct sure__shard *shard = sure__container_of(call->server, struct sure__shard, engine);
      if (run_call(server, call)) {
        pthread_mutex_lock(&shard->lock);
        sure__server_run_done(&shard->engine, call);
        sure__shard_finish(shard);
      }
      pthread_mutex_lock(&pool->lock);
    } else if (pool->is_stopping) {
      break;
    } else {
      pthread_cond_wait(&pool->wake, &pool->lock);
    }
  }
  pthread_mutex_unlock(&pool->lock);
  return NULL;
}

/* A handler with a stream may wait for its client for as long as that likes, so it gets a thread of
 * its own. */
static void *run_stream(void *user) {
  struct sure_call *call = user;
  struct sure__shard *shard = sure__container_of(call->server, struct sure__shard, engine);
  struct sure__pool *pool = &shard->server->pool;
  if (sure__call_run(call, NULL)) {
    pthread_mutex_lock(&shard->lock);
    sure__server_run_done(&shard->engine, call);
    sure__shard_finish(shard);
  }
  pthread_mutex_lock(&pool->lock);
  pool->stream_count--;
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->lock);
  return NULL;
}

/* False: there is no thread to be had. */
static bool start_stream(struct sure__pool *pool, struct sure_call *call) {
  pthread_t thread;
  pthread_mutex_lock(&pool->lock);
  pool->stream_count++;
  pthread_mutex_unlock(&pool->lock);
  if (sure__thread_start(&thread, run_stream, call) == 0) {
    pthread_detach(thread);
    return true;
  }
  pthread_mutex_lock(&pool->lock);
  pool->stream_count--;
  pthread_mutex_unlock(&pool->lock);
  return false;
}

static void line_up(struct sure__pool *pool, struct sure_call *call) {
  pthread_mutex_lock(&pool->lock);
  sure__list_append(&pool->calls, &call->link);
  pthread_mutex_unlock(&pool->lock);
  pthread_cond_signal(&pool->wake);
}

void sure__pool_step(struct sure_server *server, struct sure_call *call) {
  line_up(&server->pool, call);
}

bool sure__pool_submit(struct sure_server *server, struct sure_call *call) {
  if (call->method->plan.threads) {
    return start_stream(&server->pool, call);
  }
  line_up(&server->pool, call);
  return true;
}

bool sure__pool_start(struct sure_server *server) {
  struct sure__pool *pool = &server->pool;
  uint32_t count = server->options.pool_thread_count;
  pool->threads = sure__alloc(count * sizeof(pthread_t));
  if (pool->threads == NULL) {
    return false;
  }
  while (pool->thread_count < count) {
    if (sure__thread_start(&pool->threads[pool->thread_count], run, server) != 0) {
      return false;
    }
    pool->thread_count++;
  }
  return true;
}

void sure__pool_stop(struct sure_server *server) {
  struct sure__pool *pool = &server->pool;
  pthread_mutex_lock(&pool->lock);
  pool->is_stopping = true;
  pthread_cond_broadcast(&pool->wake);
  while (pool->stream_count > 0) {
    pthread_cond_wait(&pool->wake, &pool->lock);
  }
  pthread_mutex_unlock(&pool->lock);
  for (uint32_t i = 0; i < pool->thread_count; i++) {
    pthread_join(pool->threads[i], NULL);
  }
  pool->thread_count = 0;
  sure__free(pool->threads);
  pool->threads = NULL;
}
