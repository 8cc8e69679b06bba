/* The Bank service: requests in, the ledger asked, replies out. */
#ifndef BANK_HANDLERS_H
#define BANK_HANDLERS_H

#include <sure/server.h>

struct bank_watch;

/* Offer bank.v1.Bank on `server`, whose store must be SQLite with the tables of ledger_schema.
 * `watch` is of the same ledger, or NULL: then accounts can't be watched. It is borrowed until
 * sure_server_free. Fails as sure_server_register does. */
enum sure_code bank_register(struct sure_server *server, struct bank_watch *watch);

#endif
