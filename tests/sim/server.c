#include "tests/sim/server.h"

#include <string.h>
#include <unistd.h>

#include "examples/bank/handlers.h"
#include "rpc/core/memory.h"
#include "rpc/net/clock.h"
#include "rpc/server/shell.h"
#include "tests/sim/aim.h"
#include "tests/sim/bank.h"
#include "tests/sim/bank_app.h"
#include "tests/sim/disk.h"
#include "tests/sim/ledger.h"
#include "tests/sim/network.h"
#include "tests/sim/talk.h"

enum { BATCH_MAX = 64, RECONCILE_MS = 700 };

struct server_node servers[SERVERS_MAX];

/* As sure_server_listen would. */
static void begin_reconciling(struct sure_server *server) {
  struct sure__shard *shard = &server->shards[0];
  pthread_mutex_lock(&shard->lock);
  sure__server_begin_reconciling(&shard->engine, sure__clock_ms());
  sure__shard_finish(shard);
}

void server_start(struct server_node *node) {
  if (node->server != NULL) {
    return;
  }
  if (node->store == NULL) {
    node->store = sim_store_open();
  }
  sim_trace("server %u starts", node->number);
  struct process *before = process_enter(&node->process);
  const struct plan *plan = &sim.plan;
  struct sure_server_options options = {
      .store = &node->store->base,
      .message_len_max = plan->message_len_max,
      .running_calls_max = plan->running_calls_max,
      .session_lease_ms = plan->session_lease_ms,
      .session_retention_ms = plan->session_retention_ms,
      .keepalive_time_ms = plan->keepalive_time_ms,
      .keepalive_timeout_ms = plan->keepalive_time_ms / 2 + 1,
      .unsent_len_max = plan->unsent_len_max,
      .unsent_ms_max = 2000,
      .handshake_ms_max = 2000,
      .concurrency_max = plan->concurrency_max,
      .adapts_concurrency = plan->adapts_concurrency != 0,
      .connection_age_ms_max = plan->connection_age_ms,
      .connection_age_grace_ms = 500,
      .ping_interval_ms_min = plan->ping_interval_ms,
      .reconcile_ms = RECONCILE_MS,
  };
  struct sure_server *server = NULL;
  if (sure_server_open(&options, &server) != SURE_OK) {
    sim_fail("a server does not start");
    return;
  }
  node->server = server;
  bank_offer(server, &node->store->number);
  talk_offer(server, &node->store->number);
  if (bank_app_is_wanted() && bank_register(server, NULL) != SURE_OK) {
    sim_fail("a server does not offer the bank");
  }
  begin_reconciling(server);
  process_enter(before);
}

static struct server_node *node_of(const struct sure_server *server) {
  for (unsigned i = 0; i < SERVERS_MAX; i++) {
    if (sim.current == &servers[i].process) {
      return &servers[i];
    }
  }
  (void)server;
  return NULL;
}

void server_crash(struct server_node *node, bool is_silent) {
  if (node->server == NULL) {
    return;
  }
  close(node->server->event_fd);
  node->server = NULL;
  node->is_writing = false;
  network_process_ended(&node->process, is_silent);
  process_end(&node->process);
  if (sim.plan.store_mode == STORE_VOLATILE || sim.plan.store_mode == STORE_SQLITE) {
    disk_stop(); /* the dead do not tidy up */
    node->store = sim_store_close(node->store);
    disk_resume();
  }
}

void server_drain(struct server_node *node) {
  struct process *before = process_enter(&node->process);
  node->server->is_draining = true;
  for (size_t i = 0; i < node->server->shard_count; i++) {
    struct sure__shard *shard = &node->server->shards[i];
    pthread_mutex_lock(&shard->lock);
    sure__server_drain(&shard->engine);
    sure__shard_finish(shard);
  }
  process_enter(before);
}

static void accept_pipe(void *thing, uint64_t number) {
  sure__link_open(servers[number].server, network_server_end(thing));
}

void server_accept_soon(struct server_node *node, struct pipe *pipe) {
  event_at(sim.now_ms, &node->process, accept_pipe, pipe, node->number);
}

void servers_open(void) {
  for (unsigned i = 0; i < SERVERS_MAX; i++) {
    servers[i] = (struct server_node){.number = i};
    (void)snprintf(servers[i].process.name, sizeof servers[i].process.name, "server %u", i);
  }
  if (sim.plan.store_mode == STORE_DURABLE) {
    struct sim_store *store = sim_store_open();
    for (unsigned i = 0; i < sim.plan.server_count; i++) {
      servers[i].store = store;
    }
  }
  for (unsigned i = 0; i < sim.plan.server_count; i++) {
    server_start(&servers[i]);
  }
}

void servers_close(void) {
  for (unsigned i = 0; i < SERVERS_MAX; i++) {
    server_crash(&servers[i], true);
  }
  for (unsigned i = 0; i < SERVERS_MAX; i++) {
    struct sim_store *store = servers[i].store;
    for (unsigned k = i; k < SERVERS_MAX && store != NULL; k++) {
      servers[k].store = servers[k].store == store ? NULL : servers[k].store;
    }
    sim_store_close(store);
  }
}

/* ---- in place of rpc/server/loop.c ---- */

static void check_stalled(void *thing, uint64_t number) {
  struct sure_server *server = thing;
  (void)number;
  sure__links_close_stalled(server, sure__clock_ms());
  event_at(sim.now_ms + 1000, sim.current, check_stalled, server, 0);
}

bool sure__loop_start(struct sure_server *server) {
  event_at(sim.now_ms + 1000, sim.current, check_stalled, server, 0);
  return true;
}

void sure__loop_stop(struct sure_server *server) {
  (void)server;
}

static void tick(void *thing, uint64_t at_ms) {
  struct sure_server *server = thing;
  if (at_ms != server->loop.wake_at_ms) {
    return; /* an earlier one came in between */
  }
  server->loop.wake_at_ms = SURE__TIME_NEVER;
  for (size_t i = 0; i < server->shard_count; i++) {
    struct sure__shard *shard = &server->shards[i];
    pthread_mutex_lock(&shard->lock);
    sure__server_time(&shard->engine, sure__clock_ms());
    sure__shard_finish(shard);
  }
}

void sure__loop_arm(struct sure_server *server, uint64_t at_ms) {
  if (at_ms < server->loop.wake_at_ms) {
    server->loop.wake_at_ms = at_ms;
    uint64_t now_ms = sure__clock_ms();
    uint64_t pause_ms = at_ms > now_ms ? at_ms - now_ms : 0;
    event_at(sim.now_ms + pause_ms, sim.current, tick, server, at_ms);
  }
}

static void reap(void *thing, uint64_t number) {
  (void)number;
  sure__link_free(thing);
}

void sure__loop_reap(struct sure_server *server, struct sure__link *link) {
  (void)server;
  event_at(sim.now_ms, sim.current, reap, link, 0);
}

/* ---- in place of rpc/server/pool.c ---- */

bool sure__pool_start(struct sure_server *server) {
  (void)server;
  return true;
}

void sure__pool_stop(struct sure_server *server) {
  (void)server;
}

static void run_ended(void *thing, uint64_t number) {
  struct sure_call *call = thing;
  struct sure__shard *shard = sure__container_of(call->server, struct sure__shard, engine);
  (void)number;
  pthread_mutex_lock(&shard->lock);
  sure__server_run_done(&shard->engine, call);
  sure__shard_finish(shard);
}

static void run_read(void *user, void *transaction) {
  sure__call_run(user, transaction);
}

static void run_ends_soon(struct sure_call *call) {
  event_at(sim.now_ms + chance_below(sim.plan.handler_ms + 1), sim.current, run_ended, call, 0);
}

static void step(void *thing, uint64_t number) {
  struct sure_call *call = thing;
  enum sure_code code;
  (void)number;
  if (sure__call_step(call, &code)) {
    sure__call_run_ended(call, code, false);
    run_ends_soon(call);
  }
}

static void run_begins(void *thing, uint64_t number) {
  struct sure_call *call = thing;
  struct sure_store *store =
      sure__container_of(call->server, struct sure__shard, engine)->server->store;
  (void)number;
  if (!call->method->plan.reads) {
    if (!sure__call_run(call, NULL)) {
      return; /* its handler goes on in steps */
    }
  } else if (store->ops->read(store, run_read, call) != SURE_OK) {
    sim_fail("a read transaction does not begin");
  }
  run_ends_soon(call);
}

bool sure__pool_submit(struct sure_server *server, struct sure_call *call) {
  (void)server;
  event_at(sim.now_ms + chance_below(sim.plan.handler_ms + 1), sim.current, run_begins, call, 0);
  return true;
}

void sure__pool_step(struct sure_server *server, struct sure_call *call) {
  (void)server;
  event_at(sim.now_ms + chance_below(sim.plan.handler_ms + 1), sim.current, step, call, 0);
}

/* ---- in place of rpc/server/writer.c ---- */

static void batch_begins(void *thing, uint64_t number);

static void write_soon(struct server_node *node) {
  struct sure__writer *writer = &node->server->writer;
  bool is_idle = sure__list_is_empty(&writer->calls) && sure__list_is_empty(&writer->tasks);
  if (!node->is_writing && !is_idle) {
    node->is_writing = true;
    event_at(sim.now_ms + chance_below(sim.plan.gather_ms + 1), &node->process, batch_begins, node,
             0);
  }
}

static bool is_of(const struct sure_store_op *op, const struct sure__server *engine) {
  switch (op->kind) {
  case SURE_STORE_CALL:
  case SURE_STORE_INTENT:
  case SURE_STORE_COMPLETE:
  case SURE_STORE_RESOLVE:
  case SURE_STORE_CLAIM:
  case SURE_STORE_ADVANCE:
  case SURE_STORE_CONCLUDE:
    return sure__container_of(op, struct sure_call, op)->server == engine;
  case SURE_STORE_ATTACH:
  case SURE_STORE_ACK:
  case SURE_STORE_SETTLE:
  case SURE_STORE_CLOSE:
  case SURE_STORE_RENEW:
  case SURE_STORE_SWEEP:
  case SURE_STORE_DOUBTS:
    return sure__container_of(op, struct sure__task, op)->server == engine;
  }
  return false;
}

/* An op is gone once its engine has heard of it, so it is taken out of the batch first. */
static void feed(struct server_node *node, struct sure__shard *shard) {
  struct sure_store_op **ops = node->server->writer.batch;
  for (size_t i = 0; i < node->batch_count; i++) {
    struct sure_store_op *op = ops[i];
    if (op != NULL && is_of(op, &shard->engine)) {
      ops[i] = NULL;
      sure__server_store_done(&shard->engine, op, sure__clock_ms());
    }
  }
}

static void batch_heard(void *thing, uint64_t number) {
  struct server_node *node = thing;
  (void)number;
  for (size_t i = 0; i < node->server->shard_count; i++) {
    struct sure__shard *shard = &node->server->shards[i];
    pthread_mutex_lock(&shard->lock);
    feed(node, shard);
    sure__shard_finish(shard);
  }
  node->is_writing = false;
  write_soon(node);
}

static void decided(void *user, struct sure_store_op *const *ops, size_t count) {
  (void)user;
  (void)ops;
  (void)count;
}

static void restart(void *thing, uint64_t number) {
  (void)number;
  server_start(thing);
}

static void crash_and_restart(struct server_node *node) {
  server_crash(node, false);
  event_at(sim.now_ms + chance_below(sim.plan.server_down_ms + 1), NULL, restart, node, 0);
}

/* The store breaks: with the commit, before or after it. The process ends, as its shell demands
 * (S20); nobody hears of the batch. */
static bool breaks(struct server_node *node, bool has_committed) {
  if (sim.is_healed || !chance_permille(sim.plan.failed_permille)) {
    return false;
  }
  sim_fault(FAULT_STORE, "the store of server %u fails %s a commit", node->number,
            has_committed ? "after" : "before");
  sim.coverage[COVER_COMMIT_UNHEARD] += has_committed;
  crash_and_restart(node);
  return true;
}

/* Servers with the same files are on the same machine. A disk that fails and then the power is what
 * hurts most, so it happens more often. */
static bool loses_power(void) {
  uint32_t permille = sim.plan.power_permille * (disk_has_misbehaved() ? 20 : 1);
  if (sim.is_healed || !chance_permille(permille)) {
    return false;
  }
  sim_fault(FAULT_CRASH, "the power goes");
  for (unsigned i = 0; i < sim.plan.server_count; i++) {
    if (servers[i].server != NULL) {
      crash_and_restart(&servers[i]);
    }
  }
  disk_lose_power();
  return true;
}

/* Has the server end of which the store says, or can't say any more, that it is broken (S20). The
 * power may go at that very moment. */
static bool ends_with_store(struct server_node *node) {
  bool is_broken = node->store->is_broken;
  if (is_broken) {
    sim_trace("server %u ends with its store", node->number);
    crash_and_restart(node);
  }
  bool is_over = loses_power() || is_broken;
  if (is_broken) {
    ledger_judge();
  }
  return is_over;
}

static void batch_commits(void *thing, uint64_t number) {
  struct server_node *node = thing;
  struct sure_server *server = node->server;
  (void)number;
  if (breaks(node, false)) {
    return;
  }
  server->writer.batch_count++;
  server->store->ops->submit(server->store, server->writer.batch, node->batch_count, decided, NULL);
  aim_at_commit(node->number);
  if (!ends_with_store(node) && !breaks(node, true)) {
    event_at(sim.now_ms + chance_below(sim.plan.answer_ms + 1), &node->process, batch_heard, node,
             0);
  }
}

static void batch_begins(void *thing, uint64_t number) {
  struct server_node *node = thing;
  struct sure__writer *writer = &node->server->writer;
  struct sure__list *link;
  (void)number;
  node->batch_count = 0;
  while (node->batch_count < BATCH_MAX && (link = sure__list_pop(&writer->tasks)) != NULL) {
    struct sure__task *task = sure__container_of(link, struct sure__task, link);
    task->op.now_ms = sure__clock_lease_ms();
    writer->batch[node->batch_count++] = &task->op;
  }
  while (node->batch_count < BATCH_MAX && (link = sure__list_pop(&writer->calls)) != NULL) {
    writer->batch[node->batch_count++] = &sure__container_of(link, struct sure_call, link)->op;
  }
  bool is_slow = !sim.is_healed && chance_permille(20);
  uint64_t pause_ms = chance_below((is_slow ? sim.plan.slow_disk_ms : sim.plan.commit_ms) + 1);
  event_at(sim.now_ms + pause_ms, &node->process, batch_commits, node, 0);
}

void sure__writer_submit(struct sure_server *server, struct sure__list *calls,
                         struct sure__list *tasks) {
  sure__list_move_all(&server->writer.calls, calls);
  sure__list_move_all(&server->writer.tasks, tasks);
  write_soon(node_of(server));
}

bool sure__writer_start(struct sure_server *server) {
  server->writer.batch = sure__alloc(BATCH_MAX * sizeof(struct sure_store_op *));
  return server->writer.batch != NULL;
}

void sure__writer_stop(struct sure_server *server) {
  sure__free(server->writer.batch);
}
