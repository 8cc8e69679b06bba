/* Who makes trouble: each kind of fault has a clock of its own. */
#include "tests/sim/faults.h"

#include "rpc/core/memory.h"
#include "rpc/net/clock.h"
#include "tests/sim/client.h"
#include "tests/sim/network.h"
#include "tests/sim/server.h"

struct fault {
  const uint32_t *every_ms;
  void (*happen)(void);
};

static struct server_node *some_server(void) {
  return &servers[chance_below(sim.plan.server_count)];
}

static struct client_node *some_client(void) {
  return &clients[chance_below(sim.plan.client_count)];
}

static uint64_t some_ms(uint32_t mean_ms) {
  return 1 + chance_below(2 * (uint64_t)mean_ms);
}

void fault_partition(unsigned client, unsigned server, uint64_t duration_ms) {
  uint64_t end_ms = sim.now_ms + duration_ms;
  uint64_t directions = chance_between(1, 3);
  sim_fault(FAULT_PARTITION, "client %u and server %u are parted (directions %llu) until %llu",
            client, server, (unsigned long long)directions, (unsigned long long)end_ms);
  if ((directions & 1) != 0) {
    network_block(client, server, true, end_ms);
  }
  if ((directions & 2) != 0) {
    network_block(client, server, false, end_ms);
  }
}

static void partition(void) {
  unsigned client = some_client()->number;
  unsigned server = some_server()->number;
  fault_partition(client, server, some_ms(sim.plan.partition_ms));
}

static void start_server(void *thing, uint64_t number) {
  (void)number;
  server_start(thing);
}

static void end_server(void *thing, uint64_t life) {
  struct server_node *node = thing;
  if (node->process.life != life || node->server == NULL) {
    return;
  }
  sim_fault(FAULT_CRASH, "server %u crashes", node->number);
  server_crash(node, chance_below(4) == 0);
  event_at(sim.now_ms + chance_below(sim.plan.server_down_ms + 1), NULL, start_server, node, 0);
}

void fault_crash_server(struct server_node *node) {
  if (node->server == NULL) {
    return;
  }
  if (!chance_permille(sim.plan.server_drain_permille)) {
    end_server(node, node->process.life);
    return;
  }
  sim_trace("server %u drains", node->number);
  server_drain(node);
  event_at(sim.now_ms + chance_below(3000), NULL, end_server, node, node->process.life);
}

static void crash_server(void) {
  fault_crash_server(some_server());
}

static void start_client(void *thing, uint64_t number) {
  (void)number;
  client_start(thing);
}

void fault_crash_client(struct client_node *node) {
  if (node->engine != NULL) {
    sim_fault(FAULT_CRASH, "client %u crashes", node->number);
    client_crash(node, chance_below(2) == 0);
    event_at(sim.now_ms + chance_below(2000), NULL, start_client, node, 0);
  }
}

static void crash_client(void) {
  fault_crash_client(some_client());
}

void fault_pause(struct process *process, uint64_t duration_ms) {
  if (process->paused_until_ms > sim.now_ms) {
    return; /* what waits for the end of this pause has been told when it is */
  }
  process->paused_until_ms = sim.now_ms + duration_ms;
  sim_fault(FAULT_PAUSE, "%s is paused until %llu", process->name,
            (unsigned long long)process->paused_until_ms);
}

static void pause_process(void) {
  bool is_server = chance_below(2) == 0;
  struct process *process = is_server ? &some_server()->process : &some_client()->process;
  fault_pause(process, some_ms(sim.plan.pause_ms));
}

static void copy(void) {
  unsigned client = some_client()->number;
  network_copy(client, some_server()->number);
}

/* Servers that share a store share its clock (S11). */
static void skew_clock(void) {
  struct server_node *node = some_server();
  uint64_t skew_ms = chance_below(2 * (uint64_t)sim.plan.skew_ms + 1);
  for (unsigned i = 0; i < sim.plan.server_count; i++) {
    if (servers[i].store == node->store || sim.plan.store_mode == STORE_SQLITE) {
      servers[i].process.wall_skew_ms = (int64_t)skew_ms - (int64_t)sim.plan.skew_ms;
      struct process *before = process_enter(&servers[i].process);
      sure__clock_look_at_wall();
      process_enter(before);
    }
  }
  sim_trouble("the wall clock of server %u is off by %lld", node->number,
              (long long)node->process.wall_skew_ms);
}

/* ---- bytes of an old connection on a new one (S1) ---- */

static void ignore_bytes(void *user, struct sure_bytes frames) {
  (void)user;
  (void)frames;
}

static void ignore_close(void *user, const char *reason) {
  (void)user;
  (void)reason;
}

static void hang_up(void *thing, uint64_t number) {
  struct sure__connection *connection = thing;
  (void)number;
  if (sure__connection_hold(connection)) {
    sure__connection_close(connection, "enough");
    sure__connection_release(connection);
  }
}

static void free_replayer(void *thing, uint64_t number) {
  (void)number;
  sure__connection_free(thing);
}

static void replay(void) {
  struct server_node *node = some_server();
  struct sure_bytes old = network_old_bytes();
  if (old.len == 0 || node->server == NULL) {
    return;
  }
  sim_fault(FAULT_DUPLICATE, "%zu old bytes are replayed to server %u", old.len, node->number);
  struct pipe *pipe = network_connect(NULL, CLIENTS_MAX, &node->process, node->number);
  struct sure__connection_config config = {.on_bytes = ignore_bytes, .on_closed = ignore_close};
  struct sure__connection *connection = sure__connection_open(network_client_end(pipe), &config);
  server_accept_soon(node, pipe);
  sure__connection_start(connection);
  struct sure__buffer bytes = {0};
  if (sure__buffer_append(&bytes, old.data, old.len)) {
    sure__connection_queue(connection, &bytes);
    sure__connection_flush(connection);
  }
  sure__buffer_fini(&bytes);
  event_at(sim.now_ms + 5000, NULL, hang_up, connection, 0);
  event_at(sim.now_ms + 6000, NULL, free_replayer, connection, 0);
}

/* ---- their clocks ---- */

static const struct fault faults[] = {
    {&sim.plan.partition_every_ms, partition},
    {&sim.plan.replay_every_ms, replay},
    {&sim.plan.copy_every_ms, copy},
    {&sim.plan.server_crash_every_ms, crash_server},
    {&sim.plan.client_crash_every_ms, crash_client},
    {&sim.plan.pause_every_ms, pause_process},
    {&sim.plan.skew_every_ms, skew_clock},
};

static void strike(void *thing, uint64_t number) {
  const struct fault *fault = thing;
  (void)number;
  if (sim.is_healed) {
    return;
  }
  fault->happen();
  event_at(sim.now_ms + some_ms(*fault->every_ms), NULL, strike, thing, 0);
}

void faults_begin(void) {
  for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
    if (*faults[i].every_ms > 0) {
      event_at(sim.now_ms + some_ms(*faults[i].every_ms), NULL, strike,
               (void *)(uintptr_t)&faults[i], 0);
    }
  }
}

void faults_end(void) {
  sim_trace("all is healed");
  sim.is_healed = true;
  network_heal();
  for (unsigned i = 0; i < sim.plan.server_count; i++) {
    server_start(&servers[i]);
  }
  for (unsigned i = 0; i < sim.plan.client_count; i++) {
    client_start(&clients[i]);
  }
}
