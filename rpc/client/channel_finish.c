/* Doing what the engine left to be done. */
#include "rpc/client/channel_private.h"
#include "rpc/net/callback_mark.h"

struct todo {
  struct sure_channel *channel;
  struct sure__connection *flushed; /* held */
  struct sure__connection *closed;  /* held */
  const char *close_reason;
  bool dials;
  bool cancels_dial;
  struct sure__list completed;
  struct sure__log_queue log;
};

/* The channel whose completions this thread runs: what they start is collected when they are over,
 * so that the requests of a whole batch leave in one write. */
static _Thread_local struct sure_channel *completing;

static void collect_close(struct sure_channel *channel, struct todo *todo) {
  if (channel->engine.close_reason == NULL) {
    return;
  }
  todo->close_reason = channel->engine.close_reason;
  channel->engine.close_reason = NULL;
  if (channel->link == NULL) {
    todo->cancels_dial = channel->dialing;
    channel->dial_abandoned = channel->dialing;
  } else if (sure__connection_hold(channel->link->connection)) {
    todo->closed = channel->link->connection;
  }
  channel->link = NULL;
}

static void collect_bytes(struct sure_channel *channel, struct todo *todo) {
  if (channel->engine.out.len == 0) {
    return;
  }
  if (channel->link != NULL && sure__connection_hold(channel->link->connection)) {
    todo->flushed = channel->link->connection;
    sure__connection_queue(todo->flushed, &channel->engine.out);
  } else {
    channel->engine.out.len = 0; /* the connection is over, the engine will hear it next */
  }
}

static void collect_dial(struct sure_channel *channel, struct todo *todo) {
  if (!channel->engine.dial_wanted) {
    return;
  }
  channel->engine.dial_wanted = false;
  todo->dials = !channel->dialing;
  channel->dial_again = channel->dialing;
  channel->dialing = true;
}

static void collect_log(struct sure_channel *channel, struct todo *todo) {
  struct sure__log_queue *queue = &channel->engine.log;
  if (queue->count > 0) {
    todo->log = *queue;
    queue->count = 0;
    queue->dropped_count = 0;
  }
}

/* With the lock. */
static void collect(struct sure_channel *channel, struct todo *todo) {
  todo->channel = channel;
  todo->flushed = NULL;
  todo->closed = NULL;
  todo->dials = false;
  todo->cancels_dial = false;
  todo->log.count = 0;
  todo->log.dropped_count = 0;
  sure__list_init(&todo->completed);
  collect_close(channel, todo);
  collect_bytes(channel, todo);
  collect_dial(channel, todo);
  collect_log(channel, todo);
  sure__list_move_all(&todo->completed, &channel->engine.completed);
  if (sure__client_next_ms(&channel->engine) < channel->sleep_until_ms || channel->engine.parted) {
    pthread_cond_broadcast(&channel->changed);
  }
}

/* Without the lock. */
static void act(struct todo *todo) {
  if (todo->closed != NULL) {
    sure__connection_close(todo->closed, todo->close_reason);
    sure__connection_release(todo->closed);
  }
  if (todo->flushed != NULL) {
    sure__connection_flush(todo->flushed);
    sure__connection_release(todo->flushed);
  }
  if (todo->cancels_dial) {
    nng_aio_cancel(todo->channel->dial_aio);
  }
  if (todo->dials) {
    nng_stream_dialer_dial(todo->channel->dialer, todo->channel->dial_aio);
  }
  if (todo->log.count > 0) {
    sure__log_write_out(&todo->channel->logger, &todo->log);
  }
}

static void run_completions(struct todo *todo) {
  struct sure_status status;
  struct sure_channel *before = completing;
  completing = todo->channel;
  sure__callback_enter();
  for (struct sure__list *link = todo->completed.next; link != &todo->completed;
       link = link->next) {
    sure__channel_deliver(sure__container_of(link, struct sure__client_call, link), &status);
  }
  sure__callback_leave();
  completing = before;
}

static void recycle(struct sure_channel *channel, struct todo *todo) {
  struct sure__list *link;
  while ((link = sure__list_pop(&todo->completed)) != NULL) {
    sure__client_recycle(&channel->engine,
                         sure__container_of(link, struct sure__client_call, link));
  }
}

void sure__channel_finish(struct sure_channel *channel) {
  if (completing == channel) {
    pthread_mutex_unlock(&channel->mutex);
    return; /* run_completions is on this stack, and collects afterwards */
  }
  for (;;) {
    struct todo todo;
    collect(channel, &todo);
    bool completes = !sure__list_is_empty(&todo.completed);
    channel->completing_count += completes;
    pthread_mutex_unlock(&channel->mutex);
    act(&todo);
    if (!completes) {
      return;
    }
    run_completions(&todo);
    pthread_mutex_lock(&channel->mutex);
    recycle(channel, &todo);
    channel->completing_count--;
    if (channel->completing_count == 0 && channel->engine.shut_down) {
      pthread_cond_broadcast(&channel->changed);
    }
  }
}
