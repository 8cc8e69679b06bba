/* Three server processes on one database, each of which is drained and started again while callers
 * go on calling: nobody notices. */
#include "world.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { SERVERS = 3, CALLERS = 4, ROUNDS = 2, CALLS_BETWEEN = 40 };

struct callers {
  struct sure_channel *channel;
  pthread_t threads[CALLERS];
  atomic_bool is_over;
  atomic_uint ok_count;
  atomic_uint failed_count;
};

static void *call_on_and_on(void *user) {
  struct callers *callers = user;
  while (!atomic_load(&callers->is_over)) {
    bool is_ok = add_one(callers->channel).code == SURE_OK;
    atomic_fetch_add(is_ok ? &callers->ok_count : &callers->failed_count, 1);
  }
  return NULL;
}

static void start_servers(struct world *world, struct server *servers, char *target,
                          size_t target_size) {
  size_t len = 0;
  for (int i = 0; i < SERVERS; i++) {
    server_start(&servers[i], &(struct server_options){.database = world->database});
    len +=
        (size_t)snprintf(target + len, target_size - len, "%s%s", i > 0 ? "," : "", servers[i].url);
  }
}

static void restart(struct world *world, struct server *server) {
  char url[sizeof server->url];
  memcpy(url, server->url, sizeof url);
  server_signal(server, SIGTERM);
  assert_int_equal(0, server_wait(server));
  server_start(server, &(struct server_options){.database = world->database, .url = url});
}

static void restart_all_in_turn(struct world *world, enum sure_balancing balancing) {
  struct server servers[SERVERS] = {{0}};
  struct callers callers = {0};
  char target[512];
  start_servers(world, servers, target, sizeof target);
  callers.channel = open_channel(target, &(struct sure_channel_options){.balancing = balancing,
                                                                        .reconnect_ms_initial = 10,
                                                                        .reconnect_ms_max = 100});
  for (int i = 0; i < CALLERS; i++) {
    assert_int_equal(0, pthread_create(&callers.threads[i], NULL, call_on_and_on, &callers));
  }
  for (int i = 0; i < ROUNDS * SERVERS; i++) {
    unsigned before = atomic_load(&callers.ok_count);
    wait_until(atomic_load(&callers.ok_count) >= before + CALLS_BETWEEN ||
               atomic_load(&callers.failed_count) > 0);
    restart(world, &servers[i % SERVERS]);
  }
  atomic_store(&callers.is_over, true);
  for (int i = 0; i < CALLERS; i++) {
    pthread_join(callers.threads[i], NULL);
  }
  unsigned ok_count = atomic_load(&callers.ok_count);
  assert_int_equal(0, atomic_load(&callers.failed_count));
  assert_true(ok_count >= ROUNDS * SERVERS * CALLS_BETWEEN);
  assert_account(&servers[0], ok_count, ok_count);
  sure_channel_free(callers.channel, 0);
  for (int i = 0; i < SERVERS; i++) {
    server_kill(&servers[i]);
  }
}

static void a_rolling_restart_fails_no_call_and_doubles_none(void **state) {
  restart_all_in_turn(*state, SURE_ROUND_ROBIN);
}

static void neither_does_one_under_the_only_server_that_is_used(void **state) {
  restart_all_in_turn(*state, SURE_PICK_FIRST);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      E2E_TEST(a_rolling_restart_fails_no_call_and_doubles_none),
      E2E_TEST(neither_does_one_under_the_only_server_that_is_used),
  };
  return e2e_run(tests, argc, argv);
}
