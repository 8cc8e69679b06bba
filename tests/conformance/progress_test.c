/* The part of sure/store.h that is about calls which commit as they go (CLAIM, ADVANCE, CONCLUDE),
 * run against the store that is named on the command line. */
#include "tests/conformance/world.h"

static const struct factory *factory;

static int set_up(void **state) {
  struct world *world = malloc(sizeof *world);
  world_init(world, factory);
  world->store = factory->open(world);
  assert_verdict(OPEN, verdict_of(world, op_attach(world, SESSION_A, 0)));
  assert_verdict(OPEN, verdict_of(world, op_attach(world, SESSION_B, 0)));
  *state = world;
  return 0;
}

static int tear_down(void **state) {
  world_fini(*state);
  free(*state);
  return 0;
}

static struct sure_store_op op_claim(struct world *world, uint8_t session) {
  struct sure_store_op op = op_key_call(world, session, 1, "import");
  op.kind = SURE_STORE_CLAIM;
  return op;
}

/* The claim is granted. */
static struct sure_store_op granted(struct world *world, uint8_t session) {
  struct sure_store_op op = answer_of(world, op_claim(world, session));
  assert_verdict(GRANTED, op.verdict);
  return op;
}

/* By the holder of `claim`, to `position`. */
static enum sure_store_verdict advance(struct world *world, struct sure_store_op claim,
                                       uint64_t position) {
  claim.kind = SURE_STORE_ADVANCE;
  claim.position = position;
  return verdict_of(world, claim);
}

static enum sure_store_verdict conclude(struct world *world, struct sure_store_op claim,
                                        bool is_kept) {
  claim.kind = SURE_STORE_CONCLUDE;
  claim.record_wanted = is_kept;
  claim.record =
      (struct sure_record){.code = SURE_OK, .reply = {.data = (const uint8_t *)"all", .len = 3}};
  return verdict_of(world, claim);
}

static void a_call_goes_on_where_its_last_effect_was_committed(void **state) {
  struct world *world = *state;
  struct sure_store_op claim = granted(world, SESSION_A);
  assert_int_equal(0, claim.position);
  assert_verdict(DONE, advance(world, claim, 3));
  assert_verdict(DONE, advance(world, claim, 7));
  assert_int_equal(7, granted(world, SESSION_A).position);
  assert_int_equal(2, world_charges(world));
}

static void a_position_outlives_its_process_if_the_store_does(void **state) {
  struct world *world = *state;
  assert_verdict(DONE, advance(world, granted(world, SESSION_A), 5));
  if (!factory->durable) {
    return;
  }
  world_reopen(world);
  assert_int_equal(5, granted(world, SESSION_B).position);
  assert_int_equal(1, world_charges(world));
}

static void an_effect_that_fails_leaves_the_position_where_it_was(void **state) {
  struct world *world = *state;
  struct sure_store_op claim = granted(world, SESSION_A);
  assert_verdict(DONE, advance(world, claim, 2));
  world->behaviour.code = SURE_FAILED_PRECONDITION;
  assert_verdict(UNRECORDED, advance(world, claim, 4));
  assert_int_equal(2, granted(world, SESSION_A).position);
  assert_int_equal(1, world_charges(world));
}

static void who_was_taken_over_has_no_further_effect(void **state) {
  struct world *world = *state;
  struct sure_store_op first = granted(world, SESSION_A);
  assert_verdict(DONE, advance(world, first, 1));
  struct sure_store_op second = granted(world, SESSION_B);
  assert_int_equal(1, second.position);
  assert_verdict(TAKEN_OVER, advance(world, first, 2));
  assert_verdict(TAKEN_OVER, conclude(world, first, true));
  assert_verdict(TAKEN_OVER, conclude(world, first, false));
  assert_int_equal(1, world_charges(world));
  assert_verdict(DONE, advance(world, second, 2));
  assert_int_equal(2, world_charges(world));
}

static void the_end_is_replayed_to_whoever_has_the_key(void **state) {
  struct world *world = *state;
  struct sure_store_op claim = granted(world, SESSION_A);
  assert_verdict(DONE, advance(world, claim, 9));
  assert_verdict(DONE, conclude(world, claim, true));
  struct sure_store_op again = answer_of(world, op_claim(world, SESSION_B));
  assert_verdict(REPLAYED, again.verdict);
  assert_memory_equal("all", again.record.reply.data, 3);
  assert_verdict(REPLAYED, verdict_of(world, op_settle(world, SESSION_A, 1, "import")));
  assert_verdict(TAKEN_OVER, advance(world, claim, 10));
}

static void what_had_no_effect_yet_is_forgotten_when_it_is_left(void **state) {
  struct world *world = *state;
  assert_verdict(DONE, conclude(world, granted(world, SESSION_A), false));
  assert_verdict(TOMBSTONE, verdict_of(world, op_settle(world, SESSION_A, 1, "import")));
  assert_verdict(TOMBSTONE, verdict_of(world, op_claim(world, SESSION_B)));
}

static void what_had_one_waits_for_the_next_claim(void **state) {
  struct world *world = *state;
  struct sure_store_op claim = granted(world, SESSION_A);
  assert_verdict(DONE, advance(world, claim, 6));
  assert_verdict(IN_PROGRESS, verdict_of(world, op_settle(world, SESSION_A, 1, "import")));
  assert_verdict(DONE, conclude(world, claim, false));
  assert_verdict(IN_DOUBT, verdict_of(world, op_settle(world, SESSION_A, 1, "import")));
  assert_int_equal(0, answer_of(world, op_make(world, SURE_STORE_DOUBTS, SESSION_A)).doubt_count);
  assert_int_equal(6, granted(world, SESSION_B).position);
}

static void another_kind_of_call_does_not_get_its_key(void **state) {
  struct world *world = *state;
  assert_verdict(DONE, advance(world, granted(world, SESSION_A), 1));
  assert_verdict(IN_PROGRESS, verdict_of(world, op_key_call(world, SESSION_B, 2, "import")));
  struct sure_store_op intent = op_key_call(world, SESSION_B, 3, "other");
  intent.kind = SURE_STORE_INTENT;
  assert_verdict(GRANTED, verdict_of(world, intent));
  struct sure_store_op claim = op_claim(world, SESSION_A);
  claim.sequence = 4;
  claim.key = intent.key;
  assert_verdict(IN_PROGRESS, verdict_of(world, claim));
}

static void a_session_that_takes_no_calls_gets_no_claim(void **state) {
  struct world *world = *state;
  assert_verdict(DONE, verdict_of(world, op_ack(world, SESSION_A, 2, NULL, 0)));
  assert_verdict(STALE, verdict_of(world, op_claim(world, SESSION_A)));
  assert_verdict(DONE, verdict_of(world, op_sweep(world, 101)));
  assert_verdict(LOST, verdict_of(world, op_claim(world, SESSION_B)));
  assert_verdict(LOST, verdict_of(world, op_claim(world, 9)));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv) {
  const struct factory *factories[] = {&memory_factory, &sqlite_factory};
  for (size_t i = 0; i < 2; i++) {
    factory = argc == 2 && strcmp(argv[1], factories[i]->name) == 0 ? factories[i] : factory;
  }
  if (factory == NULL) {
    fprintf(stderr, "usage: %s memory|sqlite\n", argv[0]);
    return 2;
  }
  const struct CMUnitTest tests[] = {
      TEST(a_call_goes_on_where_its_last_effect_was_committed),
      TEST(a_position_outlives_its_process_if_the_store_does),
      TEST(an_effect_that_fails_leaves_the_position_where_it_was),
      TEST(who_was_taken_over_has_no_further_effect),
      TEST(the_end_is_replayed_to_whoever_has_the_key),
      TEST(what_had_no_effect_yet_is_forgotten_when_it_is_left),
      TEST(what_had_one_waits_for_the_next_claim),
      TEST(another_kind_of_call_does_not_get_its_key),
      TEST(a_session_that_takes_no_calls_gets_no_claim),
  };
  return cmocka_run_group_tests_name(factory->name, tests, NULL, NULL);
}
