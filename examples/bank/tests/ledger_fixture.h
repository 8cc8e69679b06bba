/* A ledger in memory, with three accounts. Its close fails if a statement was left busy. */
#ifndef BANK_LEDGER_FIXTURE_H
#define BANK_LEDGER_FIXTURE_H

#include "ledger.h"

/* cmocka's set-up and tear-down; `*state` is the sqlite3 *. The accounts are alice (100.00 EUR),
 * bob (20.00 EUR, may be overdrawn by 50.00 EUR), and jiro (1000 JPY). */
int ledger_fixture_open(void **state);
int ledger_fixture_close(void **state);

/* Open an account; ends the test if it is refused. */
void fixture_open_account(sqlite3 *ledger, const char *account, int64_t minor_units,
                          const char *currency, int64_t overdraft_limit);

enum sure_code fixture_charge(sqlite3 *ledger, const char *payment_id, const char *account,
                              int64_t minor_units, const char *currency);
enum sure_code fixture_transfer(sqlite3 *ledger, const char *payment_id, const char *from,
                                const char *to, int64_t minor_units, const char *currency);
enum sure_code fixture_refund(sqlite3 *ledger, const char *payment_id,
                              const char *charge_payment_id, int64_t minor_units,
                              const char *currency);

/* The reason of the last of these that was refused. */
const char *fixture_reason(void);

int64_t fixture_balance(sqlite3 *ledger, const char *account);

/* The balances of all accounts are the sums of their entries, and add up to zero. */
void fixture_assert_whole(sqlite3 *ledger);

#endif
