/* Carries out what an engine asks for: unpack, run, ask the store, write. */
#include "rpc/server/shell.h"

#include "rpc/core/assert.h"
#include "rpc/core/server_stream.h"
#include "rpc/net/callback_mark.h"
#include "rpc/net/children.h"
#include "rpc/net/clock.h"

/* Connections that are flushed with one taking of the lock, and ops of one submit to a store that
 * does not block. */
enum { ROUND_MAX = 64, SUBMIT_MAX = 256, KNOCKS_MAX = 4 };

/* A client that is asked who it is. Its connection is held. */
struct knock {
  struct sure__link *link;
  enum sure_code code;
  struct sure_attach attach;
};

/* One round of an engine's wishes, taken under the lock and done without it. */
struct round {
  struct knock knocks[KNOCKS_MAX];
  size_t knock_count;
  struct sure__list arrived;
  struct sure__list admitted;
  struct sure__list runs;
  struct sure__list runs_ended;
  struct sure__list calls;
  struct sure__list tasks;
  struct sure__connection *flushed[ROUND_MAX];
  const char *close_reasons[ROUND_MAX]; /* NULL: stays open */
  size_t flushed_count;
};

struct sure__shard *sure__link_lock(struct sure__link *link) {
  for (;;) {
    struct sure__shard *shard = atomic_load(&link->shard);
    pthread_mutex_lock(&shard->lock);
    if (shard == atomic_load(&link->shard)) {
      return shard;
    }
    pthread_mutex_unlock(&shard->lock);
  }
}

struct sure__shard *sure__shard_of(struct sure_server *server, const struct sure_session_id *id) {
  return &server->shards[id->bytes[15] % SURE__SHARD_COUNT];
}

/* ---- under the lock ---- */

static void take_link(struct sure__server *engine, struct round *round, struct sure__list *dirty) {
  struct sure__peer *peer = sure__container_of(dirty, struct sure__peer, dirty);
  struct sure__link *link = sure__container_of(peer, struct sure__link, peer);
  if (!sure__connection_hold(link->connection)) {
    sure__buffer_clear(&link->out, 0);
    return; /* it is over; sure__server_lost will follow */
  }
  sure__connection_queue(link->connection, &link->out);
  sure__connection_set_backlog(link->connection, peer->bodies.len);
  if (peer->awaits_room && !sure__connection_ask_room(link->connection)) {
    sure__server_sent(engine, peer, 0);
  }
  round->flushed[round->flushed_count] = link->connection;
  round->close_reasons[round->flushed_count] = peer->is_closing ? peer->close_reason : NULL;
  round->flushed_count++;
}

static void take_links(struct sure__server *engine, struct round *round, struct sure__list *dirty) {
  struct sure__list *link;
  while (round->flushed_count < ROUND_MAX && (link = sure__list_pop(dirty)) != NULL) {
    take_link(engine, round, link);
  }
}

static void take_knocks(struct round *round, struct sure__list *knocking) {
  struct sure__list *l;
  while (round->knock_count < KNOCKS_MAX && (l = sure__list_pop(knocking)) != NULL) {
    struct sure__peer *peer = sure__container_of(l, struct sure__peer, knocks);
    struct sure__link *link = sure__container_of(peer, struct sure__link, peer);
    if (sure__connection_hold(link->connection)) {
      round->knocks[round->knock_count++].link = link;
    }
  }
}

/* Under the lock, as their calls may go once it is free. */
static void cancel_children(struct sure__list *cancelled) {
  struct sure__list *link;
  while ((link = sure__list_pop(cancelled)) != NULL) {
    sure__children_cancel(sure__container_of(link, struct sure_call, cancels));
  }
}

static bool take_round(struct sure__shard *shard, struct round *round) {
  struct sure__server_actions *actions = &shard->engine.actions;
  sure__server_batch_end(&shard->engine);
  round->knock_count = 0;
  sure__list_init(&round->arrived);
  sure__list_init(&round->admitted);
  sure__list_init(&round->runs);
  sure__list_init(&round->runs_ended);
  sure__list_init(&round->calls);
  sure__list_init(&round->tasks);
  round->flushed_count = 0;
  cancel_children(&actions->cancelled);
  sure__streams_wake(&actions->woken);
  take_knocks(round, &actions->knocking);
  sure__list_move_all(&round->arrived, &actions->arrived);
  sure__list_move_all(&round->admitted, &actions->admitted);
  sure__list_move_all(&round->runs, &actions->runs);
  sure__list_move_all(&round->calls, &actions->calls);
  sure__list_move_all(&round->tasks, &actions->tasks);
  take_links(&shard->engine, round, &actions->dirty);
  take_links(&shard->engine, round, &actions->closing);
  return round->flushed_count > 0 || round->knock_count > 0 ||
         !sure__list_is_empty(&round->arrived) || !sure__list_is_empty(&round->admitted) ||
         !sure__list_is_empty(&round->runs) || !sure__list_is_empty(&round->calls) ||
         !sure__list_is_empty(&round->tasks);
}

static void feed_knocks(struct sure__shard *shard, const struct round *round) {
  uint64_t now_ms = sure__clock_ms();
  for (size_t i = 0; i < round->knock_count; i++) {
    const struct knock *knock = &round->knocks[i];
    struct sure_bytes principal = {knock->attach.principal, knock->attach.principal_len};
    sure__server_authenticated(&shard->engine, &knock->link->peer, knock->code, principal, now_ms);
  }
}

/* Without the lock, as the end of its connection may wait for both. */
static void release_knocks(struct sure__shard *shard, const struct round *round) {
  pthread_mutex_unlock(&shard->lock);
  for (size_t i = 0; i < round->knock_count; i++) {
    sure__connection_release(round->knocks[i].link->connection);
  }
  pthread_mutex_lock(&shard->lock);
}

static void feed_arrived(struct sure__shard *shard, struct sure__list *calls) {
  struct sure__list *link;
  while ((link = sure__list_pop(calls)) != NULL) {
    struct sure_call *call = sure__container_of(link, struct sure_call, link);
    bool is_let_through = call->op.record.code == SURE_OK;
    sure__server_arrived(&shard->engine, call, is_let_through, sure__clock_ms());
  }
}

static void feed_asked(struct sure__shard *shard, struct round *round) {
  if (round->knock_count > 0) {
    feed_knocks(shard, round);
    release_knocks(shard, round);
  }
  feed_arrived(shard, &round->arrived);
}

/* The requests of `calls` were unpacked, or not. */
static void feed_unpacked(struct sure__shard *shard, struct sure__list *calls) {
  struct sure__list *link;
  while ((link = sure__list_pop(calls)) != NULL) {
    struct sure_call *call = sure__container_of(link, struct sure_call, link);
    if (call->request != NULL) {
      sure__server_unpacked(&shard->engine, call);
    } else {
      const struct sure_record *why = &call->op.record;
      sure__server_refuse(&shard->engine, call, why->code, why->reason,
                          (const char *)why->message.data);
    }
  }
}

static void feed_runs(struct sure__shard *shard, struct sure__list *calls) {
  struct sure__list *link;
  while ((link = sure__list_pop(calls)) != NULL) {
    sure__server_run_done(&shard->engine, sure__container_of(link, struct sure_call, link));
  }
}

static void feed_decided(struct sure__shard *shard, struct round *round) {
  uint64_t now_ms = sure__clock_ms();
  struct sure__list *link;
  while ((link = sure__list_pop(&round->tasks)) != NULL) {
    struct sure__task *task = sure__container_of(link, struct sure__task, link);
    sure__server_store_done(&shard->engine, &task->op, now_ms);
  }
  while ((link = sure__list_pop(&round->calls)) != NULL) {
    struct sure_call *call = sure__container_of(link, struct sure_call, link);
    sure__server_store_done(&shard->engine, &call->op, now_ms);
  }
}

/* ---- without it ---- */

static void write_out(const struct round *round) {
  for (size_t i = 0; i < round->flushed_count; i++) {
    if (round->close_reasons[i] != NULL) {
      sure__connection_finish(round->flushed[i], round->close_reasons[i]);
    } else {
      sure__connection_flush(round->flushed[i]);
    }
    sure__connection_release(round->flushed[i]);
  }
}

static void ask_all(const struct sure_server *server, struct round *round) {
  for (size_t i = 0; i < round->knock_count; i++) {
    struct knock *knock = &round->knocks[i];
    const struct sure__buffer *credentials = &knock->link->peer.knocking;
    knock->code = sure__intercept_attach(
        server, (struct sure_bytes){credentials->data, credentials->len}, &knock->attach);
  }
  for (struct sure__list *l = round->arrived.next; l != &round->arrived; l = l->next) {
    sure__intercept_arrival(server, sure__container_of(l, struct sure_call, link));
  }
}

static void unpack_all(struct round *round) {
  for (struct sure__list *l = round->admitted.next; l != &round->admitted; l = l->next) {
    struct sure_call *call = sure__container_of(l, struct sure_call, link);
    call->op.run = sure__call_run_in_store;
    call->op.run_user = call;
    if (!sure__call_unpack(call)) {
      call->request = NULL;
    }
  }
}

static void run_inline(struct round *round, struct sure_call *call) {
  sure__callback_enter();
  if (sure__call_run(call, NULL)) {
    sure__list_append(&round->runs_ended, &call->link);
  }
  sure__callback_leave();
}

static void run_all(struct sure_server *server, struct round *round) {
  struct sure__list *link;
  while ((link = sure__list_pop(&round->runs)) != NULL) {
    struct sure_call *call = sure__container_of(link, struct sure_call, link);
    if (call->method->plan.inlined) {
      run_inline(round, call);
    } else if (!sure__pool_submit(server, call)) {
      sure__call_not_run(call, "threads are short");
      sure__list_append(&round->runs_ended, &call->link);
    }
  }
}

static void ops_decided(void *user, struct sure_store_op *const *ops, size_t count) {
  (void)user;
  (void)ops;
  (void)count;
}

static void submit_all(struct sure_server *server, struct round *round) {
  if (sure__list_is_empty(&round->calls) && sure__list_is_empty(&round->tasks)) {
    return;
  }
  if (server->store->blocks) {
    sure__writer_submit(server, &round->calls, &round->tasks);
    return;
  }
  struct sure_store_op *ops[SUBMIT_MAX];
  size_t count = 0;
  int64_t lease_now_ms = sure__clock_lease_ms();
  for (struct sure__list *l = round->tasks.next; l != &round->tasks; l = l->next) {
    struct sure__task *task = sure__container_of(l, struct sure__task, link);
    task->op.now_ms = lease_now_ms;
    ops[count++] = &task->op;
    if (count == SUBMIT_MAX) {
      server->store->ops->submit(server->store, ops, count, ops_decided, NULL);
      count = 0;
    }
  }
  for (struct sure__list *l = round->calls.next; l != &round->calls; l = l->next) {
    ops[count++] = &sure__container_of(l, struct sure_call, link)->op;
    if (count == SUBMIT_MAX) {
      server->store->ops->submit(server->store, ops, count, ops_decided, NULL);
      count = 0;
    }
  }
  if (count > 0) {
    server->store->ops->submit(server->store, ops, count, ops_decided, NULL);
  }
}

void sure__shard_finish(struct sure__shard *shard) {
  struct sure_server *server = shard->server;
  struct round round;
  while (take_round(shard, &round)) {
    pthread_mutex_unlock(&shard->lock);
    write_out(&round);
    ask_all(server, &round);
    unpack_all(&round);
    run_all(server, &round);
    submit_all(server, &round);
    pthread_mutex_lock(&shard->lock);
    feed_asked(shard, &round);
    feed_unpacked(shard, &round.admitted);
    feed_runs(shard, &round.runs_ended);
    feed_decided(shard, &round);
  }
  uint64_t wake_ms = sure__server_next_wake(&shard->engine);
  pthread_mutex_unlock(&shard->lock);
  sure__loop_arm(server, wake_ms);
}
