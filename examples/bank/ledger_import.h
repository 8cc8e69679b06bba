/* Imports: many payments under one id. Works inside the caller's transaction and fails as ledger.h
 * says. */
#ifndef BANK_LEDGER_IMPORT_H
#define BANK_LEDGER_IMPORT_H

#include "ledger.h"

/* The id of an import; with the number of a payment behind it, it is still a name. */
#define LEDGER_IMPORT_ID_LEN_MAX 40
/* Refusals that are told of one import. */
#define LEDGER_REFUSALS_MAX 100

/* Book one payment of the import `id`: a charge if `to` is empty, else a transfer. A refusal is
 * noted, and SURE_OK: the import goes on. */
enum sure_code ledger_import(sqlite3 *database, const char *id,
                             const struct ledger_payment *payment, struct ledger_reason *why);

struct ledger_import {
  int64_t booked;
  int64_t refused;
};

/* Takes one refusal; the texts are borrowed. False ends the listing with SURE_RESOURCE_EXHAUSTED.
 */
typedef bool ledger_refusal_fn(void *user, const char *payment_id, const char *reason);

/* What has come of the import `id` so far, and its first refusals in their order. */
enum sure_code ledger_find_import(sqlite3 *database, const char *id,
                                  struct ledger_import *out_import, ledger_refusal_fn *fn,
                                  void *user, struct ledger_reason *why);

#endif
