/* The checker of histories against a search that knows no short cuts: all orders are tried. */
#include "tests/sim/linear.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { WORLD, ANN, BEN, EVE, ACCOUNTS };

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
         (op->booking == bank->count &&
          (op->is_listed || op->balance == bank->balances[op->account]));
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
  op.is_listed = op.kind == HISTORY_BOOKING && random_below(4) == 0;
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

static void add(struct history *history, uint64_t begun, uint64_t ended,
                const struct history_op *op) {
  size_t index = history_add(history, op);
  struct history_op *added = &history->ops[index];
  added->begun = begun;
  added->ended = ended;
  added->fate = ended == HISTORY_OPEN ? HISTORY_UNTOLD : HISTORY_TOLD;
}

/* One operation after the other, each of which began before and ended after, by more or less. */
static struct history random_history(void) {
  struct history history = {.account_count = ACCOUNTS};
  history.accounts[WORLD] = (struct history_account){true, INT64_MAX / 2};
  history.accounts[ANN].is_open = true;
  history.accounts[BEN].is_open = true;
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
    struct linear_result result;
    linear_check(&history, &result);
    history_clear(&history);
    assert_int_equal(result.verdict, is_explained ? LINEAR_EXPLAINED : LINEAR_NOT_EXPLAINED);
    counts[is_explained]++;
  }
  print_message("explained: %u, not explained: %u\n", counts[true], counts[false]);
  assert_true(counts[true] > 1000 && counts[false] > 1000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(explains_what_one_of_all_orders_explains),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
