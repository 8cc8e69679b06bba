/* Idempotency keys: the application's own name for a call. Started with an address and a key, this
 * program is another process that adds under the key. */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "world.h"

enum { ANOTHER_REPLAYED = 10, ANOTHER_RAN = 11, CONCURRENT = 8 };

static int add_as_another_process(char **argv) {
  struct sure_channel *channel = open_channel(argv[1], NULL);
  struct end end = add_keyed(channel, argv[2], 100);
  sure_channel_free(channel, 0);
  if (end.code != SURE_OK || end.total != 100) {
    return 1;
  }
  return end.replayed ? ANOTHER_REPLAYED : ANOTHER_RAN;
}

static pid_t start_another_process(const char *url, const char *key) {
  pid_t pid;
  char *arguments[] = {"another", (char *)(uintptr_t)url, (char *)(uintptr_t)key, NULL};
  assert_int_equal(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, arguments, environ), 0);
  return pid;
}

static int wait_for_another_process(pid_t pid) {
  int status = 0;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void second_process_with_the_same_key_gets_the_first_ones_reply(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  assert_int_equal(wait_for_another_process(start_another_process(world->server.url, "payment")),
                   ANOTHER_RAN);
  assert_int_equal(wait_for_another_process(start_another_process(world->server.url, "payment")),
                   ANOTHER_REPLAYED);
  assert_account(&world->server, 100, 1);
}

static void key_outlives_the_server_and_the_session(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  assert_end(add_keyed(world->channel, "payment", 100), SURE_OK, SURE_APPLIED);
  world->channel = sure_channel_free(world->channel, 0);
  server_kill(&world->server);
  world_restart(world);
  assert_int_equal(wait_for_another_process(start_another_process(world->server.url, "payment")),
                   ANOTHER_REPLAYED);
  assert_account(&world->server, 100, 1);
}

static void same_key_with_another_request_is_refused_and_the_first_untouched(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  assert_end(add_keyed(world->channel, "payment", 100), SURE_OK, SURE_APPLIED);
  struct end other = add_keyed(world->channel, "payment", 200);
  assert_int_equal(other.code, SURE_FAILED_PRECONDITION);
  assert_reason(other, SURE_REASON_KEY_REUSED);
  assert_int_equal(other.outcome, SURE_NOT_APPLIED);
  struct end again = add_keyed(world->channel, "payment", 100);
  assert_end(again, SURE_OK, SURE_APPLIED);
  assert_true(again.replayed);
  assert_int_equal(again.total, 100);
  assert_account(&world->server, 100, 1);
}

static void concurrent_calls_with_one_key_have_one_effect(void **state) {
  struct world *world = *state;
  struct sure_channel *channels[CONCURRENT];
  struct pending *pending[CONCURRENT];
  int replayed = 0;
  world_serve(world, NULL);
  for (int i = 0; i < CONCURRENT; i++) {
    channels[i] = open_channel(world->server.url, NULL);
  }
  for (int i = 0; i < CONCURRENT; i++) {
    pending[i] = pending_add_keyed(world, channels[i], "payment", 100);
  }
  for (int i = 0; i < CONCURRENT; i++) {
    struct end end = pending_wait(pending[i]);
    assert_end(end, SURE_OK, SURE_APPLIED);
    assert_int_equal(end.total, 100);
    replayed += end.replayed;
    sure_channel_free(channels[i], 0);
  }
  assert_int_equal(replayed, CONCURRENT - 1);
  assert_account(&world->server, 100, 1);
}

static void key_whose_reply_was_lost_settles_from_a_new_channel(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  relay_arm(world->relay, SURE__RESPONSE, RELAY_HOLD);
  struct pending *pending = pending_add_keyed(world, world->channel, "payment", 100);
  relay_wait_fired(world->relay);
  server_kill(&world->server);
  world_restart(world);
  struct sure_channel *after = open_channel(world->server.url, NULL);
  struct end settled = settle_key(after, "payment");
  assert_end(settled, SURE_OK, SURE_APPLIED);
  assert_int_equal(settled.total, 100);
  sure_channel_free(after, 0);
  relay_cut(world->relay);
  assert_end(pending_wait(pending), SURE_OK, SURE_APPLIED);
  assert_account(&world->server, 100, 1);
}

static void key_that_was_settled_as_never_applied_is_used_up(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  assert_end(settle_key(world->channel, "payment"), SURE_ABORTED, SURE_NOT_APPLIED);
  struct end end = add_keyed(world->channel, "payment", 100);
  assert_end(end, SURE_ABORTED, SURE_NOT_APPLIED);
  assert_reason(end, SURE_REASON_TOMBSTONE);
  assert_account(&world->server, 0, 0);
}

static void empty_key_is_refused_before_anything_is_sent(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  struct end end = add_keyed(world->channel, "", 100);
  assert_end(end, SURE_INVALID_ARGUMENT, SURE_NOT_APPLIED);
  assert_int_equal(end.attempts, 0);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      E2E_TEST(second_process_with_the_same_key_gets_the_first_ones_reply),
      E2E_TEST(key_outlives_the_server_and_the_session),
      E2E_TEST(same_key_with_another_request_is_refused_and_the_first_untouched),
      E2E_TEST(concurrent_calls_with_one_key_have_one_effect),
      E2E_TEST(key_whose_reply_was_lost_settles_from_a_new_channel),
      E2E_TEST(key_that_was_settled_as_never_applied_is_used_up),
      E2E_TEST(empty_key_is_refused_before_anything_is_sent),
  };
  if (argc == 3) {
    return add_as_another_process(argv);
  }
  return e2e_run(tests, argc, argv);
}
