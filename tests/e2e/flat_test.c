/* Records are freed as their results are acknowledged: nothing grows with the number of calls. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "world.h"

/* Sanitizers keep freed memory and shadows of it: under them the server does grow, and fewer calls
 * show what they can show. */
#ifdef E2E_SANITIZED
enum { CALLS_PER_PHASE = 20000, GROWTH_KB_MAX = 256 * 1024 };
#else
enum { CALLS_PER_PHASE = 500000, GROWTH_KB_MAX = 2048 };
#endif
enum { IN_FLIGHT = 64, WARM_CALLS = 5000, DURABLE_CALLS = 3000 };
/* Records that the last acknowledgment has not covered yet. */
enum { ROWS_MAX = 512 };

/* Keeps IN_FLIGHT calls going until `left` is used up. */
struct load {
  struct sure_channel *channel;
  atomic_int left;
  atomic_int open;
  atomic_int failure_count;
};

static void call_next(struct load *load);

static void on_end(void *user, const struct sure_status *status,
                   const Sure__E2e__V1__AddReply *reply) {
  struct load *load = user;
  (void)reply;
  atomic_fetch_add(&load->failure_count, sure_status_code(status) != SURE_OK);
  call_next(load);
  atomic_fetch_sub(&load->open, 1);
}

static void call_next(struct load *load) {
  Sure__E2e__V1__AddRequest request = add_request(1);
  if (atomic_fetch_sub(&load->left, 1) <= 0) {
    return;
  }
  atomic_fetch_add(&load->open, 1);
  if (sure__e2e__v1__counter_client__add__async(load->channel, &request, NULL, on_end, load,
                                                NULL) != SURE_OK) {
    atomic_fetch_add(&load->failure_count, 1);
    atomic_fetch_sub(&load->open, 1);
  }
}

static void call_many(struct sure_channel *channel, int count) {
  struct load load = {.channel = channel, .left = count};
  for (int i = 0; i < IN_FLIGHT; i++) {
    call_next(&load);
  }
  wait_until(atomic_load(&load.open) == 0);
  assert_int_equal(atomic_load(&load.failure_count), 0);
}

static long resident_kb(pid_t pid) {
  char path[64];
  char line[128] = "";
  snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  assert_non_null(fgets(line, sizeof line, file)); /* "all resident ..." in pages */
  fclose(file);
  const char *resident = strchr(line, ' ');
  assert_non_null(resident);
  return strtol(resident, NULL, 10) * (sysconf(_SC_PAGESIZE) / 1024);
}

static void assert_grew_little(const struct world *world, long before_kb) {
  long after_kb = resident_kb(world->server.pid);
  if (after_kb - before_kb > GROWTH_KB_MAX) {
    fail_msg("the server has grown from %ld to %ld KiB", before_kb, after_kb);
  }
}

/* One session: half of its calls with nothing else open, half above a call that stays open. */
static void servers_memory_stays_flat_over_a_million_calls_and_a_pinned_watermark(void **state) {
  struct world *world = *state;
  world_serve_memory(world, NULL);
  call_many(world->channel, WARM_CALLS);
  long before_kb = resident_kb(world->server.pid);
  call_many(world->channel, CALLS_PER_PHASE);
  assert_grew_little(world, before_kb);
  Sure__E2e__V1__AddRequest request = add_request(1);
  request.meets = true;
  struct pending *slow = pending_add(world, world->channel, &request,
                                     &(struct sure_call_options){.timeout_ms = 60000});
  server_wait_in_handler(&world->server);
  call_many(world->channel, CALLS_PER_PHASE);
  assert_grew_little(world, before_kb);
  server_let_go(&world->server);
  assert_end(pending_wait(slow), SURE_OK, SURE_APPLIED);
  const int64_t calls = WARM_CALLS + 2 * CALLS_PER_PHASE + 1;
  assert_account(&world->server, calls, (uint64_t)calls);
  struct sure_channel_stats stats;
  sure_channel_get_stats(world->channel, &stats);
  assert_int_equal(stats.sessions, 1);
}

static int64_t row_count(const struct world *world) {
  return world_query(world, "SELECT count(*) FROM sure_calls");
}

static void durable_records_are_freed_as_their_results_are_acknowledged(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  call_many(world->channel, DURABLE_CALLS);
  assert_in_range(row_count(world), 0, ROWS_MAX);
  wait_until(row_count(world) == 0); /* an idle channel acknowledges the last ones alone */
  assert_account(&world->server, DURABLE_CALLS, DURABLE_CALLS);
}

static void unresolved_call_keeps_its_own_record_and_no_other(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  relay_arm(world->relay, SURE__RESPONSE, RELAY_HOLD);
  Sure__E2e__V1__AddRequest request = add_request(1);
  struct end end = add(world->channel, &request, &(struct sure_call_options){.timeout_ms = 200});
  assert_end(end, SURE_DEADLINE_EXCEEDED, SURE_OUTCOME_UNKNOWN);
  relay_cut(world->relay);
  call_many(world->channel, DURABLE_CALLS);
  wait_until(row_count(world) == 1);
  assert_end(settle_call(world->channel, end.id), SURE_OK, SURE_APPLIED);
  wait_until(row_count(world) == 0);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      E2E_TEST(servers_memory_stays_flat_over_a_million_calls_and_a_pinned_watermark),
      E2E_TEST(durable_records_are_freed_as_their_results_are_acknowledged),
      E2E_TEST(unresolved_call_keeps_its_own_record_and_no_other),
  };
  return e2e_run(tests, argc, argv);
}
