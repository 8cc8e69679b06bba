#include "tests/sim/client.h"

#include <stdlib.h>
#include <string.h>

#include "rpc/core/client_state.h"
#include "rpc/core/memory.h"
#include "rpc/net/clock.h"
#include "tests/sim/aim.h"
#include "tests/sim/errand.h"
#include "tests/sim/network.h"
#include "tests/sim/server.h"

struct client_node clients[CLIENTS_MAX];

struct dialed {
  struct client_node *node;
  struct sure__connection *connection;
};

/* ---- the connection ---- */

static void on_bytes(void *user, struct sure_bytes frames) {
  struct dialed *dialed = user;
  struct client_node *node = dialed->node;
  if (node->dialed == dialed) {
    sure__client_receive(node->engine, frames, sure__clock_ms());
    client_finish(node);
  }
}

static void free_connection(void *thing, uint64_t number) {
  struct dialed *dialed = thing;
  (void)number;
  sure__connection_free(dialed->connection);
  sure__free(dialed);
}

static void on_closed(void *user, const char *reason) {
  struct dialed *dialed = user;
  struct client_node *node = dialed->node;
  if (node->dialed == dialed) {
    node->dialed = NULL;
    aim_at_lease(node->number);
    sure__client_disconnected(node->engine, reason, sure__clock_ms());
    client_finish(node);
  }
  event_at(sim.now_ms, &node->process, free_connection, dialed, 0);
}

static void hang_up(struct client_node *node, const char *reason) {
  struct dialed *dialed = node->dialed;
  node->dial_number++; /* a dial that is under way is not wanted any more */
  node->dialed = NULL;
  if (dialed != NULL && sure__connection_hold(dialed->connection)) {
    sure__connection_close(dialed->connection, reason);
    sure__connection_release(dialed->connection);
  }
}

static void connect(struct client_node *node, struct server_node *server) {
  struct pipe *pipe =
      network_connect(&node->process, node->number, &server->process, server->number);
  struct dialed *dialed = sure__alloc(sizeof *dialed);
  if (dialed == NULL) {
    abort();
  }
  dialed->node = node;
  struct sure__connection_config config = {
      .on_bytes = on_bytes, .on_closed = on_closed, .user = dialed};
  dialed->connection = sure__connection_open(network_client_end(pipe), &config);
  node->dialed = dialed;
  server_accept_soon(server, pipe);
  sure__connection_start(dialed->connection);
  sure__client_connected(node->engine, sure__clock_ms());
  client_finish(node);
}

static void dial_ends(void *thing, uint64_t dial_number) {
  struct client_node *node = thing;
  if (node->dial_number != dial_number) {
    return;
  }
  struct server_node *server = &servers[chance_below(sim.plan.server_count)];
  if (network_blocked_until_ms(node->number, server->number, true) != 0 ||
      network_blocked_until_ms(node->number, server->number, false) != 0) {
    return; /* neither an answer nor a refusal: the engine's time-out ends it */
  }
  if (server->server == NULL) {
    sure__client_not_connected(node->engine, "refused", sure__clock_ms());
    client_finish(node);
    return;
  }
  connect(node, server);
}

/* ---- what the engine asks for ---- */

static void check_log(struct client_node *node) {
  struct sure__log_queue *log = &node->engine->log;
  for (unsigned i = 0; i < log->count; i++) {
    sim_trace("client %u: %s", node->number, log->lines[i].text);
    if (strstr(log->lines[i].text, "protocol error") != NULL) {
      sim_fail("client %u: %s", node->number, log->lines[i].text);
    }
  }
  log->count = 0;
  log->dropped_count = 0;
}

static void note_session(struct client_node *node) {
  const struct sure__client_session *session = node->engine->session;
  if (node->engine->link.state == SURE__LINK_ATTACHED) {
    node->store = sim_store_number(&node->engine->link.store);
  }
  if (session == NULL) {
    return;
  }
  if (session->epoch >= EPOCHS_MAX) {
    sim_fail("client %u opened session after session", node->number);
    return;
  }
  struct known_session *known = &node->sessions[session->epoch];
  known->id = session->id;
  known->store = sim_store_number(&session->store);
}

static void wake(void *thing, uint64_t at_ms) {
  struct client_node *node = thing;
  if (at_ms == node->armed_ms) {
    node->armed_ms = SURE__TIME_NEVER;
    sure__client_advance(node->engine, sure__clock_ms());
    client_finish(node);
  }
}

static void arm(struct client_node *node) {
  uint64_t next_ms = sure__client_next_ms(node->engine);
  if (next_ms < node->armed_ms) {
    node->armed_ms = next_ms;
    uint64_t now_ms = sure__clock_ms();
    event_at(sim.now_ms + (next_ms > now_ms ? next_ms - now_ms : 0), &node->process, wake, node,
             next_ms);
  }
}

static void complete_all(struct client_node *node) {
  struct sure__list *link;
  while ((link = sure__list_pop(&node->engine->completed)) != NULL) {
    struct sure__client_call *call = sure__container_of(link, struct sure__client_call, link);
    errand_completed(node, call);
    sure__client_recycle(node->engine, call);
  }
}

void client_finish(struct client_node *node) {
  struct sure__client *engine = node->engine;
  check_log(node);
  note_session(node);
  complete_all(node);
  if (engine->close_reason != NULL) {
    const char *reason = engine->close_reason;
    engine->close_reason = NULL;
    hang_up(node, reason);
  }
  if (engine->out.len > 0 && node->dialed != NULL &&
      sure__connection_hold(node->dialed->connection)) {
    sure__connection_queue(node->dialed->connection, &engine->out);
    sure__connection_flush(node->dialed->connection);
    sure__connection_release(node->dialed->connection);
  }
  if (engine->dial_wanted) {
    engine->dial_wanted = false;
    event_at(sim.now_ms + 2 * network_delay_ms(), &node->process, dial_ends, node,
             ++node->dial_number);
  }
  arm(node);
}

/* ---- the process ---- */

void client_start(struct client_node *node) {
  if (node->engine != NULL) {
    return;
  }
  sim_trace("client %u starts", node->number);
  struct process *before = process_enter(&node->process);
  node->engine = sure__alloc(sizeof *node->engine);
  node->armed_ms = SURE__TIME_NEVER;
  struct sure__client_config config = {
      .attempt_timeout_ms = sim.plan.attempt_timeout_ms,
      .connect_timeout_ms = 3000,
      .reconnect_ms_initial = 20,
      .reconnect_ms_max = 500,
      .keepalive_time_ms = sim.plan.keepalive_time_ms,
      .keepalive_timeout_ms = sim.plan.keepalive_time_ms / 2 + 1,
      .ack_idle_ms = 50,
      .message_len_max = sim.plan.message_len_max,
      .unresolved_calls_max = sim.plan.unresolved_calls_max,
      .random_seed = chance_below(UINT64_MAX),
  };
  if (!sure__client_init(node->engine, &config)) {
    abort();
  }
  sure__client_advance(node->engine, sure__clock_ms());
  client_finish(node);
  app_start(node);
  process_enter(before);
}

void client_crash(struct client_node *node, bool is_silent) {
  if (node->engine == NULL) {
    return;
  }
  errands_crash(node);
  node->engine = NULL;
  node->dialed = NULL;
  node->dial_number++;
  network_process_ended(&node->process, is_silent);
  process_end(&node->process);
}

void clients_open(void) {
  for (unsigned i = 0; i < CLIENTS_MAX; i++) {
    clients[i].number = i;
    (void)snprintf(clients[i].process.name, sizeof clients[i].process.name, "client %u", i);
    clients[i].process.paused_until_ms = 0;
    clients[i].process.wall_skew_ms = 0;
  }
  for (unsigned i = 0; i < sim.plan.client_count; i++) {
    client_start(&clients[i]);
  }
}

void clients_close(void) {
  for (unsigned i = 0; i < CLIENTS_MAX; i++) {
    client_crash(&clients[i], true);
  }
}
