#include "tests/sim/client.h"

#include <stdlib.h>
#include <string.h>

#include "rpc/core/client_state.h"
#include "rpc/core/client_stream.h"
#include "rpc/core/memory.h"
#include "rpc/net/clock.h"
#include "tests/sim/aim.h"
#include "tests/sim/errand.h"
#include "tests/sim/network.h"
#include "tests/sim/server.h"
#include "tests/sim/talk.h"

#define SERVER_URL "sim://server "

struct client_node clients[CLIENTS_MAX];

/* What belongs to one link of the engine: a dial, then a connection. */
struct dialed {
  struct client_node *node;
  struct sure__link *link; /* NULL: the engine wants nothing of it any more */
  struct server_node *server;
  struct sure__connection *connection; /* NULL: not yet */
};

/* ---- the connection ---- */

static void on_bytes(void *user, struct sure_bytes frames) {
  struct dialed *dialed = user;
  struct client_node *node = dialed->node;
  if (dialed->link != NULL) {
    sure__client_receive(node->engine, dialed->link, frames, sure__clock_ms());
    client_finish(node);
  }
}

static void on_room(void *user) {
  struct dialed *dialed = user;
  struct client_node *node = dialed->node;
  if (dialed->link != NULL) {
    sure__client_sent(node->engine, dialed->link, sure__connection_unsent_len(dialed->connection),
                      sure__clock_ms());
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
  if (dialed->link != NULL) {
    aim_at_lease(node->number);
    sure__client_disconnected(node->engine, dialed->link, reason, sure__clock_ms());
    dialed->link = NULL;
    client_finish(node);
  }
  event_at(sim.now_ms, &node->process, free_connection, dialed, 0);
}

static void hang_up(struct dialed *dialed, const char *reason) {
  dialed->link = NULL; /* a dial that is under way is not wanted any more */
  if (dialed->connection != NULL && sure__connection_hold(dialed->connection)) {
    sure__connection_close(dialed->connection, reason);
    sure__connection_release(dialed->connection);
  }
}

static void connect(struct dialed *dialed) {
  struct client_node *node = dialed->node;
  struct server_node *server = dialed->server;
  struct pipe *pipe =
      network_connect(&node->process, node->number, &server->process, server->number);
  struct sure__connection_config config = {
      .on_bytes = on_bytes, .on_closed = on_closed, .on_room = on_room, .user = dialed};
  dialed->connection = sure__connection_open(network_client_end(pipe), &config);
  server_accept_soon(server, pipe);
  sure__connection_start(dialed->connection);
  sure__client_connected(node->engine, dialed->link, sure__clock_ms());
  client_finish(node);
}

static void dial_ends(void *thing, uint64_t number) {
  struct dialed *dialed = thing;
  struct client_node *node = dialed->node;
  struct server_node *server = dialed->server;
  (void)number;
  if (dialed->link == NULL) {
    sure__free(dialed);
    return;
  }
  if (network_blocked_until_ms(node->number, server->number, true) != 0 ||
      network_blocked_until_ms(node->number, server->number, false) != 0) {
    /* Neither an answer nor a refusal: the engine's time-out ends it. */
    event_at(sim.now_ms + 100, &node->process, dial_ends, dialed, 0);
    return;
  }
  if (server->server == NULL) {
    sure__client_not_connected(node->engine, dialed->link, "refused", sure__clock_ms());
    sure__free(dialed);
    client_finish(node);
    return;
  }
  connect(dialed);
}

/* An address is "server N"; any of the servers may stand behind the one address of a channel that
 * knows no more. */
static struct server_node *server_at(const char *url) {
  unsigned number = (unsigned)strtoul(url + strlen(SERVER_URL), NULL, 10);
  return url[strlen(SERVER_URL)] == '*' ? &servers[chance_below(sim.plan.server_count)]
                                        : &servers[number];
}

static void dial(struct client_node *node, struct sure__link *link) {
  struct dialed *dialed = sure__alloc(sizeof *dialed);
  if (dialed == NULL) {
    abort();
  }
  *dialed = (struct dialed){.node = node, .link = link, .server = server_at(link->endpoint->url)};
  link->user = dialed;
  event_at(sim.now_ms + 2 * network_delay_ms(), &node->process, dial_ends, dialed, 0);
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
  const struct sure__link *link = sure__client_any_link(node->engine);
  if (link != NULL) {
    node->store = sim_store_number(&link->store);
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

static void serve_link(struct client_node *node, struct sure__link *link) {
  struct dialed *dialed = link->user;
  if (link->close_reason != NULL) {
    const char *reason = link->close_reason;
    sure__client_link_closed(node->engine, link);
    if (dialed != NULL) {
      hang_up(dialed, reason);
    }
  } else if (link->dial_wanted) {
    link->dial_wanted = false;
    dial(node, link);
  } else if ((link->out.len > 0 || link->awaits_room) &&
             sure__connection_hold(dialed->connection)) {
    sure__connection_queue(dialed->connection, &link->out);
    sure__connection_flush(dialed->connection);
    if (link->awaits_room && !sure__connection_ask_room(dialed->connection)) {
      sure__client_sent(node->engine, link, 0, sure__clock_ms());
    }
    sure__connection_release(dialed->connection);
  }
}

void client_finish(struct client_node *node) {
  struct sure__list *l;
  check_log(node);
  note_session(node);
  complete_all(node);
  talk_wake(node);
  while (node->engine != NULL && (l = sure__list_pop(&node->engine->acting)) != NULL) {
    serve_link(node, sure__container_of(l, struct sure__link, acting));
  }
  arm(node);
}

/* ---- the process ---- */

/* One address that may lead anywhere, or one for each server. */
static void set_endpoints(struct client_node *node) {
  static const char *const anywhere[] = {SERVER_URL "*"};
  static const char *const each[SERVERS_MAX] = {SERVER_URL "0", SERVER_URL "1", SERVER_URL "2"};
  bool is_set =
      sim.plan.knows_all
          ? sure__client_set_endpoints(node->engine, each, sim.plan.server_count, sure__clock_ms())
          : sure__client_set_endpoints(node->engine, anywhere, 1, sure__clock_ms());
  if (!is_set) {
    abort();
  }
}

void client_start(struct client_node *node) {
  if (node->engine != NULL) {
    return;
  }
  sim_trace("client %u starts", node->number);
  struct process *before = process_enter(&node->process);
  node->engine = sure__alloc(sizeof *node->engine);
  node->known_stamp = 0;
  node->armed_ms = SURE__TIME_NEVER;
  sure__clock_look_at_wall();
  struct sure__client_config config = {
      .clock = sure__clock_hlc(),
      .clock_drift_ms_max = CLOCK_DRIFT_MS_MAX,
      .accept_timeout_ms = sim.plan.accept_timeout_ms,
      .connect_timeout_ms = 3000,
      .reconnect_ms_initial = 20,
      .reconnect_ms_max = 500,
      .keepalive_time_ms = sim.plan.keepalive_time_ms,
      .keepalive_timeout_ms = sim.plan.keepalive_time_ms / 2 + 1,
      .ack_idle_ms = 50,
      .message_len_max = sim.plan.message_len_max,
      .idle_timeout_ms = sim.plan.idle_timeout_ms,
      .unresolved_calls_max = sim.plan.unresolved_calls_max,
      .balancing = (enum sure_balancing)sim.plan.balancing,
      .outlier_detection = {.interval_ms = 1000,
                            .base_ejection_ms = 300,
                            .max_ejection_ms = 3000,
                            .max_ejection_percent = 50,
                            .consecutive_failures = 3,
                            .failure_percent = 50,
                            .request_volume = 10},
      .random_seed = chance_below(UINT64_MAX),
  };
  if (!sure__client_init(node->engine, &config)) {
    abort();
  }
  set_endpoints(node);
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
