/* Questions to the ledger. */
#include "ledger.h"

#include "ledger_checks.h"
#include "statements.h"

static void read_account(sqlite3_stmt *row, struct ledger_account *out_account) {
  statement_copy_text(row, 0, out_account->balance.currency, sizeof out_account->balance.currency);
  out_account->balance.minor_units = sqlite3_column_int64(row, 1);
  bool limited = sqlite3_column_type(row, 2) != SQLITE_NULL;
  out_account->overdraft_limit = limited ? sqlite3_column_int64(row, 2) : MONEY_MINOR_UNITS_MAX;
}

enum sure_code ledger_find_account(sqlite3 *database, const char *account,
                                   struct ledger_account *out_account, struct ledger_reason *why) {
  sqlite3_stmt *statement = statement_get(
      database, "SELECT currency, balance, overdraft_limit FROM accounts WHERE id = ?1");
  if (!statement || statement_bind_text(statement, 1, account)) {
    return ledger_broken(database, why);
  }
  bool found = sqlite3_step(statement) == SQLITE_ROW;
  if (found) {
    read_account(statement, out_account);
  }
  if (statement_done(statement) != SQLITE_OK) {
    return ledger_broken(database, why);
  }
  if (!found) {
    return ledger_refuse(why, SURE_NOT_FOUND, "there is no account %s", account);
  }
  return SURE_OK;
}

static struct ledger_entry read_entry(sqlite3_stmt *row) {
  return (struct ledger_entry){.booking = sqlite3_column_int64(row, 0),
                               .kind = (const char *)sqlite3_column_text(row, 1),
                               .payment_id = (const char *)sqlite3_column_text(row, 2),
                               .counterparty = (const char *)sqlite3_column_text(row, 3),
                               .minor_units = sqlite3_column_int64(row, 4),
                               .currency = (const char *)sqlite3_column_text(row, 5),
                               .booked_at = sqlite3_column_int64(row, 6),
                               .stamp = (uint64_t)sqlite3_column_int64(row, 7)};
}

enum sure_code ledger_list_entries(sqlite3 *database, const char *account, int64_t after,
                                   int count_max, ledger_entry_fn *fn, void *user,
                                   struct ledger_reason *why) {
  struct ledger_account found;
  enum sure_code code = ledger_find_account(database, account, &found, why);
  if (code) {
    return code;
  }
  sqlite3_stmt *statement = statement_get(
      database, "SELECT transfer, kind, payment_id, counterparty, amount, currency, booked_at,"
                " stamp"
                " FROM entries WHERE account = ?1 AND transfer > ?2 ORDER BY transfer LIMIT ?3");
  if (!statement || statement_bind_text(statement, 1, account) ||
      sqlite3_bind_int64(statement, 2, after) || sqlite3_bind_int(statement, 3, count_max)) {
    return ledger_broken(database, why);
  }
  bool taken = true;
  while (taken && sqlite3_step(statement) == SQLITE_ROW) {
    struct ledger_entry entry = read_entry(statement);
    taken = fn(user, &entry);
  }
  if (statement_done(statement) != SQLITE_OK) {
    return ledger_broken(database, why);
  }
  if (!taken) {
    return ledger_refuse(why, SURE_RESOURCE_EXHAUSTED, "memory is short");
  }
  return SURE_OK;
}

int64_t ledger_last_booking(sqlite3 *database) {
  sqlite3_stmt *statement =
      statement_get(database, "SELECT coalesce(max(number), 0) FROM transfers");
  int64_t last = -1;
  if (statement && sqlite3_step(statement) == SQLITE_ROW) {
    last = sqlite3_column_int64(statement, 0);
  }
  statement_done(statement);
  return last;
}

enum sure_code ledger_list_bookings(sqlite3 *database, int64_t after, ledger_booking_fn *fn,
                                    void *user, struct ledger_reason *why) {
  sqlite3_stmt *statement = statement_get(
      database,
      "SELECT number, from_account, to_account FROM transfers WHERE number > ?1 ORDER BY number");
  if (!statement || sqlite3_bind_int64(statement, 1, after)) {
    return ledger_broken(database, why);
  }
  while (sqlite3_step(statement) == SQLITE_ROW) {
    fn(user, sqlite3_column_int64(statement, 0), (const char *)sqlite3_column_text(statement, 1),
       (const char *)sqlite3_column_text(statement, 2));
  }
  return statement_done(statement) == SQLITE_OK ? SURE_OK : ledger_broken(database, why);
}
