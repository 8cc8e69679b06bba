/* The bank's table in a real SQLite store, for `sure-sim --sqlite`. Each simulated server opens the
 * file anew when it starts, and the model is compared with what the file holds in the end. */
#ifndef SURE_TESTS_SIM_LEDGER_H
#define SURE_TESTS_SIM_LEDGER_H

#include <sure/store.h>

/* A new, empty file for this run. */
void ledger_begin(void);
struct sure_store *ledger_open_store(void);
/* Tell the model what became of the batches of a server that died in them. */
void ledger_judge(void);
/* What a handler must not do: SQLite leaves the transaction. */
void ledger_leave(void *transaction);
/* In the transaction of a handler. */
bool ledger_insert(void *transaction, uint64_t deed);
uint64_t ledger_count_effects(void *transaction);
/* Every deed is in the file as often as the model says. */
void ledger_check(struct sure_store *store);
void ledger_end(void);

#endif
