/* The books of the bank of the examples: what its file says, compared with what customers were
 * told. */
#ifndef SURE_TESTS_SIM_BANK_BOOKS_H
#define SURE_TESTS_SIM_BANK_BOOKS_H

#include <sure/store.h>

#include "tests/sim/history.h"

/* In any transaction: no money was made or lost. */
void bank_books_check_sum(void *transaction);
/* In the end: the audit is clean; each payment that has a receipt is there once, and as it says;
 * none that was said not to be applied is there; and nothing else is there. */
void bank_books_check(struct sure_store *store, const struct history *history);

#endif
