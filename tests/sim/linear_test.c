/* The checker of histories, on histories made by hand. */
#include "tests/sim/linear.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { WORLD, ANN, BEN, EVE, ACCOUNTS };

#define NO_LIMIT (INT64_MAX / 2)

/* The accounts of Ann and Ben are there from the beginning, empty. Eve's is not. */
static struct history begin(void) {
  struct history history = {.account_count = ACCOUNTS};
  history.accounts[WORLD] = (struct history_account){true, NO_LIMIT};
  history.accounts[ANN].is_open = true;
  history.accounts[BEN].is_open = true;
  return history;
}

static void add(struct history *history, uint64_t begun, uint64_t ended,
                const struct history_op *op) {
  size_t index = history_add(history, op);
  struct history_op *added = &history->ops[index];
  added->begun = begun;
  added->ended = ended;
  added->fate = ended == HISTORY_OPEN ? HISTORY_UNTOLD : HISTORY_TOLD;
}

/* From `begun` to `ended`, somebody ... */
#define BOOKED(history, begun, ended, ...)                                                         \
  add(history, begun, ended, &(struct history_op){HISTORY_BOOKING, __VA_ARGS__})
#define READ(history, begun, ended, whose, value)                                                  \
  add(history, begun, ended,                                                                       \
      &(struct history_op){HISTORY_BALANCE, .account = (whose), .balance = (value)})

/* A deposit into Ann's account is the first booking of most histories. */
static struct history begin_with_deposit(void) {
  struct history history = begin();
  BOOKED(&history, 1, 2, .giver = WORLD, .taker = ANN, .account = ANN, .amount = 100, .booking = 1,
         .balance = 100);
  return history;
}

static struct linear_result check(struct history *history) {
  struct linear_result result;
  linear_check(history, &result);
  history_clear(history);
  return result;
}

static void assert_explained(struct history *history) {
  struct linear_result result = check(history);
  assert_string_equal(result.text, "");
  assert_int_equal(result.verdict, LINEAR_EXPLAINED);
}

static void assert_not_explained(struct history *history, const char *why) {
  struct linear_result result = check(history);
  assert_string_equal(result.text, why);
  assert_int_equal(result.verdict, LINEAR_NOT_EXPLAINED);
}

static void nothing_is_explained(void **state) {
  (void)state;
  struct history history = begin();
  assert_explained(&history);
}

static void receipts_in_the_order_of_their_numbers_are_explained(void **state) {
  (void)state;
  struct history history = begin_with_deposit();
  BOOKED(&history, 3, 6, .giver = ANN, .taker = BEN, .account = ANN, .amount = 30, .booking = 3,
         .balance = 10);
  BOOKED(&history, 4, 5, .giver = ANN, .taker = BEN, .account = ANN, .amount = 60, .booking = 2,
         .balance = 40);
  READ(&history, 7, 8, BEN, 90);
  assert_explained(&history);
}

static void a_read_may_see_a_booking_that_is_under_way(void **state) {
  (void)state;
  struct history history = begin();
  READ(&history, 2, 3, ANN, 100);
  BOOKED(&history, 1, 4, .giver = WORLD, .taker = ANN, .account = ANN, .amount = 100, .booking = 1,
         .balance = 100);
  assert_explained(&history);
}

static void a_read_need_not_see_a_booking_that_is_under_way(void **state) {
  (void)state;
  struct history history = begin();
  READ(&history, 2, 3, ANN, 0);
  BOOKED(&history, 1, 4, .giver = WORLD, .taker = ANN, .account = ANN, .amount = 100, .booking = 1,
         .balance = 100);
  assert_explained(&history);
}

static void a_read_after_a_receipt_sees_the_booking(void **state) {
  (void)state;
  struct history history = begin_with_deposit();
  READ(&history, 3, 4, ANN, 0);
  assert_not_explained(
      &history, "no order explains account 1 read as 0 (client 0, 0 to 0 ms) before booking 2");
}

static void a_read_sees_no_booking_that_begins_later(void **state) {
  (void)state;
  struct history history = begin();
  READ(&history, 1, 2, ANN, 100);
  BOOKED(&history, 3, 4, .giver = WORLD, .taker = ANN, .account = ANN, .amount = 100, .booking = 1,
         .balance = 100);
  assert_not_explained(
      &history, "no order explains account 1 read as 100 (client 0, 0 to 0 ms) before booking 1");
}

static void a_second_read_does_not_see_less_than_the_first(void **state) {
  (void)state;
  struct history history = begin();
  BOOKED(&history, 1, 6, .giver = WORLD, .taker = ANN, .account = ANN, .amount = 100, .booking = 1,
         .balance = 100);
  READ(&history, 2, 3, ANN, 100);
  READ(&history, 4, 5, ANN, 0);
  assert_not_explained(
      &history, "no order explains account 1 read as 0 (client 0, 0 to 0 ms) before booking 2");
}

static void two_reads_at_once_may_see_more_and_less(void **state) {
  (void)state;
  struct history history = begin();
  BOOKED(&history, 1, 6, .giver = WORLD, .taker = ANN, .account = ANN, .amount = 100, .booking = 1,
         .balance = 100);
  READ(&history, 2, 4, ANN, 100);
  READ(&history, 3, 5, ANN, 0);
  assert_explained(&history);
}

static void a_transfer_that_has_come_has_also_gone(void **state) {
  (void)state;
  struct history history = begin_with_deposit();
  BOOKED(&history, 3, 8, .giver = ANN, .taker = BEN, .account = ANN, .amount = 30, .booking = 2,
         .balance = 70);
  READ(&history, 4, 5, BEN, 30);
  READ(&history, 6, 7, ANN, 100); /* each account for itself has an explanation */
  assert_not_explained(
      &history, "no order explains account 1 read as 100 (client 0, 0 to 0 ms) before booking 3");
}

static void a_later_payment_has_no_lower_number(void **state) {
  (void)state;
  struct history history = begin();
  BOOKED(&history, 1, 2, .giver = WORLD, .taker = ANN, .account = ANN, .amount = 5, .booking = 2,
         .balance = 5);
  BOOKED(&history, 3, 4, .giver = WORLD, .taker = BEN, .account = BEN, .amount = 5, .booking = 1,
         .balance = 5);
  assert_not_explained(&history,
                       "no order explains booking 2 (client 0, 0 to 0 ms) before booking 1");
}

static void a_receipt_tells_the_balance_of_its_own_booking(void **state) {
  (void)state;
  struct history history = begin_with_deposit();
  BOOKED(&history, 3, 4, .giver = ANN, .taker = BEN, .account = ANN, .amount = 30, .booking = 2,
         .balance = 100);
  assert_not_explained(&history,
                       "the receipt of booking 2 says 100, and account 1 held 100 before it");
}

static void a_number_is_of_one_payment(void **state) {
  (void)state;
  struct history history = begin_with_deposit();
  BOOKED(&history, 3, 4, .giver = WORLD, .taker = BEN, .account = BEN, .amount = 5, .booking = 1,
         .balance = 5);
  assert_not_explained(&history, "booking 1 was told of two payments");
}

static void a_payment_made_twice_leaves_a_number_that_nobody_has(void **state) {
  (void)state;
  struct history history = begin_with_deposit();
  BOOKED(&history, 3, 4, .giver = WORLD, .taker = ANN, .account = ANN, .amount = 100, .booking = 3,
         .balance = 300);
  assert_not_explained(&history, "somebody was told of booking 3, and 2 were wanted");
  history = begin_with_deposit();
  BOOKED(&history, 3, 4, .giver = WORLD, .taker = ANN, .account = ANN, .amount = 100, .booking = 3,
         .balance = 300);
  BOOKED(&history, 5, HISTORY_OPEN, .giver = WORLD, .taker = ANN, .amount = 100);
  assert_not_explained(&history, "nobody can have made booking 2");
}

static void what_nobody_was_told_of_may_be_the_missing_number(void **state) {
  (void)state;
  struct history history = begin_with_deposit();
  BOOKED(&history, 3, HISTORY_OPEN, .giver = WORLD, .taker = ANN, .amount = 7);
  BOOKED(&history, 4, 5, .giver = ANN, .taker = BEN, .account = ANN, .amount = 30, .booking = 3,
         .balance = 77);
  assert_explained(&history);
}

static void what_nobody_was_told_of_may_never_have_happened(void **state) {
  (void)state;
  struct history history = begin_with_deposit();
  BOOKED(&history, 3, HISTORY_OPEN, .giver = WORLD, .taker = ANN, .amount = 7);
  BOOKED(&history, 4, 5, .giver = ANN, .taker = BEN, .account = ANN, .amount = 30, .booking = 2,
         .balance = 70);
  READ(&history, 6, 7, ANN, 70);
  assert_explained(&history);
}

static void what_nobody_was_told_of_may_happen_late(void **state) {
  (void)state;
  struct history history = begin_with_deposit();
  BOOKED(&history, 3, HISTORY_OPEN, .giver = WORLD, .taker = ANN, .amount = 7);
  READ(&history, 4, 5, ANN, 100);
  READ(&history, 6, 7, ANN, 107);
  assert_explained(&history);
}

static void what_nobody_was_told_of_does_not_go_away_again(void **state) {
  (void)state;
  struct history history = begin_with_deposit();
  BOOKED(&history, 3, HISTORY_OPEN, .giver = WORLD, .taker = ANN, .amount = 7);
  READ(&history, 4, 5, ANN, 107);
  READ(&history, 6, 7, ANN, 100);
  assert_not_explained(
      &history, "no order explains account 1 read as 100 (client 0, 0 to 0 ms) before booking 3");
}

static void what_nobody_was_told_of_did_not_happen_before_it_began(void **state) {
  (void)state;
  struct history history = begin_with_deposit();
  READ(&history, 3, 4, ANN, 107);
  BOOKED(&history, 5, HISTORY_OPEN, .giver = WORLD, .taker = ANN, .amount = 7);
  assert_not_explained(
      &history, "no order explains account 1 read as 107 (client 0, 0 to 0 ms) before booking 2");
}

static void of_payments_that_nobody_was_told_of_those_that_fit_are_found(void **state) {
  (void)state;
  struct history history = begin_with_deposit();
  for (int64_t amount = 1; amount <= 512; amount *= 2) {
    BOOKED(&history, 2 + (uint64_t)amount, HISTORY_OPEN, .giver = WORLD, .taker = ANN,
           .amount = amount);
  }
  BOOKED(&history, 1000, 1001, .giver = ANN, .taker = BEN, .account = ANN, .amount = 1,
         .booking = 5, .balance = 100 + 4 + 64 + 512 - 1);
  READ(&history, 1002, 1003, ANN, 100 + 4 + 64 + 512 - 1 + 8);
  assert_explained(&history);
}

static void what_never_happened_explains_nothing(void **state) {
  (void)state;
  struct history history = begin_with_deposit();
  BOOKED(&history, 3, HISTORY_OPEN, .giver = WORLD, .taker = ANN, .amount = 7);
  history.ops[1].fate = HISTORY_NEVER;
  READ(&history, 4, 5, ANN, 107);
  assert_not_explained(
      &history, "no order explains account 1 read as 107 (client 0, 0 to 0 ms) before booking 2");
}

static void a_refusal_means_that_there_was_too_little(void **state) {
  (void)state;
  const struct history_op refusal = {HISTORY_REFUSAL, .giver = ANN, .taker = BEN, .amount = 100};
  struct history history = begin();
  add(&history, 1, 4, &refusal);
  BOOKED(&history, 2, 3, .giver = WORLD, .taker = ANN, .account = ANN, .amount = 100, .booking = 1,
         .balance = 100);
  assert_explained(&history);
  history = begin_with_deposit();
  add(&history, 3, 4, &refusal);
  assert_not_explained(&history, "no order explains the refusal of 100 from account 1 (client 0, "
                                 "0 to 0 ms) before booking 2");
}

static void an_account_is_overdrawn_up_to_its_limit_only(void **state) {
  (void)state;
  for (int64_t limit = 9; limit <= 10; limit++) {
    struct history history = begin();
    history.accounts[ANN].overdraft_limit = limit;
    BOOKED(&history, 1, 2, .giver = ANN, .taker = BEN, .account = ANN, .amount = 10, .booking = 1,
           .balance = -10);
    if (limit == 10) {
      assert_explained(&history);
    } else {
      assert_not_explained(&history, "booking 1 of 10 from account 1 to 2 could not be booked");
    }
  }
}

static void an_account_is_missing_until_it_is_opened(void **state) {
  (void)state;
  const struct history_op missing = {HISTORY_BALANCE, .account = EVE, .is_missing = true};
  struct history history = begin();
  add(&history, 1, 2, &missing);
  BOOKED(&history, 3, 4, .giver = WORLD, .taker = EVE, .account = EVE, .amount = 5, .booking = 1,
         .balance = 5, .is_opening = true);
  READ(&history, 5, 6, EVE, 5);
  assert_explained(&history);
  history = begin();
  BOOKED(&history, 3, 4, .giver = WORLD, .taker = EVE, .account = EVE, .amount = 5, .booking = 1,
         .balance = 5, .is_opening = true);
  add(&history, 5, 6, &missing);
  assert_not_explained(
      &history, "no order explains a missing account 3 (client 0, 0 to 0 ms) before booking 2");
}

static void nothing_is_booked_on_an_account_that_is_not_open(void **state) {
  (void)state;
  struct history history = begin();
  BOOKED(&history, 1, 2, .giver = WORLD, .taker = EVE, .account = EVE, .amount = 5, .booking = 1,
         .balance = 5);
  assert_not_explained(&history, "booking 1 of 5 from account 0 to 3 could not be booked");
}

static void a_payment_seen_among_the_entries_has_its_number(void **state) {
  (void)state;
  for (int64_t number = 2; number <= 3; number++) {
    struct history history = begin_with_deposit();
    BOOKED(&history, 3, 4, .giver = ANN, .taker = BEN, .amount = 30, .booking = number,
           .is_listed = true);
    BOOKED(&history, 5, 6, .giver = ANN, .taker = BEN, .account = BEN, .amount = 8,
           .booking = 5 - number, .balance = 38);
    if (number == 2) {
      assert_explained(&history);
    } else {
      assert_not_explained(&history,
                           "no order explains booking 3 (client 0, 0 to 0 ms) before booking 2");
    }
  }
}

static void entries_and_counts_are_of_one_moment(void **state) {
  (void)state;
  const struct history_op entries = {HISTORY_ENTRIES, .account = ANN, .booking = 1, .balance = 100};
  const struct history_op count = {HISTORY_COUNT, .booking = 2};
  struct history history = begin_with_deposit();
  BOOKED(&history, 3, 6, .giver = WORLD, .taker = BEN, .account = BEN, .amount = 5, .booking = 2,
         .balance = 5);
  add(&history, 4, 5, &count);
  add(&history, 7, 8, &entries);
  assert_explained(&history);
  history = begin_with_deposit();
  add(&history, 3, 4, &count);
  assert_not_explained(
      &history, "no order explains a count of 2 bookings (client 0, 0 to 0 ms) before booking 2");
  history = begin_with_deposit();
  BOOKED(&history, 3, 4, .giver = WORLD, .taker = ANN, .account = ANN, .amount = 5, .booking = 2,
         .balance = 105);
  add(&history, 5, 6, &entries);
  assert_not_explained(&history, "no order explains entries of account 1 up to booking 1 (client "
                                 "0, 0 to 0 ms) before booking 3");
}

/* Sums of `count` payments that nobody was told of, of which none is the balance that was read. */
static struct linear_result hopeless(unsigned count) {
  struct history history = begin();
  for (unsigned i = 0; i < count; i++) {
    BOOKED(&history, 1 + i, HISTORY_OPEN, .giver = WORLD, .taker = ANN, .amount = INT64_C(1) << i);
  }
  READ(&history, 100, 101, ANN, INT64_C(1) << count);
  return check(&history);
}

static void a_search_that_takes_too_long_is_undecided(void **state) {
  (void)state;
  struct linear_result result = hopeless(15); /* 2^15 sets of them */
  assert_int_equal(result.verdict, LINEAR_NOT_EXPLAINED);
  assert_int_equal(result.place_count, LINEAR_PLACES_MAX / 2);
  result = hopeless(17);
  assert_int_equal(result.verdict, LINEAR_UNDECIDED);
  assert_int_equal(result.place_count, LINEAR_PLACES_MAX);
}

/* ---- operations and what is noted of them ---- */

static const struct history_op payment = {HISTORY_BOOKING, .giver = WORLD, .taker = ANN,
                                          .account = ANN, .amount = 5};

static void a_payment_begins_with_the_first_call_that_may_have_made_it(void **state) {
  (void)state;
  struct history history = begin();
  size_t op = history_add(&history, &payment);
  size_t first = history_call(&history, op, 10);
  (void)history_call(&history, op, 20);
  (void)history_call(&history, op, 30);
  history_exclude(&history, first);
  assert_true(history_tell_receipt(&history, op, 1, 5, 40));
  history_close(&history);
  assert_int_equal(history.ops[op].begun, 2);
  assert_int_equal(history.ops[op].begun_ms, 20);
  assert_int_equal(history.ops[op].ended, 4);
  assert_int_equal(history.ops[op].ended_ms, 40);
  history_clear(&history);
}

static void a_payment_that_no_call_can_have_made_never_happened(void **state) {
  (void)state;
  struct history history = begin();
  size_t op = history_add(&history, &payment);
  history_exclude(&history, history_call(&history, op, 10));
  history_exclude(&history, history_call(&history, op, 20));
  history_close(&history);
  assert_int_equal(history.ops[op].fate, HISTORY_NEVER);
  history_clear(&history);
}

static void a_final_answer_is_told_again_and_not_changed(void **state) {
  (void)state;
  struct history history = begin();
  size_t booked = history_add(&history, &payment);
  assert_true(history_tell_receipt(&history, booked, 1, 5, 0));
  assert_true(history_tell_receipt(&history, booked, 1, 5, 0));
  assert_int_equal(history.ops[booked].ended, 1);
  assert_false(history_tell_receipt(&history, booked, 2, 5, 0));
  assert_false(history_tell_receipt(&history, booked, 1, 6, 0));
  assert_false(history_tell_overdrawn(&history, booked, 0));
  assert_false(history_tell_never(&history, booked));
  size_t refused = history_add(&history, &payment);
  assert_true(history_tell_overdrawn(&history, refused, 0));
  assert_true(history_tell_overdrawn(&history, refused, 0));
  assert_false(history_tell_receipt(&history, refused, 1, 5, 0));
  size_t never = history_add(&history, &payment);
  assert_true(history_tell_never(&history, never));
  assert_true(history_tell_never(&history, never));
  assert_false(history_tell_receipt(&history, never, 1, 5, 0));
  history_clear(&history);
}

static void an_entry_tells_the_number_and_a_receipt_the_balance(void **state) {
  (void)state;
  struct history history = begin();
  size_t op = history_add(&history, &payment);
  assert_true(history_tell_entry(&history, op, 7, 10));
  assert_true(history.ops[op].is_listed);
  assert_false(history_tell_receipt(&history, op, 8, 5, 20));
  assert_true(history_tell_receipt(&history, op, 7, 5, 20));
  assert_false(history.ops[op].is_listed);
  assert_int_equal(history.ops[op].balance, 5);
  assert_int_equal(history.ops[op].ended_ms, 10);
  assert_false(history_tell_receipt(&history, op, 7, 6, 30));
  size_t never = history_add(&history, &payment);
  assert_true(history_tell_never(&history, never));
  assert_false(history_tell_entry(&history, never, 8, 40));
  history_clear(&history);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_explained),
      cmocka_unit_test(receipts_in_the_order_of_their_numbers_are_explained),
      cmocka_unit_test(a_read_may_see_a_booking_that_is_under_way),
      cmocka_unit_test(a_read_need_not_see_a_booking_that_is_under_way),
      cmocka_unit_test(a_read_after_a_receipt_sees_the_booking),
      cmocka_unit_test(a_read_sees_no_booking_that_begins_later),
      cmocka_unit_test(a_second_read_does_not_see_less_than_the_first),
      cmocka_unit_test(two_reads_at_once_may_see_more_and_less),
      cmocka_unit_test(a_transfer_that_has_come_has_also_gone),
      cmocka_unit_test(a_later_payment_has_no_lower_number),
      cmocka_unit_test(a_receipt_tells_the_balance_of_its_own_booking),
      cmocka_unit_test(a_number_is_of_one_payment),
      cmocka_unit_test(a_payment_made_twice_leaves_a_number_that_nobody_has),
      cmocka_unit_test(what_nobody_was_told_of_may_be_the_missing_number),
      cmocka_unit_test(what_nobody_was_told_of_may_never_have_happened),
      cmocka_unit_test(what_nobody_was_told_of_may_happen_late),
      cmocka_unit_test(what_nobody_was_told_of_does_not_go_away_again),
      cmocka_unit_test(what_nobody_was_told_of_did_not_happen_before_it_began),
      cmocka_unit_test(of_payments_that_nobody_was_told_of_those_that_fit_are_found),
      cmocka_unit_test(what_never_happened_explains_nothing),
      cmocka_unit_test(a_refusal_means_that_there_was_too_little),
      cmocka_unit_test(an_account_is_overdrawn_up_to_its_limit_only),
      cmocka_unit_test(an_account_is_missing_until_it_is_opened),
      cmocka_unit_test(nothing_is_booked_on_an_account_that_is_not_open),
      cmocka_unit_test(a_payment_seen_among_the_entries_has_its_number),
      cmocka_unit_test(entries_and_counts_are_of_one_moment),
      cmocka_unit_test(a_search_that_takes_too_long_is_undecided),
      cmocka_unit_test(a_payment_begins_with_the_first_call_that_may_have_made_it),
      cmocka_unit_test(a_payment_that_no_call_can_have_made_never_happened),
      cmocka_unit_test(a_final_answer_is_told_again_and_not_changed),
      cmocka_unit_test(an_entry_tells_the_number_and_a_receipt_the_balance),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
