#include "money.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The currencies of ISO 4217 that do not have two decimals. */
static const struct {
  char currency[MONEY_CURRENCY_LEN + 1];
  int decimals;
} exceptions[] = {
    {"BHD", 3}, {"BIF", 0}, {"CLF", 4}, {"CLP", 0}, {"DJF", 0}, {"GNF", 0}, {"IQD", 3},
    {"ISK", 0}, {"JOD", 3}, {"JPY", 0}, {"KMF", 0}, {"KRW", 0}, {"KWD", 3}, {"LYD", 3},
    {"OMR", 3}, {"PYG", 0}, {"RWF", 0}, {"TND", 3}, {"UGX", 0}, {"UYI", 0}, {"UYW", 4},
    {"VND", 0}, {"VUV", 0}, {"XAF", 0}, {"XOF", 0}, {"XPF", 0},
};

static bool is_capital(char c) {
  return c >= 'A' && c <= 'Z';
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool money_currency_is_valid(const char *currency) {
  if (!currency) {
    return false;
  }
  for (int i = 0; i < MONEY_CURRENCY_LEN; i++) {
    if (!is_capital(currency[i])) {
      return false;
    }
  }
  return currency[MONEY_CURRENCY_LEN] == '\0';
}

int money_decimals(const char *currency) {
  for (size_t i = 0; i < sizeof exceptions / sizeof *exceptions; i++) {
    if (strcmp(exceptions[i].currency, currency) == 0) {
      return exceptions[i].decimals;
    }
  }
  return 2;
}

/* Append a digit to a number. */
static bool push_digit(int64_t *number, int digit) {
  int64_t next;
  if (__builtin_mul_overflow(*number, 10, &next) || __builtin_add_overflow(next, digit, &next)) {
    return false;
  }
  if (next > MONEY_MINOR_UNITS_MAX) {
    return false;
  }
  *number = next;
  return true;
}

/* The end of the number that `text` begins with, digits and at most one point; NULL if it is none.
 */
static const char *number_end(const char *text) {
  const char *at = text;
  while (is_digit(*at)) {
    at++;
  }
  if (at == text) {
    return NULL;
  }
  if (*at != '.') {
    return at;
  }
  const char *fraction = ++at;
  while (is_digit(*at)) {
    at++;
  }
  return at == fraction ? NULL : at;
}

/* The number from `text` to `end` in minor units of a currency with so many decimals. */
static const char *scale(const char *text, const char *end, int decimals, int64_t *out_units) {
  int64_t units = 0;
  int missing = decimals;
  bool in_fraction = false;
  for (const char *at = text; at < end; at++) {
    if (*at == '.') {
      in_fraction = true;
      continue;
    }
    if (in_fraction && missing-- == 0) {
      return "the currency has fewer decimals than that";
    }
    if (!push_digit(&units, *at - '0')) {
      return "the amount is too large";
    }
  }
  for (; missing > 0; missing--) {
    if (!push_digit(&units, 0)) {
      return "the amount is too large";
    }
  }
  *out_units = units;
  return NULL;
}

const char *money_parse(const char *text, struct money *out_money) {
  const char *end = number_end(text);
  if (!end) {
    return "an amount is a number and a currency, such as \"12.34 EUR\"";
  }
  const char *currency = end;
  while (*currency == ' ') {
    currency++;
  }
  if (!money_currency_is_valid(currency)) {
    return "the currency is missing or is not three capital letters, such as EUR";
  }

  struct money money = {0};
  const char *wrong = scale(text, end, money_decimals(currency), &money.minor_units);
  if (wrong) {
    return wrong;
  }
  memcpy(money.currency, currency, sizeof money.currency);
  *out_money = money;
  return NULL;
}

char *money_format(int64_t minor_units, const char *currency, char *text) {
  int decimals = money_decimals(currency);
  uint64_t scale_factor = 1;
  for (int i = 0; i < decimals; i++) {
    scale_factor *= 10;
  }
  /* Negated as unsigned, since the smallest int64_t has no positive twin. */
  uint64_t units = minor_units < 0 ? -(uint64_t)minor_units : (uint64_t)minor_units;
  const char *sign = minor_units < 0 ? "-" : "";
  if (decimals == 0) {
    snprintf(text, MONEY_TEXT_LEN, "%s%" PRIu64 " %.3s", sign, units, currency);
  } else {
    snprintf(text, MONEY_TEXT_LEN, "%s%" PRIu64 ".%0*" PRIu64 " %.3s", sign, units / scale_factor,
             decimals, units % scale_factor, currency);
  }
  return text;
}

bool money_add(int64_t a, int64_t b, int64_t *out_sum) {
  int64_t sum;
  if (__builtin_add_overflow(a, b, &sum) || sum > MONEY_MINOR_UNITS_MAX ||
      sum < -MONEY_MINOR_UNITS_MAX) {
    return false;
  }
  *out_sum = sum;
  return true;
}
