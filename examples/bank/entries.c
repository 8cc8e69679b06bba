#include "entries.h"

#include <stdio.h>
#include <string.h>

Bank__V1__Entry__Kind entry_kind(const char *name) {
  static const struct {
    const char *name;
    Bank__V1__Entry__Kind kind;
  } kinds[] = {{"opening", BANK__V1__ENTRY__KIND__OPENING},
               {"charge", BANK__V1__ENTRY__KIND__CHARGE},
               {"transfer", BANK__V1__ENTRY__KIND__TRANSFER},
               {"refund", BANK__V1__ENTRY__KIND__REFUND}};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (strcmp(kinds[i].name, name) == 0) {
      return kinds[i].kind;
    }
  }
  return BANK__V1__ENTRY__KIND__KIND_UNSPECIFIED;
}

void entry_copy(struct entry *copy, const struct ledger_entry *entry) {
  copy->booking = entry->booking;
  copy->kind = entry_kind(entry->kind);
  snprintf(copy->payment_id, sizeof copy->payment_id, "%s", entry->payment_id);
  snprintf(copy->counterparty, sizeof copy->counterparty, "%s", entry->counterparty);
  copy->minor_units = entry->minor_units;
  snprintf(copy->currency, sizeof copy->currency, "%s", entry->currency);
  copy->booked_at = entry->booked_at;
  copy->stamp = entry->stamp;
}

void entry_message(struct entry *entry, Bank__V1__Entry *message, Bank__V1__Money *amount) {
  bank__v1__money__init(amount);
  amount->minor_units = entry->minor_units;
  amount->currency = entry->currency;
  bank__v1__entry__init(message);
  message->booking = entry->booking;
  message->kind = entry->kind;
  message->payment_id = entry->payment_id;
  message->counterparty = entry->counterparty;
  message->amount = amount;
  message->booked_at = entry->booked_at;
  message->stamp = entry->stamp;
}
