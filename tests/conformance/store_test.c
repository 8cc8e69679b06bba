/* The contract of sure/store.h, run against the store that is named on the command line. */
#include "tests/conformance/world.h"

#define RUNS(...) ((const struct sure_range[]){__VA_ARGS__})

static const struct factory *factory;

static int set_up_limited(void **state, struct limits limits) {
  struct world *world = malloc(sizeof *world);
  world_init(world, factory);
  world->limits = limits;
  world->store = factory->open(world);
  assert_verdict(OPEN, verdict_of(world, op_attach(world, SESSION_A, 0)));
  *state = world;
  return 0;
}

static int set_up(void **state) {
  return set_up_limited(state, (struct limits){0});
}

static int set_up_small(void **state) {
  return set_up_limited(state, (struct limits){.session_records_max = 3, .sessions_max = 2});
}

static int tear_down(void **state) {
  world_fini(*state);
  free(*state);
  return 0;
}

static void assert_text(const char *expected, struct sure_bytes actual) {
  assert_int_equal(strlen(expected), actual.len);
  assert_memory_equal(expected, actual.data, actual.len);
}

static struct sure_store_op op_intent(struct world *world, uint64_t sequence, const char *key) {
  struct sure_store_op op = op_key_call(world, SESSION_A, sequence, key);
  op.kind = SURE_STORE_INTENT;
  return op;
}

static struct sure_store_op op_complete(struct world *world, uint64_t sequence, const char *key,
                                        bool keep) {
  struct sure_store_op op = op_intent(world, sequence, key);
  op.kind = SURE_STORE_COMPLETE;
  op.record_wanted = keep;
  op.record.reply = (struct sure_bytes){.data = (const uint8_t *)"done", .len = 4};
  op.record.metadata = (struct sure_bytes){.data = (const uint8_t *)"beside", .len = 6};
  return op;
}

/* ---- the clock ---- */

static uint64_t stamp_before; /* as a handler found it */
static uint64_t stamp_given;  /* what it gives */

static bool give_stamp(void *user, struct sure_store_op *op, void *transaction,
                       struct sure_record *out_record) {
  (void)user;
  (void)transaction;
  stamp_before = op->clock;
  op->clock = stamp_given;
  *out_record = (struct sure_record){.code = SURE_OK};
  return true;
}

static struct sure_store_op op_stamped(struct world *world, uint64_t sequence, uint64_t stamp) {
  struct sure_store_op op = op_call(world, SESSION_A, sequence);
  op.run = give_stamp;
  stamp_given = stamp;
  return op;
}

static void the_highest_stamp_is_kept_and_told(void **state) {
  struct world *world = *state;
  struct sure_store_op op = answer_of(world, op_stamped(world, 1, 5000));
  assert_int_equal(0, stamp_before);
  assert_int_equal(5000, op.clock);
  (void)answer_of(world, op_stamped(world, 2, 7000));
  assert_int_equal(5000, stamp_before);
  op = answer_of(world, op_call(world, SESSION_A, 1)); /* a replay hears of it, too */
  assert_verdict(REPLAYED, op.verdict);
  assert_int_equal(7000, op.clock);
  if (factory->durable) {
    world_reopen(world);
    op = answer_of(world, op_attach(world, SESSION_A, 0));
    assert_int_equal(7000, op.clock);
  }
}

static void the_end_of_a_run_outside_raises_the_clock(void **state) {
  struct world *world = *state;
  assert_verdict(GRANTED, verdict_of(world, op_intent(world, 1, NULL)));
  struct sure_store_op op = op_complete(world, 1, NULL, true);
  op.clock = 9000;
  assert_int_equal(9000, answer_of(world, op).clock);
  (void)answer_of(world, op_stamped(world, 2, 9001));
  assert_int_equal(9000, stamp_before);
}

/* ---- calls ---- */

static void a_call_runs_once_and_is_replayed(void **state) {
  struct world *world = *state;
  struct sure_store_op first = answer_of(world, op_call(world, SESSION_A, 1));
  assert_verdict(RECORDED, first.verdict);
  assert_text("charge 1", first.record.reply);
  struct sure_store_op again = answer_of(world, op_call(world, SESSION_A, 1));
  assert_verdict(REPLAYED, again.verdict);
  assert_int_equal(SURE_OK, again.record.code);
  assert_text("charge 1", again.record.reply);
  assert_text("beside", again.record.metadata);
  assert_int_equal(1, world_charges(world));
  assert_int_equal(1, world->runs);
}

static void a_duplicate_in_the_same_batch_is_replayed(void **state) {
  struct world *world = *state;
  struct sure_store_op first = op_call(world, SESSION_A, 1);
  struct sure_store_op second = op_call(world, SESSION_A, 1);
  submit(world, (struct sure_store_op *[]){&first, &second}, 2);
  assert_verdict(RECORDED, first.verdict);
  assert_verdict(REPLAYED, second.verdict);
  assert_int_equal(1, world_charges(world));
}

static void a_failure_that_is_kept_is_replayed_without_effect(void **state) {
  struct world *world = *state;
  world->behaviour.code = SURE_NOT_FOUND;
  assert_verdict(RECORDED, verdict_of(world, op_call(world, SESSION_A, 1)));
  world->behaviour.code = SURE_OK;
  struct sure_store_op again = answer_of(world, op_call(world, SESSION_A, 1));
  assert_verdict(REPLAYED, again.verdict);
  assert_int_equal(SURE_NOT_FOUND, again.record.code);
  assert_text("charge 1", again.record.message);
  assert_int_equal(0, world_charges(world));
}

static void a_failure_that_is_not_kept_leaves_nothing(void **state) {
  struct world *world = *state;
  world->behaviour = (struct behaviour){.code = SURE_ABORTED, .keep = false};
  struct sure_store_op op = answer_of(world, op_call(world, SESSION_A, 1));
  assert_verdict(UNRECORDED, op.verdict);
  assert_int_equal(SURE_ABORTED, op.record.code);
  assert_int_equal(0, world_charges(world));
  world->behaviour.code = SURE_OK;
  assert_verdict(RECORDED, verdict_of(world, op_call(world, SESSION_A, 1)));
  assert_int_equal(1, world_charges(world));
}

static void a_call_without_a_record_needs_no_session_and_runs_each_time(void **state) {
  struct world *world = *state;
  for (int i = 0; i < 2; i++) {
    struct sure_store_op op = op_call(world, SESSION_B, 1);
    op.record_wanted = false;
    assert_verdict(UNRECORDED, verdict_of(world, op));
  }
  assert_int_equal(2, world_charges(world));
}

static void another_request_under_a_used_call_id_is_refused(void **state) {
  struct world *world = *state;
  assert_verdict(RECORDED, verdict_of(world, op_call(world, SESSION_A, 1)));
  struct sure_store_op other = op_call(world, SESSION_A, 1);
  other.fingerprint.high++;
  assert_verdict(CALL_REUSED, verdict_of(world, other));
  assert_verdict(REPLAYED, verdict_of(world, op_call(world, SESSION_A, 1)));
}

static void a_call_without_a_session_is_lost(void **state) {
  struct world *world = *state;
  assert_verdict(LOST, verdict_of(world, op_call(world, SESSION_B, 1)));
  assert_verdict(LOST, verdict_of(world, op_make(world, SURE_STORE_ACK, SESSION_B)));
  assert_verdict(LOST, verdict_of(world, op_make(world, SURE_STORE_RENEW, SESSION_B)));
  assert_verdict(LOST, verdict_of(world, op_make(world, SURE_STORE_CLOSE, SESSION_B)));
  assert_verdict(LOST, verdict_of(world, op_make(world, SURE_STORE_ATTACH, SESSION_B)));
  assert_verdict(LOST, verdict_of(world, op_settle(world, SESSION_B, 1, NULL)));
}

static void a_session_answers_its_own_principal_only(void **state) {
  struct world *world = *state;
  assert_verdict(RECORDED, verdict_of(world, op_call(world, SESSION_A, 1)));
  struct sure_store_op stranger = op_call(world, SESSION_A, 1);
  stranger.principal = (struct sure_bytes){.data = (const uint8_t *)"eve", .len = 3};
  assert_verdict(LOST, verdict_of(world, stranger));
  stranger.kind = SURE_STORE_SETTLE;
  assert_verdict(LOST, verdict_of(world, stranger));
  stranger.kind = SURE_STORE_ATTACH;
  assert_verdict(LOST, verdict_of(world, stranger));
  stranger.create = true;
  assert_verdict(FULL, verdict_of(world, stranger));
  assert_verdict(REPLAYED, verdict_of(world, op_call(world, SESSION_A, 1)));
}

/* ---- acknowledgments ---- */

static void an_acknowledged_number_is_stale_for_ever(void **state) {
  struct world *world = *state;
  for (uint64_t i = 1; i <= 6; i++) {
    assert_verdict(RECORDED, verdict_of(world, op_call(world, SESSION_A, i)));
  }
  assert_verdict(DONE, verdict_of(world, op_ack(world, SESSION_A, 3, RUNS({5, 5}), 1)));
  assert_verdict(STALE, verdict_of(world, op_call(world, SESSION_A, 0)));
  assert_verdict(STALE, verdict_of(world, op_call(world, SESSION_A, 2)));
  assert_verdict(REPLAYED, verdict_of(world, op_call(world, SESSION_A, 3)));
  assert_verdict(STALE, verdict_of(world, op_call(world, SESSION_A, 5)));
  assert_verdict(REPLAYED, verdict_of(world, op_call(world, SESSION_A, 6)));
  assert_int_equal(6, world_charges(world));
}

static void a_late_first_attempt_in_an_acked_range_does_not_run(void **state) {
  struct world *world = *state;
  assert_verdict(DONE, verdict_of(world, op_ack(world, SESSION_A, 1, RUNS({4, 9}), 1)));
  assert_verdict(STALE, verdict_of(world, op_call(world, SESSION_A, 7)));
  assert_verdict(RECORDED, verdict_of(world, op_call(world, SESSION_A, 10)));
  assert_int_equal(1, world->runs);
}

static void acknowledgments_never_go_back(void **state) {
  struct world *world = *state;
  assert_verdict(DONE, verdict_of(world, op_ack(world, SESSION_A, 5, RUNS({8, 9}), 1)));
  assert_verdict(DONE, verdict_of(world, op_ack(world, SESSION_A, 2, NULL, 0)));
  assert_verdict(STALE, verdict_of(world, op_call(world, SESSION_A, 4)));
  assert_verdict(STALE, verdict_of(world, op_call(world, SESSION_A, 8)));
}

static void acks_and_calls_of_one_batch_keep_their_order(void **state) {
  struct world *world = *state;
  struct sure_store_op call = op_call(world, SESSION_A, 1);
  struct sure_store_op ack = op_ack(world, SESSION_A, 2, NULL, 0);
  struct sure_store_op late = op_call(world, SESSION_A, 1);
  submit(world, (struct sure_store_op *[]){&call, &ack, &late}, 3);
  assert_verdict(RECORDED, call.verdict);
  assert_verdict(DONE, ack.verdict);
  assert_verdict(STALE, late.verdict);
}

/* ---- limits ---- */

static void new_work_at_the_record_limit_is_refused_and_old_is_answered(void **state) {
  struct world *world = *state;
  for (uint64_t i = 1; i <= 3; i++) {
    assert_verdict(RECORDED, verdict_of(world, op_call(world, SESSION_A, i)));
  }
  assert_verdict(FULL, verdict_of(world, op_call(world, SESSION_A, 4)));
  assert_verdict(FULL, verdict_of(world, op_settle(world, SESSION_A, 4, NULL)));
  assert_verdict(REPLAYED, verdict_of(world, op_call(world, SESSION_A, 1)));
  assert_verdict(DONE, verdict_of(world, op_ack(world, SESSION_A, 2, NULL, 0)));
  assert_verdict(RECORDED, verdict_of(world, op_call(world, SESSION_A, 4)));
  assert_int_equal(4, world_charges(world));
}

/* Found by the simulator: a client whose old session was full could never settle what it had left
 * there. */
static void a_fenced_session_is_settled_without_room(void **state) {
  struct world *world = *state;
  for (uint64_t i = 1; i <= 3; i++) {
    assert_verdict(RECORDED, verdict_of(world, op_call(world, SESSION_A, i)));
  }
  assert_verdict(DONE, verdict_of(world, op_sweep(world, 101)));
  assert_verdict(TOMBSTONE, verdict_of(world, op_settle(world, SESSION_A, 4, NULL)));
  assert_verdict(LOST, verdict_of(world, op_call(world, SESSION_A, 4)));
  assert_verdict(REPLAYED, verdict_of(world, op_settle(world, SESSION_A, 1, NULL)));
}

static void sessions_over_the_limit_are_refused(void **state) {
  struct world *world = *state;
  assert_verdict(OPEN, verdict_of(world, op_attach(world, SESSION_B, 0)));
  assert_verdict(FULL, verdict_of(world, op_attach(world, 3, 0)));
  assert_verdict(OPEN, verdict_of(world, op_attach(world, SESSION_A, 0)));
  assert_verdict(DONE, verdict_of(world, op_make(world, SURE_STORE_CLOSE, SESSION_B)));
  assert_verdict(OPEN, verdict_of(world, op_attach(world, 3, 0)));
}

static void numbers_that_no_store_can_count_to_are_refused(void **state) {
  struct world *world = *state;
  assert_verdict(FULL, verdict_of(world, op_call(world, SESSION_A, UINT64_MAX)));
  assert_verdict(FULL, verdict_of(world, op_ack(world, SESSION_A, UINT64_MAX, NULL, 0)));
  assert_verdict(FULL, verdict_of(world, op_settle(world, SESSION_A, UINT64_MAX, NULL)));
  assert_verdict(RECORDED, verdict_of(world, op_call(world, SESSION_A, INT64_MAX - 1)));
  assert_verdict(REPLAYED, verdict_of(world, op_call(world, SESSION_A, INT64_MAX - 1)));
}

/* Twelve thousand records of 1 KiB pass through a store that may hold 8 MiB. */
static void records_that_are_acknowledged_take_no_room(void **state) {
  struct world *world = *state;
  world->behaviour.reply_len = 1024;
  assert_verdict(RECORDED, verdict_of(world, op_call(world, SESSION_A, 1))); /* stays open */
  for (uint64_t first = 2; first < 12000; first += 100) {
    struct sure_store_op ops[101];
    struct sure_store_op *batch[101];
    struct sure_range acked = {.first = 2, .last = first + 99};
    for (uint64_t i = 0; i < 100; i++) {
      ops[i] = op_call(world, SESSION_A, first + i);
      batch[i] = &ops[i];
    }
    ops[100] = op_ack(world, SESSION_A, 1, &acked, 1);
    batch[100] = &ops[100];
    submit(world, batch, 101);
    for (size_t i = 0; i < 100; i++) {
      assert_verdict(RECORDED, ops[i].verdict);
    }
    assert_verdict(DONE, ops[100].verdict);
    world_free_ops(world);
  }
  assert_verdict(REPLAYED, verdict_of(world, op_call(world, SESSION_A, 1)));
  assert_verdict(STALE, verdict_of(world, op_call(world, SESSION_A, 2)));
}

/* ---- intents ---- */

static void an_intent_is_completed_to_a_record(void **state) {
  struct world *world = *state;
  assert_verdict(GRANTED, verdict_of(world, op_intent(world, 1, NULL)));
  assert_verdict(IN_PROGRESS, verdict_of(world, op_intent(world, 1, NULL)));
  assert_verdict(IN_PROGRESS, verdict_of(world, op_key_call(world, SESSION_A, 1, NULL)));
  assert_verdict(IN_PROGRESS, verdict_of(world, op_settle(world, SESSION_A, 1, NULL)));
  assert_verdict(DONE, verdict_of(world, op_complete(world, 1, NULL, true)));
  struct sure_store_op again = answer_of(world, op_intent(world, 1, NULL));
  assert_verdict(REPLAYED, again.verdict);
  assert_text("done", again.record.reply);
  assert_text("beside", again.record.metadata);
}

static void an_intent_that_is_dropped_leaves_nothing(void **state) {
  struct world *world = *state;
  assert_verdict(GRANTED, verdict_of(world, op_intent(world, 1, "k")));
  assert_verdict(DONE, verdict_of(world, op_complete(world, 1, "k", false)));
  assert_verdict(GRANTED, verdict_of(world, op_intent(world, 1, "k")));
}

static void an_intent_outlives_acks_and_expiry_until_it_is_completed(void **state) {
  struct world *world = *state;
  assert_verdict(GRANTED, verdict_of(world, op_intent(world, 1, "k")));
  assert_verdict(DONE, verdict_of(world, op_ack(world, SESSION_A, 2, NULL, 0)));
  assert_verdict(DONE, verdict_of(world, op_sweep(world, 101)));
  assert_verdict(DONE, verdict_of(world, op_sweep(world, 5000)));
  assert_verdict(IN_PROGRESS, verdict_of(world, op_intent(world, 1, "k")));
  assert_verdict(DONE, verdict_of(world, op_complete(world, 1, "k", true)));
  assert_verdict(STALE, verdict_of(world, op_intent(world, 1, "k")));
  assert_verdict(REPLAYED, verdict_of(world, op_settle(world, SESSION_B, 1, "k")));
}

/* ---- doubts (S15) ---- */

static struct sure_store_op op_doubts(struct world *world) {
  return op_make(world, SURE_STORE_DOUBTS, SESSION_A);
}

static struct sure_store_op op_resolve(struct world *world, uint64_t sequence, const char *key,
                                       bool is_applied) {
  struct sure_store_op op = op_complete(world, sequence, key, is_applied);
  op.kind = SURE_STORE_RESOLVE;
  return op;
}

/* The run of call `sequence` has failed. */
static void leave_in_doubt(struct world *world, uint64_t sequence, const char *key) {
  assert_verdict(GRANTED, verdict_of(world, op_intent(world, sequence, key)));
  struct sure_store_op op = op_complete(world, sequence, key, false);
  op.in_doubt = true;
  assert_verdict(DONE, verdict_of(world, op));
}

static void a_run_that_nobody_knows_the_end_of_is_in_doubt_and_listed(void **state) {
  struct world *world = *state;
  assert_int_equal(0, answer_of(world, op_doubts(world)).doubt_count);
  leave_in_doubt(world, 1, "k");
  leave_in_doubt(world, 2, NULL);
  assert_verdict(IN_DOUBT, verdict_of(world, op_intent(world, 1, "k")));
  assert_verdict(IN_DOUBT, verdict_of(world, op_intent(world, 3, "k")));
  assert_verdict(IN_DOUBT, verdict_of(world, op_settle(world, SESSION_A, 1, NULL)));
  assert_verdict(IN_DOUBT, verdict_of(world, op_settle(world, SESSION_B, 0, "k")));
  struct sure_store_op named = op_intent(world, 1, "k");
  struct sure_store_op list = answer_of(world, op_doubts(world));
  assert_int_equal(2, list.doubt_count);
  assert_memory_equal(&named.session, &list.doubts[0].session, sizeof named.session);
  assert_int_equal(1, list.doubts[0].sequence);
  assert_int_equal(named.method, list.doubts[0].method);
  assert_text("k", list.doubts[0].key);
  assert_int_equal(2, list.doubts[1].sequence);
  assert_text("", list.doubts[1].key);
}

static void a_doubt_resolved_as_applied_is_a_record(void **state) {
  struct world *world = *state;
  leave_in_doubt(world, 1, "k");
  assert_verdict(DONE, verdict_of(world, op_resolve(world, 1, "k", true)));
  assert_int_equal(0, answer_of(world, op_doubts(world)).doubt_count);
  struct sure_store_op again = answer_of(world, op_intent(world, 1, "k"));
  assert_verdict(REPLAYED, again.verdict);
  assert_text("done", again.record.reply);
  assert_verdict(REPLAYED, verdict_of(world, op_settle(world, SESSION_B, 0, "k")));
  assert_verdict(STALE, verdict_of(world, op_resolve(world, 1, "k", false)));
}

static void a_doubt_resolved_as_not_applied_can_never_run(void **state) {
  struct world *world = *state;
  leave_in_doubt(world, 1, "k");
  assert_verdict(DONE, verdict_of(world, op_resolve(world, 1, "k", false)));
  assert_verdict(TOMBSTONE, verdict_of(world, op_intent(world, 1, "k")));
  assert_verdict(TOMBSTONE, verdict_of(world, op_intent(world, 2, "k")));
  assert_verdict(TOMBSTONE, verdict_of(world, op_settle(world, SESSION_A, 1, NULL)));
  assert_verdict(STALE, verdict_of(world, op_resolve(world, 1, "k", true)));
}

static void a_doubt_outlives_acks_and_expiry_until_it_is_resolved(void **state) {
  struct world *world = *state;
  leave_in_doubt(world, 1, "k");
  assert_verdict(DONE, verdict_of(world, op_ack(world, SESSION_A, 2, NULL, 0)));
  assert_verdict(DONE, verdict_of(world, op_sweep(world, 101)));
  assert_verdict(DONE, verdict_of(world, op_sweep(world, 5000)));
  assert_int_equal(1, answer_of(world, op_doubts(world)).doubt_count);
  assert_verdict(DONE, verdict_of(world, op_resolve(world, 1, "k", true)));
  assert_verdict(STALE, verdict_of(world, op_intent(world, 1, "k")));
  assert_verdict(REPLAYED, verdict_of(world, op_settle(world, SESSION_B, 0, "k")));
}

/* A reconciler that is wrong about what runs would let it be done twice. */
static void what_runs_is_not_resolved(void **state) {
  struct world *world = *state;
  assert_verdict(GRANTED, verdict_of(world, op_intent(world, 1, "k")));
  assert_int_equal(0, answer_of(world, op_doubts(world)).doubt_count);
  assert_verdict(STALE, verdict_of(world, op_resolve(world, 1, "k", false)));
  assert_verdict(STALE, verdict_of(world, op_resolve(world, 7, NULL, false)));
  assert_verdict(DONE, verdict_of(world, op_complete(world, 1, "k", true)));
  assert_verdict(REPLAYED, verdict_of(world, op_intent(world, 1, "k")));
}

/* ---- claimed keys ---- */

/* Found by the simulator: the first run failed and gave its key back, and the second request, of
 * which it had been said that it can't have run, ran after all. */
static void a_key_that_is_only_claimed_is_not_refused_to_another_request(void **state) {
  struct world *world = *state;
  assert_verdict(GRANTED, verdict_of(world, op_intent(world, 1, "k")));
  struct sure_store_op other = op_intent(world, 2, "k");
  other.fingerprint.high++;
  assert_verdict(IN_PROGRESS, verdict_of(world, other));
  assert_verdict(DONE, verdict_of(world, op_complete(world, 1, "k", false)));
  assert_verdict(GRANTED, verdict_of(world, other));
}

/* ---- settle ---- */

static void a_call_settled_first_can_never_run(void **state) {
  struct world *world = *state;
  assert_verdict(TOMBSTONE, verdict_of(world, op_settle(world, SESSION_A, 1, NULL)));
  assert_verdict(TOMBSTONE, verdict_of(world, op_call(world, SESSION_A, 1)));
  assert_verdict(TOMBSTONE, verdict_of(world, op_settle(world, SESSION_A, 1, NULL)));
  assert_int_equal(0, world->runs);
}

static void settle_after_the_call_returns_its_record(void **state) {
  struct world *world = *state;
  assert_verdict(RECORDED, verdict_of(world, op_call(world, SESSION_A, 1)));
  struct sure_store_op op = answer_of(world, op_settle(world, SESSION_A, 1, NULL));
  assert_verdict(REPLAYED, op.verdict);
  assert_text("charge 1", op.record.reply);
}

static void settle_of_an_acknowledged_call_is_stale(void **state) {
  struct world *world = *state;
  assert_verdict(RECORDED, verdict_of(world, op_call(world, SESSION_A, 1)));
  assert_verdict(DONE, verdict_of(world, op_ack(world, SESSION_A, 2, NULL, 0)));
  assert_verdict(STALE, verdict_of(world, op_settle(world, SESSION_A, 1, NULL)));
}

static void settle_closes_call_and_key_together(void **state) {
  struct world *world = *state;
  assert_verdict(TOMBSTONE, verdict_of(world, op_settle(world, SESSION_A, 1, "k")));
  assert_verdict(TOMBSTONE, verdict_of(world, op_call(world, SESSION_A, 1)));
  assert_verdict(TOMBSTONE, verdict_of(world, op_key_call(world, SESSION_A, 2, "k")));
  assert_int_equal(0, world->runs);
}

static void the_record_of_the_key_is_the_answer_of_settle(void **state) {
  struct world *world = *state;
  assert_verdict(RECORDED, verdict_of(world, op_key_call(world, SESSION_A, 1, "k")));
  struct sure_store_op op = answer_of(world, op_settle(world, SESSION_A, 2, "k"));
  assert_verdict(REPLAYED, op.verdict);
  assert_text("charge 1", op.record.reply);
  assert_verdict(TOMBSTONE, verdict_of(world, op_call(world, SESSION_A, 2)));
}

static void the_record_of_the_call_comes_before_that_of_the_key(void **state) {
  struct world *world = *state;
  assert_verdict(RECORDED, verdict_of(world, op_key_call(world, SESSION_A, 1, "k")));
  assert_verdict(RECORDED, verdict_of(world, op_call(world, SESSION_A, 2)));
  struct sure_store_op settled = answer_of(world, op_settle(world, SESSION_A, 2, "k"));
  assert_verdict(REPLAYED, settled.verdict);
  assert_text("charge 2", settled.record.reply);
}

static void settle_does_not_take_the_record_of_another_request_under_its_key(void **state) {
  struct world *world = *state;
  assert_verdict(RECORDED, verdict_of(world, op_key_call(world, SESSION_A, 1, "k")));
  struct sure_store_op other = op_settle(world, SESSION_A, 2, "k");
  other.fingerprint = (struct sure_fingerprint){.low = 4711};
  assert_verdict(KEY_REUSED, verdict_of(world, other));
  assert_verdict(TOMBSTONE, verdict_of(world, op_call(world, SESSION_A, 2)));
  struct sure_store_op same = op_settle(world, SESSION_A, 3, "k");
  same.fingerprint = op_key_call(world, SESSION_A, 1, "k").fingerprint;
  assert_verdict(REPLAYED, verdict_of(world, same));
}

static void a_key_can_be_settled_without_a_call(void **state) {
  struct world *world = *state;
  assert_verdict(TOMBSTONE, verdict_of(world, op_settle(world, SESSION_B, 0, "k")));
  assert_verdict(TOMBSTONE, verdict_of(world, op_key_call(world, SESSION_A, 1, "k")));
}

/* ---- keys ---- */

static void a_key_is_replayed_to_another_session(void **state) {
  struct world *world = *state;
  assert_verdict(OPEN, verdict_of(world, op_attach(world, SESSION_B, 0)));
  assert_verdict(RECORDED, verdict_of(world, op_key_call(world, SESSION_A, 1, "k")));
  struct sure_store_op op = answer_of(world, op_key_call(world, SESSION_B, 1, "k"));
  assert_verdict(REPLAYED, op.verdict);
  assert_text("charge 1", op.record.reply);
  assert_int_equal(1, world_charges(world));
}

static void another_request_under_a_used_key_is_refused(void **state) {
  struct world *world = *state;
  assert_verdict(RECORDED, verdict_of(world, op_key_call(world, SESSION_A, 1, "k")));
  struct sure_store_op other = op_key_call(world, SESSION_A, 2, "k");
  other.fingerprint.low++;
  assert_verdict(KEY_REUSED, verdict_of(world, other));
  assert_verdict(REPLAYED, verdict_of(world, op_key_call(world, SESSION_A, 2, "k")));
}

static void a_key_belongs_to_its_method_and_principal(void **state) {
  struct world *world = *state;
  assert_verdict(RECORDED, verdict_of(world, op_key_call(world, SESSION_A, 1, "k")));
  struct sure_store_op other = op_key_call(world, SESSION_A, 2, "k");
  other.method++;
  assert_verdict(RECORDED, verdict_of(world, other));
  struct sure_store_op stranger = op_settle(world, SESSION_A, 0, "k");
  stranger.principal = (struct sure_bytes){.data = (const uint8_t *)"eve", .len = 3};
  assert_verdict(TOMBSTONE, verdict_of(world, stranger));
  assert_verdict(REPLAYED, verdict_of(world, op_key_call(world, SESSION_A, 3, "k")));
}

static void a_key_outlives_ack_settle_and_session(void **state) {
  struct world *world = *state;
  assert_verdict(RECORDED, verdict_of(world, op_key_call(world, SESSION_A, 1, "k")));
  assert_verdict(DONE, verdict_of(world, op_ack(world, SESSION_A, 2, NULL, 0)));
  assert_verdict(REPLAYED, verdict_of(world, op_settle(world, SESSION_A, 1, "k")));
  assert_verdict(DONE, verdict_of(world, op_sweep(world, 101)));
  assert_verdict(DONE, verdict_of(world, op_sweep(world, 5000)));
  assert_verdict(LOST, verdict_of(world, op_call(world, SESSION_A, 3)));
  assert_verdict(OPEN, verdict_of(world, op_attach(world, SESSION_B, 5000)));
  assert_verdict(REPLAYED, verdict_of(world, op_key_call(world, SESSION_B, 1, "k")));
  assert_int_equal(1, world_charges(world));
}

/* ---- leases ---- */

static void a_renewed_session_stays_open(void **state) {
  struct world *world = *state;
  struct sure_store_op renew = op_make(world, SURE_STORE_RENEW, SESSION_A);
  renew.now_ms = 100;
  assert_verdict(DONE, verdict_of(world, renew));
  assert_int_equal(0, answer_of(world, op_sweep(world, 200)).swept_count);
  assert_verdict(RECORDED, verdict_of(world, op_call(world, SESSION_A, 1)));
  assert_int_equal(1, answer_of(world, op_sweep(world, 201)).swept_count);
  assert_verdict(LOST, verdict_of(world, op_call(world, SESSION_A, 2)));
}

static void a_fenced_session_answers_from_its_records(void **state) {
  struct world *world = *state;
  assert_verdict(RECORDED, verdict_of(world, op_call(world, SESSION_A, 1)));
  assert_int_equal(1, answer_of(world, op_sweep(world, 101)).swept_count);
  assert_verdict(FENCED, verdict_of(world, op_attach(world, SESSION_A, 102)));
  assert_verdict(REPLAYED, verdict_of(world, op_call(world, SESSION_A, 1)));
  assert_verdict(LOST, verdict_of(world, op_call(world, SESSION_A, 2)));
  assert_verdict(TOMBSTONE, verdict_of(world, op_settle(world, SESSION_A, 2, NULL)));
  assert_int_equal(0, answer_of(world, op_sweep(world, 1101)).swept_count);
  assert_verdict(REPLAYED, verdict_of(world, op_settle(world, SESSION_A, 1, NULL)));
  assert_int_equal(1, answer_of(world, op_sweep(world, 1102)).swept_count);
  assert_verdict(LOST, verdict_of(world, op_settle(world, SESSION_A, 1, NULL)));
}

static void a_closed_session_is_forgotten_when_nothing_is_left_in_it(void **state) {
  struct world *world = *state;
  assert_verdict(RECORDED, verdict_of(world, op_call(world, SESSION_A, 1)));
  assert_verdict(DONE, verdict_of(world, op_make(world, SURE_STORE_CLOSE, SESSION_A)));
  assert_verdict(REPLAYED, verdict_of(world, op_call(world, SESSION_A, 1)));
  assert_verdict(DONE, verdict_of(world, op_ack(world, SESSION_A, 2, NULL, 0)));
  assert_verdict(DONE, verdict_of(world, op_make(world, SURE_STORE_CLOSE, SESSION_A)));
  assert_verdict(LOST, verdict_of(world, op_call(world, SESSION_A, 1)));
}

/* ---- memory ---- */

/* The n-th allocation of an op fails, for each n until all succeed: whatever was answered, the
 * charge is there once at the end, and the record of it. */
static void nothing_is_lost_when_memory_for_an_answer_is_short(void **state) {
  struct world *world = *state;
  int charges = 0;
  for (int n = 0;; n++) {
    uint64_t sequence = 1 + (uint64_t)n;
    char key[16];
    (void)snprintf(key, sizeof key, "k%d", n);
    world->allocations_left = n;
    (void)verdict_of(world, op_key_call(world, SESSION_A, sequence, key));
    (void)verdict_of(world, op_key_call(world, SESSION_A, sequence, key));
    (void)verdict_of(world, op_settle(world, SESSION_A, sequence, key));
    bool fired = world->allocations_left == 0;
    world->allocations_left = -1;
    enum sure_store_verdict last = verdict_of(world, op_key_call(world, SESSION_A, sequence, key));
    assert_true(last == SURE_STORE_REPLAYED || last == SURE_STORE_TOMBSTONE);
    charges += last == SURE_STORE_REPLAYED;
    assert_int_equal(charges, world_charges(world));
    if (!fired) {
      return;
    }
  }
}

#define TEST(name)       cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_SMALL(name) cmocka_unit_test_setup_teardown(name, set_up_small, tear_down)

int main(int argc, char **argv) {
  bool sqlite = argc > 1 && strcmp(argv[1], "sqlite") == 0;
  factory = sqlite ? &sqlite_factory : &memory_factory;
  const struct CMUnitTest tests[] = {
      TEST(the_highest_stamp_is_kept_and_told),
      TEST(the_end_of_a_run_outside_raises_the_clock),
      TEST(a_call_runs_once_and_is_replayed),
      TEST(a_duplicate_in_the_same_batch_is_replayed),
      TEST(a_failure_that_is_kept_is_replayed_without_effect),
      TEST(a_failure_that_is_not_kept_leaves_nothing),
      TEST(a_call_without_a_record_needs_no_session_and_runs_each_time),
      TEST(another_request_under_a_used_call_id_is_refused),
      TEST(a_call_without_a_session_is_lost),
      TEST(a_session_answers_its_own_principal_only),
      TEST(an_acknowledged_number_is_stale_for_ever),
      TEST(a_late_first_attempt_in_an_acked_range_does_not_run),
      TEST(acknowledgments_never_go_back),
      TEST(acks_and_calls_of_one_batch_keep_their_order),
      TEST_SMALL(new_work_at_the_record_limit_is_refused_and_old_is_answered),
      TEST_SMALL(a_fenced_session_is_settled_without_room),
      TEST_SMALL(sessions_over_the_limit_are_refused),
      TEST(numbers_that_no_store_can_count_to_are_refused),
      TEST(records_that_are_acknowledged_take_no_room),
      TEST(an_intent_is_completed_to_a_record),
      TEST(an_intent_that_is_dropped_leaves_nothing),
      TEST(a_key_that_is_only_claimed_is_not_refused_to_another_request),
      TEST(an_intent_outlives_acks_and_expiry_until_it_is_completed),
      TEST(a_run_that_nobody_knows_the_end_of_is_in_doubt_and_listed),
      TEST(a_doubt_resolved_as_applied_is_a_record),
      TEST(a_doubt_resolved_as_not_applied_can_never_run),
      TEST(a_doubt_outlives_acks_and_expiry_until_it_is_resolved),
      TEST(what_runs_is_not_resolved),
      TEST(a_call_settled_first_can_never_run),
      TEST(settle_after_the_call_returns_its_record),
      TEST(settle_of_an_acknowledged_call_is_stale),
      TEST(settle_closes_call_and_key_together),
      TEST(the_record_of_the_key_is_the_answer_of_settle),
      TEST(the_record_of_the_call_comes_before_that_of_the_key),
      TEST(settle_does_not_take_the_record_of_another_request_under_its_key),
      TEST(a_key_can_be_settled_without_a_call),
      TEST(a_key_is_replayed_to_another_session),
      TEST(another_request_under_a_used_key_is_refused),
      TEST(a_key_belongs_to_its_method_and_principal),
      TEST(a_key_outlives_ack_settle_and_session),
      TEST(a_renewed_session_stays_open),
      TEST(a_fenced_session_answers_from_its_records),
      TEST(a_closed_session_is_forgotten_when_nothing_is_left_in_it),
      TEST(nothing_is_lost_when_memory_for_an_answer_is_short),
  };
  return cmocka_run_group_tests_name(factory->name, tests, NULL, NULL);
}
