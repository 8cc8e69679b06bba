#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "money.h"

static void assert_parses(const char *text, int64_t minor_units, const char *currency) {
  struct money money;
  assert_null(money_parse(text, &money));
  assert_int_equal(money.minor_units, minor_units);
  assert_string_equal(money.currency, currency);
}

static void assert_refused(const char *text) {
  struct money money = {.minor_units = 77, .currency = "XAU"};
  assert_non_null(money_parse(text, &money));
  assert_int_equal(money.minor_units, 77);
  assert_string_equal(money.currency, "XAU");
}

static void money_is_read_in_the_decimals_of_its_currency(void **state) {
  (void)state;
  assert_parses("12.34 EUR", 1234, "EUR");
  assert_parses("12.3 EUR", 1230, "EUR");
  assert_parses("12EUR", 1200, "EUR");
  assert_parses("0 EUR", 0, "EUR");
  assert_parses("500 JPY", 500, "JPY");
  assert_parses("1.234 BHD", 1234, "BHD");
  assert_parses("007.50 USD", 750, "USD");
}

static void money_refuses_what_is_no_amount(void **state) {
  (void)state;
  const char *const texts[] = {"",         "EUR",       "12.34",   "12.34 eur", "12.34 EURO",
                               "-1 EUR",   "+1 EUR",    ".5 EUR",  "1. EUR",    "1.2.3 EUR",
                               "1,50 EUR", "1e3 EUR",   "1 EUR ",  " 1 EUR",    "0x10 EUR",
                               "NaN EUR",  "1.234 EUR", "1.5 JPY", "1.2345 BHD"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    assert_refused(texts[i]);
  }
}

static void money_refuses_more_than_the_ledger_counts(void **state) {
  (void)state;
  assert_parses("90000000000000000.00 EUR", MONEY_MINOR_UNITS_MAX, "EUR");
  assert_parses("9000000000000000000 JPY", MONEY_MINOR_UNITS_MAX, "JPY");
  assert_refused("90000000000000000.01 EUR");
  assert_refused("9000000000000000001 JPY");
  assert_refused("9223372036854775808 JPY");
  assert_refused("92233720368547758.08 EUR");
  assert_refused("99999999999999999999999999999999999999 JPY");
}

static void money_is_written_as_it_is_read(void **state) {
  (void)state;
  char text[MONEY_TEXT_LEN];
  assert_string_equal(money_format(1234, "EUR", text), "12.34 EUR");
  assert_string_equal(money_format(5, "EUR", text), "0.05 EUR");
  assert_string_equal(money_format(-5, "EUR", text), "-0.05 EUR");
  assert_string_equal(money_format(-500, "JPY", text), "-500 JPY");
  assert_string_equal(money_format(1234, "BHD", text), "1.234 BHD");
  assert_string_equal(money_format(INT64_MIN, "EUR", text), "-92233720368547758.08 EUR");
  assert_string_equal(money_format(INT64_MAX, "CLF", text), "922337203685477.5807 CLF");
}

static void money_sums_stay_within_the_limits(void **state) {
  (void)state;
  int64_t sum = 77;
  assert_true(money_add(MONEY_MINOR_UNITS_MAX - 1, 1, &sum));
  assert_int_equal(sum, MONEY_MINOR_UNITS_MAX);
  sum = 77;
  assert_false(money_add(MONEY_MINOR_UNITS_MAX, 1, &sum));
  assert_false(money_add(-MONEY_MINOR_UNITS_MAX, -1, &sum));
  assert_false(money_add(INT64_MAX, INT64_MAX, &sum));
  assert_false(money_add(INT64_MIN, INT64_MIN, &sum));
  assert_int_equal(sum, 77);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(money_is_read_in_the_decimals_of_its_currency),
      cmocka_unit_test(money_refuses_what_is_no_amount),
      cmocka_unit_test(money_refuses_more_than_the_ledger_counts),
      cmocka_unit_test(money_is_written_as_it_is_read),
      cmocka_unit_test(money_sums_stay_within_the_limits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
