/* Every way to break the ledger that its SQL could allow, tried with raw SQL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ledger_fixture.h"

/* The statement fails, with this in its message, and the ledger is as it was. */
static void assert_sql_refused(sqlite3 *ledger, const char *sql, const char *message) {
  int changes = sqlite3_total_changes(ledger);
  int code = sqlite3_exec(ledger, sql, NULL, NULL, NULL);
  if (code != SQLITE_CONSTRAINT || !strstr(sqlite3_errmsg(ledger), message)) {
    fail_msg("%s: code %d, %s", sql, code, sqlite3_errmsg(ledger));
  }
  assert_int_equal(sqlite3_total_changes(ledger), changes);
  assert_int_equal(fixture_balance(ledger, "alice"), 10000);
  fixture_assert_whole(ledger);
}

#define TRANSFER(values)                                                                           \
  "INSERT INTO transfers (kind, payment_id, from_account, to_account, amount, currency, refunds)"  \
  " VALUES (" values ")"

static void raw_transfer_within_the_rules_is_taken(void **state) {
  assert_int_equal(
      sqlite3_exec(*state, TRANSFER("'transfer','p','alice','bob',1,'EUR',NULL"), NULL, NULL, NULL),
      SQLITE_OK);
  assert_int_equal(fixture_balance(*state, "alice"), 9999);
  fixture_assert_whole(*state);
}

static void transfers_are_never_changed(void **state) {
  assert_sql_refused(*state, "UPDATE transfers SET amount = 1", "transfers are never changed");
  assert_sql_refused(*state, "UPDATE transfers SET booked_at = 0", "transfers are never changed");
  assert_sql_refused(*state,
                     "INSERT INTO transfers SELECT * FROM transfers WHERE number = 1"
                     " ON CONFLICT DO UPDATE SET amount = 1",
                     "transfers are never replaced");
}

static void stamps_of_bookings_grow(void **state) {
  static const char insert[] =
      "INSERT INTO transfers (kind, payment_id, from_account, to_account, amount, currency, stamp)"
      " VALUES ('charge', 'p', 'bob', 'clearing:EUR', 1, 'EUR', 1000)";
  assert_int_equal(sqlite3_exec(*state, insert, NULL, NULL, NULL), SQLITE_OK);
  assert_sql_refused(*state, insert, "the clock went back");
}

static void transfers_are_never_removed(void **state) {
  assert_sql_refused(*state, "DELETE FROM transfers", "transfers are never removed");
  assert_sql_refused(*state,
                     "INSERT OR REPLACE INTO transfers (number, kind, payment_id, from_account,"
                     " to_account, amount, currency)"
                     " VALUES (1, 'transfer', 'p', 'alice', 'bob', 1, 'EUR')",
                     "transfers are never replaced");
}

static void entries_are_no_table(void **state) {
  sqlite3 *ledger = *state;
  assert_int_equal(sqlite3_exec(ledger, "DELETE FROM entries", NULL, NULL, NULL), SQLITE_ERROR);
  assert_non_null(strstr(sqlite3_errmsg(ledger), "cannot modify entries because it is a view"));
}

static void amounts_are_positive_and_countable(void **state) {
  sqlite3 *ledger = *state;
  assert_sql_refused(ledger, TRANSFER("'transfer','p','alice','bob',0,'EUR',NULL"),
                     "amount_is_positive");
  assert_sql_refused(ledger, TRANSFER("'transfer','p','alice','bob',-5,'EUR',NULL"),
                     "amount_is_positive");
  assert_sql_refused(ledger,
                     TRANSFER("'transfer','p','alice','bob',9223372036854775807,'EUR',NULL"),
                     "amount_is_positive");
  assert_sql_refused(ledger, TRANSFER("'transfer','p','alice','bob',0.5,'EUR',NULL"),
                     "cannot store REAL");
  assert_sql_refused(ledger, TRANSFER("'transfer','p','alice','bob',NULL,'EUR',NULL"), "NOT NULL");
}

static void transfers_join_two_accounts_of_their_currency(void **state) {
  sqlite3 *ledger = *state;
  assert_sql_refused(ledger, TRANSFER("'transfer','p','alice','alice',1,'EUR',NULL"),
                     "accounts_are_two");
  assert_sql_refused(ledger, TRANSFER("'transfer','p','alice','nobody',1,'EUR',NULL"),
                     "both accounts must exist");
  assert_sql_refused(ledger, TRANSFER("'transfer','p','nobody','alice',1,'EUR',NULL"),
                     "both accounts must exist");
  assert_sql_refused(ledger, TRANSFER("'transfer','p','alice','jiro',1,'EUR',NULL"),
                     "both accounts must exist");
  assert_sql_refused(ledger, TRANSFER("'transfer','p','alice','bob',1,'JPY',NULL"),
                     "both accounts must exist");
}

static void kinds_name_their_side(void **state) {
  sqlite3 *ledger = *state;
  assert_sql_refused(ledger, TRANSFER("'charge','p','alice','bob',1,'EUR',NULL"),
                     "kind_names_its_side");
  assert_sql_refused(ledger, TRANSFER("'opening','p','bob','alice',1,'EUR',NULL"),
                     "kind_names_its_side");
  assert_sql_refused(ledger, TRANSFER("'gift','p','bob','alice',1,'EUR',NULL"),
                     "kind_names_its_side");
  assert_sql_refused(ledger, TRANSFER("'transfer','','alice','bob',1,'EUR',NULL"),
                     "payment_has_an_id");
}

static void no_account_passes_its_overdraft_limit(void **state) {
  sqlite3 *ledger = *state;
  assert_sql_refused(ledger, TRANSFER("'charge','p','alice','clearing:EUR',10001,'EUR',NULL"),
                     "balance_is_within_overdraft");
  assert_sql_refused(ledger, TRANSFER("'charge','p','bob','clearing:EUR',7001,'EUR',NULL"),
                     "balance_is_within_overdraft");
  assert_sql_refused(ledger, TRANSFER("'transfer','p','clearing:EUR','alice',1,'EUR',NULL"),
                     "balance_is_within_overdraft");
}

static void no_balance_leaves_the_countable_range(void **state) {
  sqlite3 *ledger = *state;
  assert_sql_refused(ledger,
                     TRANSFER("'opening','p','world:EUR','alice',9000000000000000000,'EUR',NULL"),
                     "balance_is_countable");
}

static void balances_move_by_transfers_only(void **state) {
  sqlite3 *ledger = *state;
  const char *const attacks[] = {
      "UPDATE accounts SET balance = balance + 1 WHERE id = 'alice'",
      "UPDATE accounts SET balance = 0, last_transfer = 99 WHERE id = 'alice'",
      "UPDATE accounts SET last_transfer = 99 WHERE id = 'alice'",
      "UPDATE accounts SET last_transfer = 0 WHERE id = 'alice'",
      /* a booking that the account has seen, once more */
      "UPDATE accounts SET balance = balance + 10000, last_transfer = 1 WHERE id = 'alice'",
      /* a later booking, of others */
      "UPDATE accounts SET balance = balance + 2000, last_transfer = 2 WHERE id = 'alice'",
      "UPDATE accounts SET overdraft_limit = 1000000 WHERE id = 'alice'",
      "UPDATE accounts SET overdraft_limit = NULL WHERE id = 'alice'",
      "UPDATE accounts SET currency = 'USD' WHERE id = 'alice'",
      "UPDATE accounts SET id = 'mallory' WHERE id = 'alice'",
      ("INSERT INTO accounts (id, currency, overdraft_limit) VALUES ('alice', 'EUR', 0)"
       " ON CONFLICT (id) DO UPDATE SET balance = 7"),
  };
  for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
    assert_sql_refused(ledger, attacks[i], "an account ");
  }
}

static void accounts_begin_empty_and_stay(void **state) {
  sqlite3 *ledger = *state;
  assert_sql_refused(ledger, "DELETE FROM accounts WHERE id = 'alice'",
                     "accounts are never removed");
  assert_sql_refused(ledger,
                     "INSERT OR REPLACE INTO accounts (id, currency, overdraft_limit)"
                     " VALUES ('alice', 'EUR', 0)",
                     "an account begins empty, and once");
  assert_sql_refused(ledger,
                     "INSERT INTO accounts (id, currency, overdraft_limit, balance)"
                     " VALUES ('mallory', 'EUR', 0, 100)",
                     "an account begins empty, and once");
  assert_sql_refused(ledger,
                     "INSERT INTO accounts (id, currency, overdraft_limit, last_transfer)"
                     " VALUES ('mallory', 'EUR', 0, 100)",
                     "an account begins empty, and once");
  assert_sql_refused(ledger, "INSERT INTO accounts (id, currency) VALUES ('mallory', 'EUR')",
                     "overdraft_limit_is_given");
  assert_sql_refused(ledger,
                     "INSERT INTO accounts (id, currency, overdraft_limit)"
                     " VALUES ('mallory', 'EUR', -1)",
                     "overdraft_limit_is_countable");
  assert_sql_refused(ledger,
                     "INSERT INTO accounts (id, currency, overdraft_limit)"
                     " VALUES ('mallory', 'Euro', 0)",
                     "currency_is_three_capitals");
}

static void refunds_give_back_one_charge_and_no_more(void **state) {
  sqlite3 *ledger = *state;
  fixture_open_account(ledger, "eve", 1000, "EUR", 0);
  assert_int_equal(fixture_charge(ledger, "p1", "eve", 600, "EUR"), SURE_OK);
  assert_int_equal(fixture_charge(ledger, "p2", "eve", 400, "EUR"), SURE_OK);
  /* the charge p1 is booking 5 */
  const char *const attacks[] = {
      TRANSFER("'refund','r','clearing:EUR','eve',601,'EUR',5"),
      TRANSFER("'refund','r','clearing:EUR','alice',600,'EUR',5"),
      TRANSFER("'refund','r','clearing:EUR','eve',1,'EUR',1"),
      TRANSFER("'refund','r','clearing:EUR','eve',1,'EUR',99"),
      TRANSFER("'refund','r','clearing:EUR','eve',1,'EUR',NULL"),
  };
  for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
    assert_sql_refused(ledger, attacks[i], "refunds stay within the charge");
  }
  assert_sql_refused(ledger, TRANSFER("'transfer','r','alice','bob',1,'EUR',5"),
                     "only_refunds_refund");
  assert_int_equal(fixture_refund(ledger, "r1", "p1", 500, "EUR"), SURE_OK);
  assert_sql_refused(ledger, TRANSFER("'refund','r','clearing:EUR','eve',101,'EUR',5"),
                     "refunds stay within the charge");
}

#define LEDGER_TEST(test)                                                                          \
  cmocka_unit_test_setup_teardown(test, ledger_fixture_open, ledger_fixture_close)

int main(void) {
  const struct CMUnitTest tests[] = {
      LEDGER_TEST(raw_transfer_within_the_rules_is_taken),
      LEDGER_TEST(transfers_are_never_changed),
      LEDGER_TEST(stamps_of_bookings_grow),
      LEDGER_TEST(transfers_are_never_removed),
      LEDGER_TEST(entries_are_no_table),
      LEDGER_TEST(amounts_are_positive_and_countable),
      LEDGER_TEST(transfers_join_two_accounts_of_their_currency),
      LEDGER_TEST(kinds_name_their_side),
      LEDGER_TEST(no_account_passes_its_overdraft_limit),
      LEDGER_TEST(no_balance_leaves_the_countable_range),
      LEDGER_TEST(balances_move_by_transfers_only),
      LEDGER_TEST(accounts_begin_empty_and_stay),
      LEDGER_TEST(refunds_give_back_one_charge_and_no_more),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
