/* The tables of the ledger, and the constraints that make a broken one impossible to commit. */
#ifndef BANK_LEDGER_SCHEMA_H
#define BANK_LEDGER_SCHEMA_H

#include <sqlite3.h>
#include <stdbool.h>
#include <sure/status.h>

#define LEDGER_SCHEMA_VERSION 3

/* Make the tables if the file `is_new`, or bring them up to this version. Runs inside the caller's
 * transaction.
 *
 * SURE_FAILED_PRECONDITION: the file belongs to another program, or to a newer version of this one.
 * Other codes: SQLite failed. `*out_message` is then a static text. `user` is not used; it is here
 * so that this is a sure_sqlite_schema_fn. */
enum sure_code ledger_schema(void *user, sqlite3 *database, bool is_new, const char **out_message);

#endif
