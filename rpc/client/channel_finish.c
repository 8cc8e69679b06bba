/* Doing what the engine left to be done. */
#include "rpc/client/channel_private.h"
#include "rpc/core/client_stream.h"
#include "rpc/net/callback_mark.h"
#include "rpc/net/clock.h"

/* Things to do with connections that are collected with one taking of the lock. */
enum { ERRANDS_MAX = 16 };

/* What one link wants. Each of them is held. */
struct errand {
  struct sure__connection *connection; /* flush, and close if there is a reason */
  const char *close_reason;
  struct sure__channel_link *dials;
  struct sure__channel_link *cancels_dial;
};

struct todo {
  struct sure_channel *channel;
  struct errand errands[ERRANDS_MAX];
  size_t errand_count;
  bool is_more; /* there was no room for all */
  bool resolves;
  struct sure__list completed;
  struct sure__list told; /* streams whose owners want to hear of them */
  struct sure__log_queue log;
  struct sure__hooks hooks;
};

/* The channel whose completions this thread runs: what they start is collected when they are over,
 * so that the requests of a whole batch leave in one write. */
static _Thread_local struct sure_channel *completing;

/* ---- with the lock ---- */

static void collect_close(struct sure__client *engine, struct sure__link *link,
                          struct errand *errand) {
  struct sure__channel_link *owner = link->user;
  const char *reason = link->close_reason;
  sure__client_link_closed(engine, link);
  if (owner == NULL) {
    return; /* it was never dialed */
  }
  owner->link = NULL;
  if (owner->connection != NULL) {
    if (sure__connection_hold(owner->connection)) {
      errand->connection = owner->connection;
      errand->close_reason = reason;
    }
  } else if (owner->is_dialing) {
    owner->hold_count++;
    errand->cancels_dial = owner;
  }
}

static void collect_dial(struct sure_channel *channel, struct sure__link *link,
                         struct errand *errand) {
  link->dial_wanted = false;
  errand->dials = sure__channel_link_new(channel, link);
  if (errand->dials == NULL) {
    sure__client_not_connected(&channel->engine, link, "memory is short", sure__clock_ms());
  }
}

static void collect_bytes(struct sure__link *link, struct errand *errand) {
  const struct sure__channel_link *owner = link->user;
  if (owner->connection != NULL && sure__connection_hold(owner->connection)) {
    errand->connection = owner->connection;
    sure__connection_queue(owner->connection, &link->out);
    if (link->awaits_room && !sure__connection_ask_room(owner->connection)) {
      sure__client_sent(&owner->channel->engine, link, 0, sure__clock_ms());
    }
  } else {
    link->out.len = 0; /* the connection is over, the engine will hear it next */
  }
}

static void collect_links(struct sure_channel *channel, struct todo *todo) {
  struct sure__list *l;
  todo->errand_count = 0;
  while (todo->errand_count < ERRANDS_MAX &&
         (l = sure__list_pop(&channel->engine.acting)) != NULL) {
    struct sure__link *link = sure__container_of(l, struct sure__link, acting);
    struct errand *errand = &todo->errands[todo->errand_count++];
    *errand = (struct errand){0};
    if (link->close_reason != NULL) {
      collect_close(&channel->engine, link, errand);
    } else if (link->dial_wanted) {
      collect_dial(channel, link, errand);
    } else if (link->out.len > 0 || link->awaits_room) {
      collect_bytes(link, errand);
    }
  }
  todo->is_more = !sure__list_is_empty(&channel->engine.acting);
}

static void collect_log(struct sure_channel *channel, struct todo *todo) {
  struct sure__log_queue *queue = &channel->engine.log;
  todo->log.count = 0;
  todo->log.dropped_count = 0;
  if (queue->count > 0) {
    todo->log = *queue;
    queue->count = 0;
    queue->dropped_count = 0;
  }
}

static void collect(struct sure_channel *channel, struct todo *todo) {
  struct sure__client *engine = &channel->engine;
  todo->channel = channel;
  sure__list_init(&todo->completed);
  sure__list_init(&todo->told);
  sure__channel_streams_wake(channel, &todo->told);
  collect_links(channel, todo);
  collect_log(channel, todo);
  sure__list_move_all(&todo->completed, &engine->completed);
  sure__hooks_collect(channel, &todo->hooks);
  todo->resolves = engine->resolve_wanted && channel->resolver != NULL;
  engine->resolve_wanted = false;
  if (sure__client_next_ms(engine) < channel->sleep_until_ms || engine->parted ||
      engine->state_has_changed) {
    engine->state_has_changed = false;
    pthread_cond_broadcast(&channel->changed);
  }
}

/* ---- without it ---- */

static void run_errand(const struct errand *errand) {
  if (errand->connection != NULL) {
    if (errand->close_reason != NULL) {
      sure__connection_close(errand->connection, errand->close_reason);
    } else {
      sure__connection_flush(errand->connection);
    }
    sure__connection_release(errand->connection);
  }
  if (errand->cancels_dial != NULL) {
    sure__channel_link_cancel_dial(errand->cancels_dial);
  }
  if (errand->dials != NULL) {
    sure__channel_link_dial(errand->dials);
  }
}

static void act(struct todo *todo) {
  for (size_t i = 0; i < todo->errand_count; i++) {
    run_errand(&todo->errands[i]);
  }
  if (todo->resolves) {
    sure__resolver_want(todo->channel->resolver);
  }
  if (todo->log.count > 0) {
    sure__log_write_out(&todo->channel->logger, &todo->log);
  }
}

static void run_completions(struct todo *todo) {
  struct sure_status status = {0};
  struct sure_channel *before = completing;
  completing = todo->channel;
  sure__callback_enter();
  for (struct sure__list *link = todo->completed.next; link != &todo->completed;
       link = link->next) {
    sure__channel_deliver(todo->channel, sure__container_of(link, struct sure__client_call, link),
                          &status);
  }
  sure__channel_streams_tell(todo->channel, &todo->told); /* of ends, when those are known */
  sure__callback_leave();
  completing = before;
  sure__status_fini(&status);
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
    bool has_hooks = todo.hooks.begin_count + todo.hooks.end_count > 0;
    bool completes =
        !sure__list_is_empty(&todo.completed) || !sure__list_is_empty(&todo.told) || has_hooks;
    channel->completing_count += completes;
    pthread_mutex_unlock(&channel->mutex);
    act(&todo);
    if (!completes && !todo.is_more) {
      return;
    }
    if (has_hooks) {
      sure__hooks_run(channel, &todo.hooks);
    }
    if (completes) {
      run_completions(&todo);
    }
    pthread_mutex_lock(&channel->mutex);
    sure__hooks_feed(channel, &todo.hooks);
    recycle(channel, &todo);
    channel->completing_count -= completes;
    if (channel->completing_count == 0 && channel->engine.shut_down) {
      pthread_cond_broadcast(&channel->changed);
    }
  }
}
