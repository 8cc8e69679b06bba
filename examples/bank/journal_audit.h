/* A ledger compared with a journal: is what the clients were told what is in the database? */
#ifndef BANK_JOURNAL_AUDIT_H
#define BANK_JOURNAL_AUDIT_H

#include "ledger_audit.h"

#include <stdio.h>

struct journal_audit {
  struct ledger_audit ledger;
  int64_t charges;   /* intents in the journal */
  int64_t applied;   /* intents with a charge in the ledger */
  int64_t lost;      /* payment ids told applied that are not in the ledger with that amount */
  int64_t doubled;   /* intents with more than one charge in the ledger */
  int64_t phantom;   /* payment ids told not applied that are in the ledger */
  int64_t unclaimed; /* charges in the ledger that no line of the journal names */
  int64_t unknown;   /* intents whose end the client never learned */
};

bool journal_audit_is_clean(const struct journal_audit *audit);

/* Audit the ledger in `database`, which may be read only, against all lines of `journal`. Reads one
 * snapshot; begins and ends a transaction. INVALID_ARGUMENT: the journal is malformed; `why` says
 * where. Other codes: the database failed. */
enum sure_code journal_audit(sqlite3 *database, FILE *journal, struct journal_audit *out_audit,
                             struct ledger_reason *why);

#endif
