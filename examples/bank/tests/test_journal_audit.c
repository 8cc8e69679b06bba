/* An audit that finds nothing is worth what it finds when something is planted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "journal_audit.h"
#include "ledger_fixture.h"

/* Audit the ledger against these lines. */
static enum sure_code audit(sqlite3 *ledger, const char *lines, struct journal_audit *out_audit) {
  struct ledger_reason why;
  FILE *journal = tmpfile();
  assert_non_null(journal);
  fputs(lines, journal);
  rewind(journal);
  enum sure_code code = journal_audit(ledger, journal, out_audit, &why);
  fclose(journal);
  return code;
}

static void charge(sqlite3 *ledger, const char *payment_id) {
  assert_int_equal(fixture_charge(ledger, payment_id, "alice", 100, "EUR"), SURE_OK);
}

static void audit_of_an_honest_run_is_clean(void **state) {
  struct journal_audit found;
  charge(*state, "p1");
  charge(*state, "p2-second");
  assert_int_equal(audit(*state,
                         "1\tp1\tapplied\t100\n"
                         "2\tp2\tnot-applied\t100\n"
                         "2\tp2-second\tapplied\t100\n",
                         &found),
                   SURE_OK);
  assert_true(journal_audit_is_clean(&found));
  assert_int_equal(found.charges, 2);
  assert_int_equal(found.applied, 2);
}

static void audit_finds_a_lost_charge(void **state) {
  struct journal_audit found;
  charge(*state, "p1");
  assert_int_equal(audit(*state, "1\tp1\tapplied\t100\n2\tp2\tapplied\t100\n", &found), SURE_OK);
  assert_int_equal(found.lost, 1);
  assert_false(journal_audit_is_clean(&found));
}

static void audit_finds_a_charge_of_another_amount(void **state) {
  struct journal_audit found;
  charge(*state, "p1");
  assert_int_equal(audit(*state, "1\tp1\tapplied\t99\n", &found), SURE_OK);
  assert_int_equal(found.lost, 1);
  assert_false(journal_audit_is_clean(&found));
}

static void audit_finds_a_payment_id_booked_twice(void **state) {
  struct journal_audit found;
  charge(*state, "p1");
  charge(*state, "p1");
  assert_int_equal(audit(*state, "1\tp1\tapplied\t100\n", &found), SURE_OK);
  assert_int_equal(found.doubled, 1);
  assert_int_equal(found.ledger.doubled_payments, 1);
  assert_false(journal_audit_is_clean(&found));
}

static void audit_finds_an_intent_booked_under_two_ids(void **state) {
  struct journal_audit found;
  charge(*state, "p1");
  charge(*state, "p2");
  assert_int_equal(audit(*state, "1\tp1\tapplied\t100\n1\tp2\tapplied\t100\n", &found), SURE_OK);
  assert_int_equal(found.doubled, 1);
  assert_int_equal(found.ledger.doubled_payments, 0);
  assert_false(journal_audit_is_clean(&found));
}

static void audit_finds_a_phantom_charge(void **state) {
  struct journal_audit found;
  charge(*state, "p1");
  assert_int_equal(audit(*state, "1\tp1\tnot-applied\t100\n", &found), SURE_OK);
  assert_int_equal(found.phantom, 1);
  assert_false(journal_audit_is_clean(&found));
}

static void audit_finds_a_charge_that_nobody_claims(void **state) {
  struct journal_audit found;
  charge(*state, "p1");
  charge(*state, "p2");
  assert_int_equal(audit(*state, "1\tp1\tapplied\t100\n", &found), SURE_OK);
  assert_int_equal(found.unclaimed, 1);
  assert_false(journal_audit_is_clean(&found));
}

static void audit_counts_intents_without_a_known_end(void **state) {
  struct journal_audit found;
  charge(*state, "p1");
  assert_int_equal(audit(*state, "1\tp1\tunknown\t100\n", &found), SURE_OK);
  assert_int_equal(found.unknown, 1);
  assert_false(journal_audit_is_clean(&found));
}

/* The triggers would not let this happen, so they are taken away first. */
static void audit_finds_a_balance_that_was_touched(void **state) {
  struct journal_audit found;
  charge(*state, "p1");
  assert_int_equal(sqlite3_exec(*state,
                                "DROP TRIGGER accounts_change_by_transfers;"
                                "UPDATE accounts SET balance = balance + 1 WHERE id = 'alice'",
                                NULL, NULL, NULL),
                   SQLITE_OK);
  assert_int_equal(audit(*state, "1\tp1\tapplied\t100\n", &found), SURE_OK);
  assert_int_equal(found.ledger.wrong_balances, 1);
  assert_int_equal(found.ledger.unbalanced_currencies, 1);
  assert_false(journal_audit_is_clean(&found));
}

static void audit_finds_a_booking_that_was_changed(void **state) {
  struct journal_audit found;
  charge(*state, "p1");
  assert_int_equal(sqlite3_exec(*state,
                                "DROP TRIGGER transfers_never_change;"
                                "UPDATE transfers SET amount = 200 WHERE payment_id = 'p1'",
                                NULL, NULL, NULL),
                   SQLITE_OK);
  assert_int_equal(audit(*state, "1\tp1\tapplied\t100\n", &found), SURE_OK);
  assert_int_equal(found.ledger.wrong_balances, 2);
  assert_int_equal(found.lost, 1);
}

static void audit_adds_up_what_64_bits_can_not(void **state) {
  struct journal_audit found;
  fixture_open_account(*state, "rich", MONEY_MINOR_UNITS_MAX, "XAU", 0);
  fixture_open_account(*state, "heir", 0, "XAU", 0);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(fixture_transfer(*state, i % 2 ? "back" : "forth", i % 2 ? "heir" : "rich",
                                      i % 2 ? "rich" : "heir", MONEY_MINOR_UNITS_MAX, "XAU"),
                     SURE_OK);
  }
  assert_int_equal(audit(*state, "", &found), SURE_OK);
  assert_int_equal(found.ledger.wrong_balances, 0);
  assert_int_equal(found.ledger.unbalanced_currencies, 0);
}

static void audit_refuses_a_malformed_journal(void **state) {
  struct journal_audit found;
  const char *const journals[] = {"1\tp1\tapplied\n",      "1\tp1\tperhaps\t1\n",
                                  "one\tp1\tapplied\t1\n", "1\tp1\tapplied\t1 more\n",
                                  "1\tp1\tapplied\t1",     "\n"};
  for (size_t i = 0; i < sizeof journals / sizeof *journals; i++) {
    assert_int_equal(audit(*state, journals[i], &found), SURE_INVALID_ARGUMENT);
  }
}

#define LEDGER_TEST(test)                                                                          \
  cmocka_unit_test_setup_teardown(test, ledger_fixture_open, ledger_fixture_close)

int main(void) {
  const struct CMUnitTest tests[] = {
      LEDGER_TEST(audit_of_an_honest_run_is_clean),
      LEDGER_TEST(audit_finds_a_lost_charge),
      LEDGER_TEST(audit_finds_a_charge_of_another_amount),
      LEDGER_TEST(audit_finds_a_payment_id_booked_twice),
      LEDGER_TEST(audit_finds_an_intent_booked_under_two_ids),
      LEDGER_TEST(audit_finds_a_phantom_charge),
      LEDGER_TEST(audit_finds_a_charge_that_nobody_claims),
      LEDGER_TEST(audit_counts_intents_without_a_known_end),
      LEDGER_TEST(audit_finds_a_balance_that_was_touched),
      LEDGER_TEST(audit_finds_a_booking_that_was_changed),
      LEDGER_TEST(audit_adds_up_what_64_bits_can_not),
      LEDGER_TEST(audit_refuses_a_malformed_journal),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
