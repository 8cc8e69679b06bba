/* What customers of the bank of the examples were told by it, and whether that can be. */
#ifndef SURE_TESTS_SIM_BANK_TOLD_H
#define SURE_TESTS_SIM_BANK_TOLD_H

#include <sure/store.h>

#include "rpc/core/client.h"
#include "tests/sim/bank_order.h"

extern struct history bank_history;

/* A call for the payment has ended, or a settle. True: how the payment ended is known by now. */
bool bank_told_end(struct payment *payment, const struct sure__end *end);
void bank_told_reading(const struct order *order, const struct sure__end *end);

/* Whether a call may have done it of which nobody was told the end. */
bool bank_told_nothing_certain(const struct payment *payment);

/* One order explains all answers, and `store` has what was told to be there. */
void bank_told_check_end(struct sure_store *store);

#endif
