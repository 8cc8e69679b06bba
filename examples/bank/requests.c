#include "requests.h"

#include <string.h>

struct money request_money(const Bank__V1__Money *message) {
  struct money money = {0};
  if (!message) {
    return money;
  }
  money.minor_units = message->minor_units;
  if (money_currency_is_valid(message->currency)) {
    memcpy(money.currency, message->currency, sizeof money.currency);
  }
  return money;
}
