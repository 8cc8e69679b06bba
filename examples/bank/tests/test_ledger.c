/* The bank's rules, without a server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ledger_fixture.h"
#include "ledger_import.h"
#include "ledger_schema.h"

static void ledger_charge_moves_money_to_clearing(void **state) {
  sqlite3 *ledger = *state;
  assert_int_equal(fixture_charge(ledger, "p1", "alice", 2500, "EUR"), SURE_OK);
  assert_int_equal(fixture_balance(ledger, "alice"), 7500);
  assert_int_equal(fixture_balance(ledger, "clearing:EUR"), 2500);
  assert_int_equal(fixture_balance(ledger, "world:EUR"), -12000);
  fixture_assert_whole(ledger);
}

static void ledger_receipt_names_booking_and_balance(void **state) {
  const struct ledger_payment payment = {
      .payment_id = "p1", .from = "alice", .amount = {2500, "EUR"}};
  struct ledger_receipt receipt;
  struct ledger_reason why;
  assert_int_equal(ledger_charge(*state, &payment, &receipt, &why), SURE_OK);
  assert_int_equal(receipt.booking, 4);
  assert_string_equal(receipt.account, "alice");
  assert_int_equal(receipt.balance.minor_units, 7500);
  assert_string_equal(receipt.balance.currency, "EUR");
}

static void ledger_charge_refuses_to_overdraw(void **state) {
  sqlite3 *ledger = *state;
  assert_int_equal(fixture_charge(ledger, "p1", "alice", 10001, "EUR"), SURE_FAILED_PRECONDITION);
  assert_string_equal(fixture_reason(),
                      "the account alice holds 100.00 EUR, too little to give 100.01 EUR");
  assert_int_equal(fixture_balance(ledger, "alice"), 10000);
  assert_int_equal(fixture_charge(ledger, "p2", "alice", 10000, "EUR"), SURE_OK);
  assert_int_equal(fixture_balance(ledger, "alice"), 0);
}

static void ledger_overdraft_limit_may_be_used_to_the_last_cent(void **state) {
  sqlite3 *ledger = *state;
  assert_int_equal(fixture_charge(ledger, "p1", "bob", 7000, "EUR"), SURE_OK);
  assert_int_equal(fixture_balance(ledger, "bob"), -5000);
  assert_int_equal(fixture_charge(ledger, "p2", "bob", 1, "EUR"), SURE_FAILED_PRECONDITION);
  fixture_assert_whole(ledger);
}

static void ledger_refuses_unknown_accounts(void **state) {
  sqlite3 *ledger = *state;
  assert_int_equal(fixture_charge(ledger, "p1", "nobody", 1, "EUR"), SURE_NOT_FOUND);
  assert_string_equal(fixture_reason(), "there is no account nobody");
  assert_int_equal(fixture_transfer(ledger, "p2", "alice", "nobody", 1, "EUR"), SURE_NOT_FOUND);
}

static void ledger_refuses_another_currency(void **state) {
  sqlite3 *ledger = *state;
  assert_int_equal(fixture_charge(ledger, "p1", "alice", 1, "USD"), SURE_FAILED_PRECONDITION);
  assert_string_equal(fixture_reason(), "the account alice is in EUR, not in USD");
  assert_int_equal(fixture_transfer(ledger, "p2", "alice", "jiro", 1, "EUR"),
                   SURE_FAILED_PRECONDITION);
  assert_int_equal(fixture_transfer(ledger, "p3", "alice", "jiro", 1, "JPY"),
                   SURE_FAILED_PRECONDITION);
}

static void ledger_refuses_malformed_requests(void **state) {
  sqlite3 *ledger = *state;
  assert_int_equal(fixture_charge(ledger, "", "alice", 1, "EUR"), SURE_INVALID_ARGUMENT);
  assert_int_equal(fixture_charge(ledger, "a b", "alice", 1, "EUR"), SURE_INVALID_ARGUMENT);
  assert_int_equal(fixture_charge(ledger, "p1", "world:EUR", 1, "EUR"), SURE_INVALID_ARGUMENT);
  assert_int_equal(fixture_charge(ledger, "p1", "alice", 0, "EUR"), SURE_INVALID_ARGUMENT);
  assert_int_equal(fixture_charge(ledger, "p1", "alice", -1, "EUR"), SURE_INVALID_ARGUMENT);
  assert_int_equal(fixture_charge(ledger, "p1", "alice", INT64_MIN, "EUR"), SURE_INVALID_ARGUMENT);
  assert_int_equal(fixture_charge(ledger, "p1", "alice", INT64_MAX, "EUR"), SURE_INVALID_ARGUMENT);
  assert_int_equal(fixture_charge(ledger, "p1", "alice", 1, ""), SURE_INVALID_ARGUMENT);
  assert_int_equal(fixture_charge(ledger, "p1", "alice", 1, "eur"), SURE_INVALID_ARGUMENT);
  assert_int_equal(fixture_transfer(ledger, "p1", "alice", "alice", 1, "EUR"),
                   SURE_INVALID_ARGUMENT);
  assert_int_equal(fixture_transfer(ledger, "p1", "alice", "clearing:EUR", 1, "EUR"),
                   SURE_INVALID_ARGUMENT);
}

static void ledger_names_end_at_64_characters(void **state) {
  sqlite3 *ledger = *state;
  char name[NAME_LEN_MAX + 2];
  memset(name, 'x', sizeof name);
  name[NAME_LEN_MAX + 1] = '\0';
  assert_int_equal(fixture_charge(ledger, name, "alice", 1, "EUR"), SURE_INVALID_ARGUMENT);
  name[NAME_LEN_MAX] = '\0';
  assert_int_equal(fixture_charge(ledger, name, "alice", 1, "EUR"), SURE_OK);
}

static void ledger_transfer_moves_between_customers(void **state) {
  sqlite3 *ledger = *state;
  assert_int_equal(fixture_transfer(ledger, "p1", "alice", "bob", 10000, "EUR"), SURE_OK);
  assert_int_equal(fixture_balance(ledger, "alice"), 0);
  assert_int_equal(fixture_balance(ledger, "bob"), 12000);
  fixture_assert_whole(ledger);
}

static void ledger_account_opens_once(void **state) {
  const struct ledger_opening opening = {
      .payment_id = "p1", .account = "alice", .deposit = {1, "EUR"}};
  struct ledger_receipt receipt;
  struct ledger_reason why;
  assert_int_equal(ledger_open_account(*state, &opening, &receipt, &why), SURE_ALREADY_EXISTS);
  assert_int_equal(fixture_balance(*state, "alice"), 10000);
}

static void ledger_account_opens_without_a_deposit(void **state) {
  fixture_open_account(*state, "carol", 0, "CHF", 0);
  assert_int_equal(fixture_balance(*state, "carol"), 0);
  fixture_assert_whole(*state);
}

static void ledger_counts_up_to_its_limit_and_no_further(void **state) {
  sqlite3 *ledger = *state;
  fixture_open_account(ledger, "rich", MONEY_MINOR_UNITS_MAX, "XAU", 0);
  fixture_open_account(ledger, "poor", 0, "XAU", 1);
  assert_int_equal(fixture_transfer(ledger, "p1", "poor", "rich", 1, "XAU"),
                   SURE_FAILED_PRECONDITION);
  const struct ledger_opening opening = {
      .payment_id = "p2", .account = "second", .deposit = {1, "XAU"}};
  struct ledger_receipt receipt;
  struct ledger_reason why;
  assert_int_equal(ledger_open_account(ledger, &opening, &receipt, &why), SURE_FAILED_PRECONDITION);
  fixture_assert_whole(ledger);
}

static void ledger_refunds_end_at_the_charge(void **state) {
  sqlite3 *ledger = *state;
  assert_int_equal(fixture_charge(ledger, "p1", "alice", 1000, "EUR"), SURE_OK);
  assert_int_equal(fixture_charge(ledger, "p2", "alice", 5000, "EUR"), SURE_OK);
  assert_int_equal(fixture_refund(ledger, "r1", "p1", 600, "EUR"), SURE_OK);
  assert_int_equal(fixture_refund(ledger, "r2", "p1", 401, "EUR"), SURE_FAILED_PRECONDITION);
  assert_string_equal(fixture_reason(), "of that charge 4.00 EUR are left to give back, no more");
  assert_int_equal(fixture_refund(ledger, "r3", "p1", 400, "EUR"), SURE_OK);
  assert_int_equal(fixture_refund(ledger, "r4", "p1", 1, "EUR"), SURE_FAILED_PRECONDITION);
  assert_int_equal(fixture_balance(ledger, "alice"), 5000);
  fixture_assert_whole(ledger);
}

static void ledger_refunds_charges_only(void **state) {
  sqlite3 *ledger = *state;
  assert_int_equal(fixture_transfer(ledger, "t1", "alice", "bob", 100, "EUR"), SURE_OK);
  assert_int_equal(fixture_refund(ledger, "r1", "t1", 100, "EUR"), SURE_NOT_FOUND);
  assert_int_equal(fixture_refund(ledger, "r2", "never", 100, "EUR"), SURE_NOT_FOUND);
  assert_int_equal(fixture_charge(ledger, "p1", "alice", 100, "EUR"), SURE_OK);
  assert_int_equal(fixture_refund(ledger, "r3", "p1", 100, "JPY"), SURE_FAILED_PRECONDITION);
}

struct seen {
  int64_t bookings[8];
  int64_t minor_units[8];
  size_t count;
};

static bool see(void *user, const struct ledger_entry *entry) {
  struct seen *seen = user;
  assert_in_range(seen->count, 0, 7);
  seen->bookings[seen->count] = entry->booking;
  seen->minor_units[seen->count++] = entry->minor_units;
  return true;
}

static void ledger_lists_both_sides_in_order_and_in_pages(void **state) {
  sqlite3 *ledger = *state;
  assert_int_equal(fixture_charge(ledger, "p1", "alice", 100, "EUR"), SURE_OK);
  assert_int_equal(fixture_transfer(ledger, "p2", "bob", "alice", 50, "EUR"), SURE_OK);
  struct seen seen = {0};
  struct ledger_reason why;
  assert_int_equal(ledger_list_entries(ledger, "alice", 0, 2, see, &seen, &why), SURE_OK);
  assert_int_equal(seen.count, 2);
  assert_int_equal(seen.minor_units[0], 10000);
  assert_int_equal(seen.minor_units[1], -100);
  assert_int_equal(ledger_list_entries(ledger, "alice", seen.bookings[1], 2, see, &seen, &why),
                   SURE_OK);
  assert_int_equal(seen.count, 3);
  assert_int_equal(seen.minor_units[2], 50);
  assert_int_equal(ledger_list_entries(ledger, "nobody", 0, 2, see, &seen, &why), SURE_NOT_FOUND);
}

static void ledger_of_a_newer_version_is_refused(void **state) {
  sqlite3 *ledger = *state;
  const char *message = NULL;
  assert_int_equal(ledger_schema(NULL, ledger, false, &message), SURE_OK);
  sqlite3_exec(ledger, "UPDATE ledger_version SET version = version + 1", NULL, NULL, NULL);
  assert_int_equal(ledger_schema(NULL, ledger, false, &message), SURE_FAILED_PRECONDITION);
  assert_string_equal(message, "the ledger was made by a newer version of this program");
}

static enum sure_code import_charge(sqlite3 *ledger, const char *payment_id, const char *account,
                                    int64_t minor_units) {
  struct ledger_payment payment = {
      .payment_id = payment_id, .from = account, .to = "", .amount = {minor_units, "EUR"}};
  struct ledger_reason why;
  return ledger_import(ledger, "day-1", &payment, &why);
}

enum { REFUSED_LEN = 64 };

static bool join_refusal(void *user, const char *payment_id, const char *reason) {
  char *text = user;
  assert_true(reason[0] != '\0');
  size_t len = strlen(text);
  snprintf(text + len, REFUSED_LEN - len, "%s ", payment_id);
  return true;
}

/* As the first version made it, but for what it never had. */
static void make_old(sqlite3 *ledger) {
  assert_int_equal(sqlite3_exec(ledger,
                                "DROP TABLE refusals; DROP TABLE imports;"
                                "DROP VIEW entries; DROP TRIGGER stamps_grow;"
                                "ALTER TABLE transfers DROP COLUMN stamp;"
                                "UPDATE ledger_version SET version = 1",
                                NULL, NULL, NULL),
                   SQLITE_OK);
}

static void ledger_of_the_first_version_goes_on_with_stamps(void **state) {
  sqlite3 *ledger = *state;
  const char *message = NULL;
  assert_int_equal(fixture_charge(ledger, "p1", "alice", 100, "EUR"), SURE_OK);
  make_old(ledger);
  assert_int_equal(ledger_schema(NULL, ledger, false, &message), SURE_OK);
  assert_int_equal(fixture_charge(ledger, "p2", "alice", 100, "EUR"), SURE_OK);
  assert_int_equal(fixture_balance(ledger, "alice"), 9800);
  fixture_assert_whole(ledger);
}

static void ledger_of_the_second_version_goes_on_with_imports(void **state) {
  sqlite3 *ledger = *state;
  const char *message = NULL;
  assert_int_equal(sqlite3_exec(ledger,
                                "DROP TABLE refusals; DROP TABLE imports;"
                                "UPDATE ledger_version SET version = 2",
                                NULL, NULL, NULL),
                   SQLITE_OK);
  assert_int_equal(ledger_schema(NULL, ledger, false, &message), SURE_OK);
  assert_int_equal(import_charge(ledger, "p1", "alice", 100), SURE_OK);
  assert_int_equal(fixture_balance(ledger, "alice"), 9900);
}

static void import_counts_what_it_booked_and_what_it_refused(void **state) {
  sqlite3 *ledger = *state;
  struct ledger_import import;
  struct ledger_reason why;
  assert_int_equal(import_charge(ledger, "p1", "alice", 100), SURE_OK);
  assert_int_equal(import_charge(ledger, "p2", "nobody", 100), SURE_OK);
  assert_int_equal(import_charge(ledger, "p3", "alice", 1000000), SURE_OK);
  assert_int_equal(import_charge(ledger, "p4", "alice", 200), SURE_OK);
  char refused[REFUSED_LEN] = "";
  assert_int_equal(ledger_find_import(ledger, "day-1", &import, join_refusal, refused, &why),
                   SURE_OK);
  assert_int_equal(import.booked, 2);
  assert_int_equal(import.refused, 2);
  assert_string_equal(refused, "p2 p3 ");
  assert_int_equal(fixture_balance(ledger, "alice"), 9700);
  fixture_assert_whole(ledger);
}

static void import_that_booked_nothing_has_counts_of_zero(void **state) {
  struct ledger_import import;
  struct ledger_reason why;
  char refused[REFUSED_LEN] = "";
  assert_int_equal(ledger_find_import(*state, "none", &import, join_refusal, refused, &why),
                   SURE_OK);
  assert_int_equal(import.booked + import.refused, 0);
}

static void database_of_another_program_is_refused(void **state) {
  sqlite3 *other;
  const char *message = NULL;
  (void)state;
  assert_int_equal(sqlite3_open(":memory:", &other), SQLITE_OK);
  assert_int_equal(ledger_schema(NULL, other, false, &message), SURE_FAILED_PRECONDITION);
  assert_string_equal(message, "the file holds no ledger: it belongs to another program");
  sqlite3_close(other);
}

#define LEDGER_TEST(test)                                                                          \
  cmocka_unit_test_setup_teardown(test, ledger_fixture_open, ledger_fixture_close)

int main(void) {
  const struct CMUnitTest tests[] = {
      LEDGER_TEST(ledger_charge_moves_money_to_clearing),
      LEDGER_TEST(ledger_receipt_names_booking_and_balance),
      LEDGER_TEST(ledger_charge_refuses_to_overdraw),
      LEDGER_TEST(ledger_overdraft_limit_may_be_used_to_the_last_cent),
      LEDGER_TEST(ledger_refuses_unknown_accounts),
      LEDGER_TEST(ledger_refuses_another_currency),
      LEDGER_TEST(ledger_refuses_malformed_requests),
      LEDGER_TEST(ledger_names_end_at_64_characters),
      LEDGER_TEST(ledger_transfer_moves_between_customers),
      LEDGER_TEST(ledger_account_opens_once),
      LEDGER_TEST(ledger_account_opens_without_a_deposit),
      LEDGER_TEST(ledger_counts_up_to_its_limit_and_no_further),
      LEDGER_TEST(ledger_refunds_end_at_the_charge),
      LEDGER_TEST(ledger_refunds_charges_only),
      LEDGER_TEST(ledger_lists_both_sides_in_order_and_in_pages),
      LEDGER_TEST(ledger_of_a_newer_version_is_refused),
      LEDGER_TEST(ledger_of_the_first_version_goes_on_with_stamps),
      LEDGER_TEST(ledger_of_the_second_version_goes_on_with_imports),
      LEDGER_TEST(import_counts_what_it_booked_and_what_it_refused),
      LEDGER_TEST(import_that_booked_nothing_has_counts_of_zero),
      cmocka_unit_test(database_of_another_program_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
