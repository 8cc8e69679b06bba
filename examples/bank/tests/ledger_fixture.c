#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ledger_audit.h"
#include "ledger_fixture.h"
#include "ledger_schema.h"

static struct ledger_reason reason;

const char *fixture_reason(void) {
  return reason.text;
}

static struct money make_money(int64_t minor_units, const char *currency) {
  struct money money = {.minor_units = minor_units};
  strncpy(money.currency, currency, MONEY_CURRENCY_LEN);
  return money;
}

void fixture_open_account(sqlite3 *ledger, const char *account, int64_t minor_units,
                          const char *currency, int64_t overdraft_limit) {
  const struct ledger_opening opening = {.payment_id = account,
                                         .account = account,
                                         .deposit = make_money(minor_units, currency),
                                         .overdraft_limit = overdraft_limit};
  struct ledger_receipt receipt;
  assert_int_equal(ledger_open_account(ledger, &opening, &receipt, &reason), SURE_OK);
  assert_string_equal(receipt.account, account);
  assert_int_equal(receipt.balance.minor_units, minor_units);
}

enum sure_code fixture_charge(sqlite3 *ledger, const char *payment_id, const char *account,
                              int64_t minor_units, const char *currency) {
  const struct ledger_payment payment = {
      .payment_id = payment_id, .from = account, .amount = make_money(minor_units, currency)};
  struct ledger_receipt receipt;
  return ledger_charge(ledger, &payment, &receipt, &reason);
}

enum sure_code fixture_transfer(sqlite3 *ledger, const char *payment_id, const char *from,
                                const char *to, int64_t minor_units, const char *currency) {
  const struct ledger_payment payment = {.payment_id = payment_id,
                                         .from = from,
                                         .to = to,
                                         .amount = make_money(minor_units, currency)};
  struct ledger_receipt receipt;
  return ledger_transfer(ledger, &payment, &receipt, &reason);
}

enum sure_code fixture_refund(sqlite3 *ledger, const char *payment_id,
                              const char *charge_payment_id, int64_t minor_units,
                              const char *currency) {
  const struct ledger_refund refund = {.payment_id = payment_id,
                                       .charge_payment_id = charge_payment_id,
                                       .amount = make_money(minor_units, currency)};
  struct ledger_receipt receipt;
  return ledger_refund(ledger, &refund, &receipt, &reason);
}

int64_t fixture_balance(sqlite3 *ledger, const char *account) {
  struct ledger_account found;
  assert_int_equal(ledger_find_account(ledger, account, &found, &reason), SURE_OK);
  return found.balance.minor_units;
}

void fixture_assert_whole(sqlite3 *ledger) {
  struct ledger_audit audit;
  assert_int_equal(ledger_audit(ledger, &audit, &reason), SURE_OK);
  assert_int_equal(audit.wrong_balances, 0);
  assert_int_equal(audit.overdrawn, 0);
  assert_int_equal(audit.unbalanced_currencies, 0);
  assert_int_equal(audit.excess_refunds, 0);
}

int ledger_fixture_open(void **state) {
  sqlite3 *ledger;
  const char *message;
  if (sqlite3_open(":memory:", &ledger) != SQLITE_OK ||
      ledger_schema(NULL, ledger, true, &message) != SURE_OK) {
    return -1;
  }
  *state = ledger;
  fixture_open_account(ledger, "alice", 10000, "EUR", 0);
  fixture_open_account(ledger, "bob", 2000, "EUR", 5000);
  fixture_open_account(ledger, "jiro", 1000, "JPY", 0);
  return 0;
}

int ledger_fixture_close(void **state) {
  sqlite3 *ledger = *state;
  for (sqlite3_stmt *each; (each = sqlite3_next_stmt(ledger, NULL));) {
    if (sqlite3_stmt_busy(each)) {
      return -1;
    }
    sqlite3_finalize(each);
  }
  return sqlite3_close(ledger) == SQLITE_OK ? 0 : -1;
}
