/* Entries of the ledger as messages. */
#ifndef BANK_ENTRIES_H
#define BANK_ENTRIES_H

#include "bank.sure.h"
#include "ledger.h"
#include "names.h"

/* A message with all that it points to: it stays where it was filled in. */
struct entry {
  Bank__V1__Entry message;
  Bank__V1__Money amount;
  char currency[MONEY_CURRENCY_LEN + 1];
  char payment_id[NAME_LEN_MAX + 1];
  char counterparty[NAME_LEN_MAX + 1];
};

void entry_fill(struct entry *entry, const struct ledger_entry *from);

#endif
