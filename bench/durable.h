/* What the parts of sure-bench-durable share: charges into SQLite, through Sure and without it. */
#ifndef SURE_BENCH_DURABLE_H
#define SURE_BENCH_DURABLE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

struct durable_result {
  double charges_per_s;
  double batch_len; /* charges a transaction */
};

/* Makes the accounts that are charged, 0 to DURABLE_ACCOUNTS - 1. False: SQLite failed. */
enum { DURABLE_ACCOUNTS = 64 };
bool durable_make_accounts(sqlite3 *database);
/* What both charge with: account ?1, amount ?2; gives the balance. */
extern const char durable_charge_sql[];

/* Serves on a new database, writes its URL to `fd`, and after SIGTERM how many charges and batches
 * there were, as two uint64_t. Returns the exit status. */
int durable_serve(const char *database, int fd);
/* Keeps `outstanding` charges open; returns how many were done in `seconds`, 0 when any failed. */
uint64_t durable_charge(const char *url, unsigned outstanding, double seconds);
/* The same statements by themselves, on a new database: those of the charge, and those that keep
 * its record, read and write its session and mark the transaction. 0 when SQLite failed. */
double durable_floor(const char *database, unsigned batch_len, double seconds);

double durable_now(void);

#endif
