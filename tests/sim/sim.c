#include "tests/sim/sim.h"

#include <stdarg.h>
#include <string.h>
#include <xxhash.h>

#include "tests/sim/bank_app.h"
#include "tests/sim/errand.h"
#include "tests/sim/faults.h"
#include "tests/sim/ledger.h"
#include "tests/sim/network.h"
#include "tests/sim/server.h"
#include "tests/sim/talk.h"
#include "tests/sim/wires.h"

enum { LINE_LEN_MAX = 512, HEAL_MS = 30000, PROBE_EVERY_MS = 1000, PROBE_MS = 40000 };

struct sim sim;

static void write_line(const char *mark, const char *text) {
  sim.trace_hash = XXH3_64bits_withSeed(text, strlen(text), sim.trace_hash + sim.now_ms);
  if (sim.trace != NULL) {
    fprintf(sim.trace, "[%6llu] %s%s\n", (unsigned long long)sim.now_ms, mark, text);
  }
}

void sim_trace(const char *format, ...) {
  char line[LINE_LEN_MAX];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  write_line("", line);
}

void sim_fault(enum fault_kind kind, const char *format, ...) {
  char line[LINE_LEN_MAX];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  sim.faults[kind]++;
  write_line("* ", line);
}

void sim_trouble(const char *format, ...) {
  char line[LINE_LEN_MAX];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  write_line("* ", line);
}

void sim_fail(const char *format, ...) {
  va_list arguments;
  if (!sim.has_failed) {
    sim.has_failed = true;
    va_start(arguments, format);
    (void)vsnprintf(sim.reason, sizeof sim.reason, format, arguments);
    va_end(arguments);
    write_line("! ", sim.reason);
  }
}

static void run_until(uint64_t end_ms) {
  while (!sim.has_failed && sim.now_ms < end_ms && event_step()) {
  }
}

static void nothing(void *thing, uint64_t number) {
  (void)thing;
  (void)number;
}

static void begin_last_talk(void *thing, uint64_t number) {
  (void)number;
  talk_begin_last(thing);
}

static void probe(void *thing, uint64_t number) {
  app_probe(thing, (unsigned)number);
  talk_probe(thing, (unsigned)number);
  if (bank_app_is_wanted()) {
    bank_app_look(thing);
  }
}

static void check_end(void) {
  errands_check_end();
  model_check_end();
  if (bank_app_is_wanted()) {
    bank_app_check_end(&servers[0].store->base);
  }
  if (sim.uses_sqlite) {
    ledger_check(&servers[0].store->base);
  }
}

static void story(void) {
  if (bank_app_is_wanted()) {
    bank_app_begin();
  }
  servers_open();
  clients_open();
  faults_begin();
  event_at(sim.plan.chaos_ms, NULL, nothing, NULL, 0);
  if (sim.plan.talk_permille > 0) {
    for (unsigned i = 0; i < sim.plan.client_count; i++) {
      event_at(sim.plan.chaos_ms - 1 - chance_below(1000), NULL, begin_last_talk, &clients[i], 0);
    }
  }
  run_until(sim.plan.chaos_ms);
  faults_end();
  if (bank_app_is_wanted()) {
    bank_app_heal();
  }
  uint64_t probe_ms = sim.now_ms + HEAL_MS;
  event_at(probe_ms, NULL, nothing, NULL, 0);
  run_until(probe_ms);
  for (unsigned i = 0; i < sim.plan.client_count; i++) {
    event_at(probe_ms + i * PROBE_EVERY_MS, NULL, probe, &clients[i], 1);
  }
  event_at(probe_ms + PROBE_MS, NULL, nothing, NULL, 0);
  run_until(probe_ms + PROBE_MS);
  if (!sim.has_failed) {
    check_end();
  }
}

void sim_make_plan(const struct sim_setup *setup) {
  sim = (struct sim){.seed = setup->seed, .uses_sqlite = setup->uses_sqlite, .random = setup->seed};
  plan_make(&sim.plan, setup->strikes_permille);
  if (setup->changes != NULL && !plan_change(&sim.plan, setup->changes)) {
    sim_fail("no such changes of a plan: %s", setup->changes);
  }
}

void sim_run_setup(const struct sim_setup *setup, FILE *trace_file) {
  sim_make_plan(setup);
  sim.trace = trace_file;
  ledger_begin();
  process_use_memory();
  story();
  clients_close();
  servers_close();
  ledger_end();
  network_clear();
  events_clear();
  app_clear();
  bank_app_clear();
  errands_clear();
  model_clear();
  talks_clear();
  wires_clear();
  process_clear();
}
