/* The ledger computed again from its bookings alone. Trusts neither triggers nor constraints. */
#ifndef BANK_LEDGER_AUDIT_H
#define BANK_LEDGER_AUDIT_H

#include "ledger.h"

struct ledger_audit {
  int64_t accounts;
  int64_t bookings;
  int64_t wrong_balances;        /* accounts whose balance is not the sum of their entries */
  int64_t overdrawn;             /* accounts below their overdraft limit */
  int64_t unbalanced_currencies; /* currencies whose balances do not add up to zero */
  int64_t doubled_payments;      /* payment ids with more than one booking */
  int64_t excess_refunds;        /* charges given back more than once in full */
};

bool ledger_audit_is_clean(const struct ledger_audit *audit);

/* Count what is wrong. Reads the whole ledger, in the transaction that is open on `database`. */
enum sure_code ledger_audit(sqlite3 *database, struct ledger_audit *out_audit,
                            struct ledger_reason *why);

/* Run a statement that returns one number. Ends with `code` if that is not SURE_OK already, so that
 * several can be asked in a row. */
enum sure_code ledger_count(enum sure_code code, sqlite3 *database, const char *sql,
                            int64_t *out_count, struct ledger_reason *why);

#endif
