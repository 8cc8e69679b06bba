#include "entries.h"

#include <stdio.h>
#include <string.h>

static Bank__V1__Entry__Kind kind_of(const char *name) {
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

void entry_fill(struct entry *entry, const struct ledger_entry *from) {
  Bank__V1__Entry *message = &entry->message;
  snprintf(entry->currency, sizeof entry->currency, "%s", from->currency);
  snprintf(entry->payment_id, sizeof entry->payment_id, "%s", from->payment_id);
  snprintf(entry->counterparty, sizeof entry->counterparty, "%s", from->counterparty);
  bank__v1__money__init(&entry->amount);
  entry->amount.minor_units = from->minor_units;
  entry->amount.currency = entry->currency;
  bank__v1__entry__init(message);
  message->booking = from->booking;
  message->kind = kind_of(from->kind);
  message->payment_id = entry->payment_id;
  message->counterparty = entry->counterparty;
  message->amount = &entry->amount;
  message->booked_at = from->booked_at;
  message->stamp = from->stamp;
}
