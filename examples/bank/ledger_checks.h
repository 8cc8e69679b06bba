/* What the ledger asks of names, ids and amounts before it looks at the database, and how it says
 * no. For the ledger's own files. */
#ifndef BANK_LEDGER_CHECKS_H
#define BANK_LEDGER_CHECKS_H

#include "ledger.h"

#include <sure/base.h>

/* Set the reason and return `code`. */
enum sure_code ledger_refuse(struct ledger_reason *why, enum sure_code code, const char *format,
                             ...) SURE_PRINTF(3, 4);

/* The code and reason for what SQLite has just failed with on this connection. */
enum sure_code ledger_broken(sqlite3 *database, struct ledger_reason *why);

/* A payment id or a customer's account: name_is_valid. `what` names it in the reason. */
enum sure_code ledger_check_name(const char *name, const char *what, struct ledger_reason *why);

/* An amount from `minor_units_min` to the largest countable one, in a currency. */
enum sure_code ledger_check_amount(const struct money *amount, int64_t minor_units_min,
                                   struct ledger_reason *why);

#endif
