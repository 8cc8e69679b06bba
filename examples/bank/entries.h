/* Entries of the ledger as messages. */
#ifndef BANK_ENTRIES_H
#define BANK_ENTRIES_H

#include "bank.sure.h"
#include "ledger.h"
#include "names.h"

/* A ledger_entry with texts of its own. */
struct entry {
  int64_t booking;
  Bank__V1__Entry__Kind kind;
  char payment_id[NAME_LEN_MAX + 1];
  char counterparty[NAME_LEN_MAX + 1];
  int64_t minor_units;
  char currency[MONEY_CURRENCY_LEN + 1];
  int64_t booked_at;
  uint64_t stamp;
};

Bank__V1__Entry__Kind entry_kind(const char *name);
void entry_copy(struct entry *copy, const struct ledger_entry *entry);
/* Both messages borrow from `entry`, and `message` from `amount`. */
void entry_message(struct entry *entry, Bank__V1__Entry *message, Bank__V1__Money *amount);

#endif
