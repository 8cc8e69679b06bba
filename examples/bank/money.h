/* Amounts of money: a whole number of minor units and a currency. */
#ifndef BANK_MONEY_H
#define BANK_MONEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The largest amount and balance that the ledger counts, in minor units. Two of them may not fit
 * into 64 bits: check sums (money_add). */
#define MONEY_MINOR_UNITS_MAX INT64_C(9000000000000000000)

#define MONEY_CURRENCY_LEN 3
/* Bytes for any amount as text, its end included. */
#define MONEY_TEXT_LEN 32

struct money {
  int64_t minor_units;
  char currency[MONEY_CURRENCY_LEN + 1];
};

/* Three capital letters? NULL is not. */
bool money_currency_is_valid(const char *currency);

/* How many decimals amounts of this currency are written with: 2 for most. */
int money_decimals(const char *currency);

/* Read "12.34 EUR". No sign, no more decimals than the currency has, at most MONEY_MINOR_UNITS_MAX.
 * On failure `*out_money` is untouched and the result says what is wrong, in a static text; NULL is
 * success. */
const char *money_parse(const char *text, struct money *out_money);

/* Write "-12.34 EUR" to `text`, which holds MONEY_TEXT_LEN bytes. Returns `text`. */
char *money_format(int64_t minor_units, const char *currency, char *text);

/* a + b, if that is within the limits on both sides of zero. `*out_sum` is else untouched. */
bool money_add(int64_t a, int64_t b, int64_t *out_sum);

#endif
