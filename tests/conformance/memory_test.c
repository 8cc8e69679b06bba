/* What the memory store promises besides: it may be used by many threads at once, and takes no more
 * room than its limit. */
#include <pthread.h>

#include "tests/conformance/world.h"

#define THREADS 4
#define CALLS   2000

/* A world of its own for each thread, since worlds are not shared; one store for all. */
struct racer {
  struct world world;
  pthread_t thread;
  int recorded;
};

static void *race(void *user) {
  struct racer *racer = user;
  for (uint64_t i = 1; i <= CALLS; i++) {
    enum sure_store_verdict verdict =
        verdict_of(&racer->world, op_call(&racer->world, SESSION_A, i));
    racer->recorded += verdict == SURE_STORE_RECORDED;
  }
  return NULL;
}

static void a_call_that_many_threads_submit_runs_once(void **state) {
  (void)state;
  static struct racer racers[THREADS];
  struct sure_store *store = NULL;
  assert_int_equal(SURE_OK, sure_memory_store_open(NULL, &store));
  for (int i = 0; i < THREADS; i++) {
    world_init(&racers[i].world, &memory_factory);
    racers[i].world.store = store;
  }
  assert_verdict(OPEN, verdict_of(&racers[0].world, op_attach(&racers[0].world, SESSION_A, 0)));
  for (int i = 0; i < THREADS; i++) {
    assert_int_equal(0, pthread_create(&racers[i].thread, NULL, race, &racers[i]));
  }
  int recorded = 0;
  for (int i = 0; i < THREADS; i++) {
    assert_int_equal(0, pthread_join(racers[i].thread, NULL));
    recorded += racers[i].recorded;
    racers[i].world.store = NULL;
    world_fini(&racers[i].world);
  }
  assert_int_equal(CALLS, recorded);
  assert_null(sure_store_free(store));
}

static struct world *open_limited(uint64_t len_max) {
  struct world *world = malloc(sizeof *world);
  world_init(world, &memory_factory);
  struct sure_memory_store_options options = {.len_max = len_max};
  assert_int_equal(SURE_OK, sure_memory_store_open(&options, &world->store));
  assert_verdict(OPEN, verdict_of(world, op_attach(world, SESSION_A, 0)));
  return world;
}

static void a_record_without_room_for_its_reply_says_so_and_never_runs_again(void **state) {
  (void)state;
  struct world *world = open_limited(4096);
  world->behaviour.reply_len = 5000;
  assert_verdict(RECORDED, verdict_of(world, op_call(world, SESSION_A, 1)));
  struct sure_store_op again = answer_of(world, op_call(world, SESSION_A, 1));
  assert_verdict(REPLAYED, again.verdict);
  assert_int_equal(SURE_RESOURCE_EXHAUSTED, again.record.code);
  assert_int_equal(SURE_REASON_REPLY_LOST, again.record.reason);
  assert_int_equal(1, world_charges(world));
  world_fini(world);
  free(world);
}

static void new_work_is_refused_when_the_room_is_used_up(void **state) {
  (void)state;
  struct world *world = open_limited(4096);
  uint64_t sequence = 0;
  enum sure_store_verdict verdict = SURE_STORE_RECORDED;
  while (verdict == SURE_STORE_RECORDED) {
    verdict = verdict_of(world, op_call(world, SESSION_A, ++sequence));
    if (verdict == SURE_STORE_RECORDED) { /* its room was held from the start: the reply is kept */
      assert_int_equal(SURE_OK, answer_of(world, op_call(world, SESSION_A, sequence)).record.code);
    }
    assert_in_range(sequence, 1, 4096);
  }
  assert_verdict(FULL, verdict);
  assert_int_equal(sequence - 1, world_charges(world));
  assert_verdict(DONE, verdict_of(world, op_ack(world, SESSION_A, sequence, NULL, 0)));
  assert_verdict(RECORDED, verdict_of(world, op_call(world, SESSION_A, sequence)));
  world_fini(world);
  free(world);
}

static void each_store_has_an_id_of_its_own(void **state) {
  (void)state;
  struct sure_store *one = NULL;
  struct sure_store *other = NULL;
  assert_int_equal(SURE_OK, sure_memory_store_open(NULL, &one));
  assert_int_equal(SURE_OK, sure_memory_store_open(NULL, &other));
  assert_memory_not_equal(&one->id, &other->id, sizeof one->id);
  assert_null(sure_store_free(one));
  assert_null(sure_store_free(other));
  assert_null(sure_store_free(NULL));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_call_that_many_threads_submit_runs_once),
      cmocka_unit_test(a_record_without_room_for_its_reply_says_so_and_never_runs_again),
      cmocka_unit_test(new_work_is_refused_when_the_room_is_used_up),
      cmocka_unit_test(each_store_has_an_id_of_its_own),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
