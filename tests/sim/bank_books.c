#include "tests/sim/bank_books.h"

#include <sqlite3.h>
#include <string.h>

#include "examples/bank/ledger_audit.h"
#include "tests/sim/payment.h"
#include "tests/sim/sim.h"

void bank_books_check_sum(void *transaction) {
  struct ledger_reason why;
  int64_t sum = 0;
  if (ledger_count(SURE_OK, transaction, "SELECT coalesce(sum(balance), 0) FROM accounts", &sum,
                   &why) != SURE_OK) {
    sim_fail("the accounts can't be read: %s", why.text);
  }
  if (sum != 0) {
    sim_fail("the balances of all accounts add up to %lld", (long long)sum);
  }
}

/* The books are gone through from the first booking to the last. */
struct review {
  const struct history *history;
  int64_t balances[HISTORY_ACCOUNTS_MAX];
  int64_t booking; /* the number of the last one */
  size_t receipt_count;
};

static const char *column(sqlite3_stmt *row, int number) {
  return (const char *)sqlite3_column_text(row, number);
}

static bool is_same(const struct payment *payment, sqlite3_stmt *row) {
  return strcmp(column(row, 2), account_name(payment->giver)) == 0 &&
         strcmp(column(row, 3), account_name(payment->taker)) == 0 &&
         sqlite3_column_int64(row, 4) == payment->amount;
}

static void check_receipt(struct review *review, const struct payment *payment) {
  const struct history_op *op = &review->history->ops[payment->op];
  if (op->fate == HISTORY_NEVER || op->kind == HISTORY_REFUSAL) {
    sim_fail("payment %s was reported NOT_APPLIED and is booked", payment->id);
  } else if (op->fate == HISTORY_TOLD) {
    review->receipt_count++;
    if (op->booking != review->booking ||
        (!op->is_listed && op->balance != review->balances[payment->customer])) {
      sim_fail("payment %s is booking %lld and left %lld: its receipt says %lld and %lld",
               payment->id, (long long)review->booking,
               (long long)review->balances[payment->customer], (long long)op->booking,
               (long long)op->balance);
    }
  }
}

static void review_booking(struct review *review, sqlite3_stmt *row) {
  const struct payment *payment = payment_named(column(row, 1));
  int64_t number = sqlite3_column_int64(row, 0);
  if (payment == NULL || !is_same(payment, row)) {
    sim_fail("booking %lld is of a payment that nobody wanted", (long long)number);
    return;
  }
  if (number != review->booking + 1) {
    sim_fail("booking %lld follows booking %lld", (long long)number, (long long)review->booking);
  }
  review->booking = number;
  review->balances[payment->giver] -= payment->amount;
  review->balances[payment->taker] += payment->amount;
  check_receipt(review, payment);
}

static void review_all(struct review *review, sqlite3 *database) {
  sqlite3_stmt *statement = NULL;
  if (sqlite3_prepare_v2(database,
                         "SELECT number, payment_id, from_account, to_account, amount"
                         " FROM transfers ORDER BY number",
                         -1, &statement, NULL) != SQLITE_OK) {
    sim_fail("the bookings can't be read: %s", sqlite3_errmsg(database));
  }
  while (sqlite3_step(statement) == SQLITE_ROW && !sim.has_failed) {
    review_booking(review, statement);
  }
  sqlite3_finalize(statement);
}

static void check_audit(sqlite3 *database) {
  struct ledger_audit audit;
  struct ledger_reason why;
  if (ledger_audit(database, &audit, &why) != SURE_OK) {
    sim_fail("the books can't be audited: %s", why.text);
  } else if (!ledger_audit_is_clean(&audit)) {
    sim_fail("the audit of the books is not clean: %lld payments are doubled",
             (long long)audit.doubled_payments);
  }
}

static void check(void *user, void *transaction) {
  struct review *review = user;
  size_t receipt_count = 0;
  check_audit(transaction);
  review_all(review, transaction);
  for (size_t i = 0; i < review->history->op_count; i++) {
    const struct history_op *op = &review->history->ops[i];
    receipt_count += op->kind == HISTORY_BOOKING && op->fate == HISTORY_TOLD;
  }
  if (review->receipt_count != receipt_count) {
    sim_fail("lost: of %zu payments with a receipt, %zu are in the books", receipt_count,
             review->receipt_count);
  }
}

void bank_books_check(struct sure_store *store, const struct history *history) {
  struct review review = {.history = history};
  if (store->ops->read(store, check, &review) != SURE_OK) {
    sim_fail("the books can't be read");
  }
}
