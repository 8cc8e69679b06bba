/* The checker of histories, on histories made by hand, and against a search that knows no short
 * cuts. */
#include "tests/sim/linear.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- all orders ---- */

enum { OPS_MAX = 7 };

/* The bank again, as simple as it can be. */
struct dumb_bank {
  int64_t balances[ACCOUNTS];
  int64_t last[ACCOUNTS];
  bool is_open[ACCOUNTS];
  int64_t count;
};

/* Whether the bank, in that state, answers the operation so. */
static bool answers_so(const struct history *history, struct dumb_bank *bank,
                       const struct history_op *op) {
  bool has_enough =
      bank->balances[op->giver] - op->amount + history->accounts[op->giver].overdraft_limit >= 0;
  if (op->kind == HISTORY_REFUSAL) {
    return !has_enough;
  }
  if (op->kind == HISTORY_COUNT) {
    return bank->count == op->booking;
  }
  if (op->kind != HISTORY_BOOKING) {
    bool is_same = bank->balances[op->account] == op->balance &&
                   (op->kind == HISTORY_BALANCE || bank->last[op->account] == op->booking);
    return bank->is_open[op->account] ? !op->is_missing && is_same : op->is_missing;
  }
  if (!has_enough || !bank->is_open[op->giver] || bank->is_open[op->taker] == op->is_opening) {
    return false;
  }
  bank->is_open[op->taker] = true;
  bank->balances[op->giver] -= op->amount;
  bank->balances[op->taker] += op->amount;
  bank->last[op->giver] = bank->last[op->taker] = ++bank->count;
  return op->fate == HISTORY_UNTOLD ||
         (op->booking == bank->count && op->balance == bank->balances[op->account]);
}

/* `left`: bits of the operations that are not placed yet. */
static bool some_order_explains(const struct history *history, struct dumb_bank bank,
                                unsigned left) {
  bool is_over = true;
  for (size_t i = 0; i < history->op_count; i++) {
    const struct history_op *op = &history->ops[i];
    bool is_next = (left >> i & 1) != 0;
    is_over = is_over && (!is_next || op->fate != HISTORY_TOLD);
    for (size_t k = 0; k < history->op_count; k++) {
      is_next = is_next && ((left >> k & 1) == 0 || history->ops[k].ended >= op->begun);
    }
    struct dumb_bank after = bank;
    if (is_next && answers_so(history, &after, op) &&
        some_order_explains(history, after, left & ~(1u << i))) {
      return true;
    }
  }
  return is_over;
}

static bool is_explained_by_some_order(const struct history *history) {
  struct dumb_bank bank = {0};
  for (unsigned i = 0; i < history->account_count; i++) {
    bank.is_open[i] = history->accounts[i].is_open;
  }
  unsigned left = 0;
  for (size_t i = 0; i < history->op_count; i++) {
    left |= (unsigned)(history->ops[i].fate != HISTORY_NEVER) << i;
  }
  return some_order_explains(history, bank, left);
}

static int64_t random_below(int64_t limit) {
  return rand() % limit;
}

static struct history_op random_op(void) {
  struct history_op op = {.kind = (enum history_kind)random_below(8)};
  op.kind = op.kind > HISTORY_COUNT ? HISTORY_BOOKING : op.kind;
  op.giver = random_below(2) == 0 ? WORLD : (unsigned)random_below(ACCOUNTS);
  op.taker = (op.giver + 1 + (unsigned)random_below(ACCOUNTS - 1)) % ACCOUNTS;
  op.account = random_below(2) == 0 ? op.giver : op.taker;
  op.amount = 1 + random_below(3);
  op.is_opening = op.taker == EVE && random_below(2) == 0;
  return op;
}

/* Let the bank do it and note what it says. False: it can't. */
static bool do_it(const struct history *history, struct dumb_bank *bank, struct history_op *op) {
  op->booking = op->kind == HISTORY_ENTRIES ? bank->last[op->account]
                                            : bank->count + (op->kind == HISTORY_BOOKING);
  op->is_missing = !bank->is_open[op->account];
  op->balance = bank->balances[op->account];
  if (op->kind == HISTORY_BOOKING) {
    op->is_missing = false;
    op->balance += op->account == op->giver ? -op->amount : op->amount;
  }
  op->fate = HISTORY_TOLD;
  return answers_so(history, bank, op);
}

/* One operation after the other, each of which began before and ended after, by more or less. */
static struct history random_history(void) {
  struct history history = begin();
  struct dumb_bank bank = {.is_open = {true, true, true, false}};
  for (int i = 0; i < 3 * OPS_MAX && history.op_count < OPS_MAX; i++) {
    struct history_op op = random_op();
    struct dumb_bank after = bank;
    bool is_done = random_below(5) != 0;
    if (is_done && !do_it(&history, &after, &op)) {
      continue;
    }
    bank = is_done ? after : bank;
    uint64_t moment = 1000 * (uint64_t)(i + 5) + 10 * (uint64_t)i;
    uint64_t begun = moment - (uint64_t)random_below(3000) / 1000 * 1000 - 1;
    bool is_told = is_done && random_below(4) != 0;
    uint64_t ended = moment + (uint64_t)random_below(3000) / 1000 * 1000 + 1;
    add(&history, begun, is_told ? ended : HISTORY_OPEN, &op);
  }
  return history;
}

static void spoil(struct history *history) {
  if (history->op_count == 0) {
    return;
  }
  struct history_op *op = &history->ops[random_below((int64_t)history->op_count)];
  switch (random_below(5)) {
  case 0:
    op->balance += random_below(2) == 0 ? 1 : -1;
    break;
  case 1:
    op->booking += random_below(2) == 0 ? 1 : -1;
    break;
  case 2:
    op->amount++;
    break;
  case 3:
    op->fate = HISTORY_NEVER;
    break;
  default:
    op->begun += op->fate == HISTORY_TOLD ? op->ended - op->begun - 1 : 3000;
    break;
  }
}

static void explains_what_one_of_all_orders_explains(void **state) {
  (void)state;
  const char *text = getenv("SEED");
  unsigned seed = text != NULL ? (unsigned)strtoul(text, NULL, 10) : 1;
  unsigned counts[2] = {0};
  print_message("SEED=%u\n", seed);
  srand(seed);
  for (int round = 0; round < 20000; round++) {
    struct history history = random_history();
    if (random_below(3) != 0) {
      spoil(&history);
    }
    bool is_explained = is_explained_by_some_order(&history);
    struct linear_result result = check(&history);
    assert_int_equal(result.verdict, is_explained ? LINEAR_EXPLAINED : LINEAR_NOT_EXPLAINED);
    counts[is_explained]++;
  }
  print_message("explained: %u, not explained: %u\n", counts[true], counts[false]);
  assert_true(counts[true] > 1000 && counts[false] > 1000);
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
      cmocka_unit_test(entries_and_counts_are_of_one_moment),
      cmocka_unit_test(a_search_that_takes_too_long_is_undecided),
      cmocka_unit_test(a_payment_begins_with_the_first_call_that_may_have_made_it),
      cmocka_unit_test(a_payment_that_no_call_can_have_made_never_happened),
      cmocka_unit_test(a_final_answer_is_told_again_and_not_changed),
      cmocka_unit_test(explains_what_one_of_all_orders_explains),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
