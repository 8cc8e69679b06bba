#include "tests/sim/payment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct payment **payments;
static uint64_t count;
static uint64_t capacity;

struct payment *payment_new(const struct payment *payment) {
  struct payment *added = malloc(sizeof *added);
  if (count == capacity) {
    capacity = capacity == 0 ? 64 : 2 * capacity;
    payments = realloc(payments, capacity * sizeof(struct payment *));
  }
  if (added == NULL || payments == NULL) {
    abort();
  }
  *added = *payment;
  payments[count++] = added;
  added->number = count;
  (void)snprintf(added->id, sizeof added->id, "p%llu", (unsigned long long)count);
  return added;
}

struct payment *payment_of(uint64_t number) {
  return number == 0 || number > count ? NULL : payments[number - 1];
}

struct payment *payment_named(const char *id) {
  struct payment *payment = *id == 'p' ? payment_of(strtoull(id + 1, NULL, 10)) : NULL;
  return payment != NULL && strcmp(payment->id, id) == 0 ? payment : NULL;
}

uint64_t payment_count(void) {
  return count;
}

void payments_clear(void) {
  while (count > 0) {
    free(payments[--count]);
  }
  free(payments);
  payments = NULL;
  capacity = 0;
}

const char *account_name(unsigned account) {
  static const char *const names[] = {"world:" PAYMENT_CURRENCY,
                                      "clearing:" PAYMENT_CURRENCY,
                                      "ann",
                                      "ben",
                                      "cleo",
                                      "dan",
                                      "eve",
                                      "finn"};
  return account < sizeof names / sizeof names[0] ? names[account] : "nobody";
}
