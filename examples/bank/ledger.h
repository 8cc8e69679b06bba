/* The bank's rules: who may be charged, moved and refunded how much, and the booking of it.
 *
 * Every function works inside the transaction that the caller has open on `database`, and neither
 * begins nor ends one: with Sure that transaction also holds the call's completion record, so that
 * the booking and the answer become durable together. Nothing here looks for a payment id that was
 * used before; that it is not run twice is Sure's part.
 *
 * They return SURE_OK, or a code and in `why` a sentence for a person. INVALID_ARGUMENT: a name,
 * payment id, currency or amount is malformed. UNAVAILABLE, RESOURCE_EXHAUSTED, DATA_LOSS,
 * INTERNAL: the database failed. Others are said at each function. */
#ifndef BANK_LEDGER_H
#define BANK_LEDGER_H

#include "money.h"
#include "names.h"

#include <sqlite3.h>
#include <sure/status.h>

#define LEDGER_ENTRIES_MAX    1000
#define LEDGER_REASON_LEN_MAX 255

/* Why something was refused. */
struct ledger_reason {
  char text[LEDGER_REASON_LEN_MAX + 1];
};

struct ledger_receipt {
  int64_t booking; /* 0: nothing had to be booked */
  char account[NAME_LEN_MAX + 1];
  struct money balance;
};

struct ledger_opening {
  const char *payment_id;
  const char *account;
  struct money deposit; /* 0 or more */
  int64_t overdraft_limit;
  uint64_t stamp; /* of the hybrid logical clock; 0: none */
};

/* ALREADY_EXISTS: an account of this name. */
enum sure_code ledger_open_account(sqlite3 *database, const struct ledger_opening *opening,
                                   struct ledger_receipt *out_receipt, struct ledger_reason *why);

struct ledger_payment {
  const char *payment_id;
  const char *from;
  const char *to; /* ledger_transfer only */
  struct money amount;
  uint64_t stamp;
};

/* Take an amount for a merchant. NOT_FOUND: no such account. FAILED_PRECONDITION: another currency,
 * or overdrawn. */
enum sure_code ledger_charge(sqlite3 *database, const struct ledger_payment *payment,
                             struct ledger_receipt *out_receipt, struct ledger_reason *why);

/* Move an amount between two customers. Fails as ledger_charge does. */
enum sure_code ledger_transfer(sqlite3 *database, const struct ledger_payment *payment,
                               struct ledger_receipt *out_receipt, struct ledger_reason *why);

struct ledger_refund {
  const char *payment_id;
  const char *charge_payment_id;
  struct money amount;
  uint64_t stamp;
};

/* Give back a charge or a part of it. NOT_FOUND: no such charge. FAILED_PRECONDITION: more than is
 * left of the charge, or another currency. */
enum sure_code ledger_refund(sqlite3 *database, const struct ledger_refund *refund,
                             struct ledger_receipt *out_receipt, struct ledger_reason *why);

struct ledger_account {
  struct money balance;
  int64_t overdraft_limit; /* MONEY_MINOR_UNITS_MAX: none */
};

/* NOT_FOUND: no such account. The bank's own accounts ("clearing:EUR") can be asked for too. */
enum sure_code ledger_find_account(sqlite3 *database, const char *account,
                                   struct ledger_account *out_account, struct ledger_reason *why);

/* One booking from the side of one account. The texts are borrowed. */
struct ledger_entry {
  int64_t booking;
  const char *kind; /* "opening", "charge", "transfer" or "refund" */
  const char *payment_id;
  const char *counterparty;
  int64_t minor_units; /* negative: given */
  const char *currency;
  int64_t booked_at;
  uint64_t stamp;
};

/* Takes one entry; false ends the listing with SURE_RESOURCE_EXHAUSTED. */
typedef bool ledger_entry_fn(void *user, const struct ledger_entry *entry);

/* Hand `fn` the entries of an account with booking numbers above `after`, ascending, at most
 * `count_max` of them. NOT_FOUND: no such account. */
enum sure_code ledger_list_entries(sqlite3 *database, const char *account, int64_t after,
                                   int count_max, ledger_entry_fn *fn, void *user,
                                   struct ledger_reason *why);

/* The number of the last booking, 0 before the first; -1: the database failed. */
int64_t ledger_last_booking(sqlite3 *database);

/* Takes one booking with the two accounts that it changed. */
typedef void ledger_booking_fn(void *user, int64_t booking, const char *from, const char *to);

/* Hand `fn` all bookings with numbers above `after`, ascending. */
enum sure_code ledger_list_bookings(sqlite3 *database, int64_t after, ledger_booking_fn *fn,
                                    void *user, struct ledger_reason *why);

#endif
