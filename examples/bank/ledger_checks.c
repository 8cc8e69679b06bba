#include "ledger_checks.h"

#include "names.h"

#include <stdarg.h>
#include <stdio.h>

enum sure_code ledger_refuse(struct ledger_reason *why, enum sure_code code, const char *format,
                             ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(why->text, sizeof why->text, format, arguments);
  va_end(arguments);
  return code;
}

/* What the caller can do differs: after UNAVAILABLE and RESOURCE_EXHAUSTED the same call may be run
 * again, the others are final. A constraint is the ledger's own last word against a booking that
 * the checks let through. */
static enum sure_code code_of(int sqlite_code) {
  switch (sqlite_code) {
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
  case SQLITE_IOERR:
  case SQLITE_INTERRUPT:
    return SURE_UNAVAILABLE;
  case SQLITE_FULL:
  case SQLITE_NOMEM:
    return SURE_RESOURCE_EXHAUSTED;
  case SQLITE_CONSTRAINT:
    return SURE_FAILED_PRECONDITION;
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
    return SURE_DATA_LOSS;
  default:
    return SURE_INTERNAL;
  }
}

enum sure_code ledger_broken(sqlite3 *database, struct ledger_reason *why) {
  return ledger_refuse(why, code_of(sqlite3_errcode(database) & 0xff), "the ledger says: %s",
                       sqlite3_errmsg(database));
}

enum sure_code ledger_check_name(const char *name, const char *what, struct ledger_reason *why) {
  if (!name_is_valid(name)) {
    return ledger_refuse(why, SURE_INVALID_ARGUMENT, "%s must be " NAME_RULE, what);
  }
  return SURE_OK;
}

enum sure_code ledger_check_amount(const struct money *amount, int64_t minor_units_min,
                                   struct ledger_reason *why) {
  if (!money_currency_is_valid(amount->currency)) {
    return ledger_refuse(why, SURE_INVALID_ARGUMENT,
                         "the currency must be three capital letters, such as EUR");
  }
  if (amount->minor_units < minor_units_min) {
    return ledger_refuse(why, SURE_INVALID_ARGUMENT, "the amount must be %s",
                         minor_units_min ? "more than 0" : "0 or more");
  }
  if (amount->minor_units > MONEY_MINOR_UNITS_MAX) {
    return ledger_refuse(why, SURE_INVALID_ARGUMENT, "the amount is too large");
  }
  return SURE_OK;
}
