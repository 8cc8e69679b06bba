#include "tests/sim/plan.h"

#include <stdlib.h>
#include <string.h>
#include <sure/server.h>

#include "tests/sim/sim.h"

enum { DEEDS_MAX = 1000000 };

/* Swarm: a fault is there in half of the seeds. */
static uint32_t perhaps(uint32_t low, uint32_t high) {
  uint32_t value = (uint32_t)chance_between(low, high);
  return chance_below(2) == 0 ? value : 0;
}

static uint32_t between(uint32_t low, uint32_t high) {
  return (uint32_t)chance_between(low, high);
}

static void plan_network(struct plan *plan) {
  plan->delay_ms = between(0, 20);
  plan->jitter_ms = between(0, 40);
  plan->slow_permille = perhaps(1, 50);
  plan->slow_ms = between(10, 5000);
  plan->cut_permille = perhaps(1, 40);
  plan->half_open_permille = perhaps(1, 300);
  plan->split_permille = perhaps(1, 500);
  plan->partition_every_ms = perhaps(500, 5000);
  plan->partition_ms = between(10, 4000);
  plan->replay_every_ms = perhaps(300, 5000);
}

static void plan_processes(struct plan *plan) {
  plan->server_crash_every_ms = perhaps(300, 8000);
  plan->server_down_ms = between(0, 2000);
  plan->server_drain_permille = between(0, 500);
  plan->client_crash_every_ms = perhaps(1000, 10000);
  plan->pause_every_ms = perhaps(500, 5000);
  plan->pause_ms = between(1, 3000);
  plan->skew_every_ms = perhaps(500, 5000);
  plan->skew_ms = chance_below(2) == 0 ? between(1, 200) : between(1, 20000);
}

static void plan_store(struct plan *plan) {
  plan->store_mode = sim.uses_sqlite ? STORE_SQLITE : (enum store_mode)chance_below(3);
  plan->gather_ms = between(0, 3);
  plan->commit_ms = between(0, 20);
  plan->answer_ms = between(0, 5);
  plan->slow_disk_ms = between(10, 3000);
  plan->busy_permille = perhaps(1, 200);
  plan->full_permille = perhaps(1, 50);
  plan->void_permille = perhaps(1, 100);
  plan->failed_permille = perhaps(1, 20);
  plan->cut_off_permille = perhaps(1, 400);
}

/* What only real files have. */
static void plan_disk(struct plan *plan) {
  plan->disk_permille = perhaps(1, 300);
  plan->power_permille = perhaps(1, 20);
  plan->leave_permille = perhaps(1, 50);
}

/* In some seeds nobody goes to the bank of the examples, so that the others get further. */
static void plan_bank(struct plan *plan) {
  plan->bank_permille = chance_below(4) == 0 ? 0 : between(50, 900);
  plan->customer_count = between(2, CUSTOMERS_MAX);
  plan->abandon_permille = perhaps(1, 300);
  plan->list_permille = perhaps(1, 100);
}

static void plan_work(struct plan *plan) {
  static const uint32_t volatile_modes[] = {SURE_RUN_AUTO, SURE_RUN_TX, SURE_RUN_POOL,
                                            SURE_RUN_INLINE};
  plan->handler_ms = between(0, 30);
  plan->refuse_permille = perhaps(1, 100);
  plan->abort_permille = perhaps(1, 200);
  plan->run_mode = plan->store_mode == STORE_VOLATILE ? volatile_modes[chance_below(4)] : 0;
  plan->call_every_ms = between(5, 200);
  plan->talk_permille = perhaps(10, 300);
  plan->timeout_ms_max = between(100, 15000);
  plan->cancel_permille = perhaps(1, 200);
  plan->release_permille = perhaps(1, 300);
  plan->large_permille = perhaps(1, 60);
}

static void plan_options(struct plan *plan) {
  plan->session_lease_ms = chance_below(3) == 0 ? between(100, 3000) : 60000;
  plan->session_retention_ms = chance_below(3) == 0 ? between(100, 1500) : 600000;
  plan->message_len_max =
      chance_below(4) == 0 ? between(200 * 1024, 700 * 1024) : between(1024, 200 * 1024);
  plan->session_records_max = chance_below(3) == 0 ? between(16, 512) : 0;
  plan->running_calls_max = chance_below(4) == 0 ? between(1, 40) : 0;
  plan->unresolved_calls_max = chance_below(4) == 0 ? between(1, 8) : 1024;
  if (plan->session_records_max != 0 && plan->unresolved_calls_max > plan->session_records_max) {
    plan->unresolved_calls_max = plan->session_records_max / 2; /* or settling finds no room */
  }
  /* Not less than a message takes there and back, or nothing ever gets done. */
  plan->accept_timeout_ms = 3 * (plan->delay_ms + plan->jitter_ms) + between(50, 1500);
  plan->keepalive_time_ms = between(200, 5000);
  plan->unsent_len_max = chance_below(3) == 0 ? between(1, 64 * 1024) : 0;
  plan->idle_timeout_ms = chance_below(3) == 0 ? between(100, 3000) : 600000;
}

/* Stores of their own are what servers behind one address have; a channel that knows them all would
 * use the first only. */
static void plan_channels(struct plan *plan) {
  bool is_one_store = plan->store_mode == STORE_DURABLE || plan->store_mode == STORE_SQLITE;
  plan->knows_all = is_one_store ? (uint32_t)chance_below(2) : 0;
  plan->balancing = plan->knows_all != 0 ? (uint32_t)chance_below(3) : 0;
  plan->hedge_permille = plan->knows_all != 0 ? perhaps(100, 900) : 0;
  plan->hedge_delay_ms = between(0, 60);
}

static void plan_guards(struct plan *plan) {
  plan->concurrency_max = chance_below(4) == 0 ? between(1, 20) : 0;
  plan->adapts_concurrency = plan->concurrency_max != 0 ? (uint32_t)chance_below(2) : 0;
  plan->connection_age_ms = chance_below(4) == 0 ? between(200, 3000) : 0;
  plan->ping_interval_ms = chance_below(4) == 0 ? between(100, 1000) : 1;
}

/* Faults that come at random leave room for those that are aimed; leases end all the time. */
static void plan_worst(struct plan *plan, uint32_t strikes_permille) {
  plan->strikes_permille = strikes_permille;
  plan->session_lease_ms = between(100, 3000);
  plan->call_every_ms = between(5, 50);
  plan->cut_permille = between(1, 40);
  plan->failed_permille = between(1, 20);
}

void plan_make(struct plan *plan, uint32_t strikes_permille) {
  *plan = (struct plan){
      .client_count = between(1, CLIENTS_MAX),
      .server_count = between(1, SERVERS_MAX),
      .chaos_ms = between(2000, 20000),
      .deeds_max = DEEDS_MAX,
  };
  plan_network(plan);
  plan_processes(plan);
  plan_store(plan);
  plan_work(plan);
  plan_options(plan);
  plan_channels(plan);
  plan_guards(plan);
  if (sim.uses_sqlite) {
    plan_disk(plan);
    plan_bank(plan);
  }
  plan->copy_every_ms = perhaps(5, 500);
  if (strikes_permille > 0) {
    plan_worst(plan, strikes_permille);
  }
}

/* ---- changes ---- */

#define FIELD(name, least)                                                                         \
  { #name, offsetof(struct plan, name), least }

const struct plan_field plan_fields[PLAN_FIELD_COUNT] = {
    FIELD(client_count, 1),       FIELD(server_count, 1),          FIELD(chaos_ms, 1),
    FIELD(deeds_max, 1),          FIELD(talk_permille, 0),         FIELD(bank_permille, 0),
    FIELD(customer_count, 2),     FIELD(abandon_permille, 0),      FIELD(list_permille, 0),
    FIELD(strikes_permille, 0),   FIELD(copy_every_ms, 0),         FIELD(partition_every_ms, 0),
    FIELD(replay_every_ms, 0),    FIELD(server_crash_every_ms, 0), FIELD(client_crash_every_ms, 0),
    FIELD(pause_every_ms, 0),     FIELD(skew_every_ms, 0),         FIELD(cut_permille, 0),
    FIELD(half_open_permille, 0), FIELD(slow_permille, 0),         FIELD(split_permille, 0),
    FIELD(jitter_ms, 0),          FIELD(busy_permille, 0),         FIELD(full_permille, 0),
    FIELD(void_permille, 0),      FIELD(failed_permille, 0),       FIELD(disk_permille, 0),
    FIELD(power_permille, 0),     FIELD(leave_permille, 0),        FIELD(cut_off_permille, 0),
    FIELD(refuse_permille, 0),    FIELD(abort_permille, 0),        FIELD(cancel_permille, 0),
    FIELD(release_permille, 0),   FIELD(large_permille, 0),        FIELD(handler_ms, 0),
    FIELD(hedge_permille, 0),     FIELD(concurrency_max, 0),       FIELD(connection_age_ms, 0),
};

const uint32_t *plan_at(const struct plan *plan, const struct plan_field *field) {
  return (const uint32_t *)(const void *)((const char *)plan + field->offset);
}

static uint32_t *find(struct plan *plan, const char *name, size_t name_len) {
  for (size_t i = 0; i < PLAN_FIELD_COUNT; i++) {
    const char *known = plan_fields[i].name;
    if (strlen(known) == name_len && memcmp(known, name, name_len) == 0) {
      return (uint32_t *)(uintptr_t)plan_at(plan, &plan_fields[i]);
    }
  }
  return NULL;
}

bool plan_change(struct plan *plan, const char *changes) {
  while (*changes != '\0') {
    size_t name_len = strcspn(changes, "=,");
    uint32_t *place = find(plan, changes, name_len);
    if (place == NULL || changes[name_len] != '=') {
      return false;
    }
    char *end;
    const char *value = changes + name_len + 1;
    *place = (uint32_t)strtoul(value, &end, 10);
    if (end == value || (*end != ',' && *end != '\0')) {
      return false;
    }
    changes = *end == ',' ? end + 1 : end;
  }
  return true;
}
