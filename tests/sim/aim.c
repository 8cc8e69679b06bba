#include "tests/sim/aim.h"

#include "tests/sim/client.h"
#include "tests/sim/faults.h"
#include "tests/sim/network.h"
#include "tests/sim/server.h"

enum { REPLIES_PER_STRIKE = 4 }; /* replies are many; the rarer windows are not to be crowded out */

static struct client_node *client_of(uint64_t pair) {
  return &clients[pair / SERVERS_MAX];
}

static struct server_node *server_of(uint64_t pair) {
  return &servers[pair % SERVERS_MAX];
}

/* Cuts and copies are what there is most of: after a crash or a pause, nothing is left to hit. */
static void strike(void *thing, uint64_t pair) {
  struct client_node *client = client_of(pair);
  struct server_node *server = server_of(pair);
  (void)thing;
  if (sim.is_healed) {
    return;
  }
  switch (chance_below(32)) {
  case 0:
    fault_crash_server(server);
    break;
  case 1:
    fault_crash_client(client);
    break;
  case 2:
    fault_pause(&server->process, 1 + chance_below(200));
    break;
  case 3:
    fault_pause(&client->process, 1 + chance_below(200));
    break;
  case 4:
  case 5:
    fault_partition(client->number, server->number, 1 + chance_below(300));
    break;
  case 6:
  case 7:
  case 8:
  case 9:
    network_cut(client->number, server->number);
    break;
  default:
    network_copy(client->number, server->number);
    break;
  }
}

static void copy(void *thing, uint64_t pair) {
  (void)thing;
  if (!sim.is_healed) {
    network_copy(client_of(pair)->number, server_of(pair)->number);
  }
}

/* Beyond one strike at each window come copies, which leave something to be struck. */
static void aim_often(unsigned client, unsigned server, uint64_t within_ms) {
  uint64_t pair = (uint64_t)client * SERVERS_MAX + server;
  uint32_t permille = sim.plan.strikes_permille;
  for (; permille > 1000; permille -= 1000) {
    event_at(sim.now_ms + chance_below(within_ms + 1), NULL, copy, NULL, pair);
  }
  if (chance_permille(permille)) {
    event_at(sim.now_ms + chance_below(within_ms + 1), NULL, strike, NULL, pair);
  }
}

static bool is_window(bool is_server, const struct sure__frame *frame) {
  switch (frame->type) {
  case SURE__ATTACH:
  case SURE__ATTACHED:
  case SURE__ACK:
  case SURE__SETTLE:
  case SURE__SETTLED:
  case SURE__GOAWAY:
    return true;
  case SURE__REQUEST:
    return frame->attempt > 1;
  case SURE__RESPONSE:
    return is_server && chance_below(REPLIES_PER_STRIKE) == 0;
  default:
    return false;
  }
}

void aim_at_frame(bool is_server, unsigned client, unsigned server,
                  const struct sure__frame *frame) {
  bool is_aimed = sim.plan.strikes_permille > 0 && !sim.is_healed && client < CLIENTS_MAX;
  if (is_aimed && is_window(is_server, frame)) {
    aim_often(client, server, sim.plan.delay_ms + sim.plan.jitter_ms);
  }
}

void aim_at_commit(unsigned server) {
  if (!sim.is_healed) {
    aim_often((unsigned)chance_below(sim.plan.client_count), server, sim.plan.answer_ms);
  }
}

void aim_at_lease(unsigned client) {
  if (!sim.is_healed && chance_permille(sim.plan.strikes_permille) && chance_below(4) == 0) {
    uint64_t around_ms = chance_below(sim.plan.session_lease_ms / 4 + 1);
    fault_pause(&clients[client].process,
                sim.plan.session_lease_ms - sim.plan.session_lease_ms / 8 + around_ms);
  }
}
