#include "ledger_import.h"

#include "ledger_checks.h"
#include "statements.h"

#define STRING(text)   #text
#define EXPAND(number) STRING(number)

/* The ledger has said no to this payment; other codes say that the ledger has failed. */
static bool is_refusal(enum sure_code code) {
  return code == SURE_INVALID_ARGUMENT || code == SURE_NOT_FOUND ||
         code == SURE_FAILED_PRECONDITION;
}

static enum sure_code count(sqlite3 *database, const char *id, bool is_refused,
                            struct ledger_reason *why) {
  sqlite3_stmt *statement = statement_get(
      database, "INSERT INTO imports (id, booked, refused) VALUES (?1, 1 - ?2, ?2)"
                " ON CONFLICT (id) DO UPDATE SET booked = booked + 1 - ?2, refused = refused + ?2");
  if (!statement || statement_bind_text(statement, 1, id) ||
      sqlite3_bind_int(statement, 2, is_refused)) {
    return ledger_broken(database, why);
  }
  sqlite3_step(statement);
  return statement_done(statement) == SQLITE_OK ? SURE_OK : ledger_broken(database, why);
}

static enum sure_code note_refusal(sqlite3 *database, const char *id, const char *payment_id,
                                   const char *reason, struct ledger_reason *why) {
  sqlite3_stmt *statement = statement_get(
      database, "INSERT INTO refusals (import, payment_id, reason) VALUES (?1, ?2, ?3)");
  if (!statement || statement_bind_text(statement, 1, id) ||
      statement_bind_text(statement, 2, payment_id) || statement_bind_text(statement, 3, reason)) {
    return ledger_broken(database, why);
  }
  sqlite3_step(statement);
  return statement_done(statement) == SQLITE_OK ? SURE_OK : ledger_broken(database, why);
}

enum sure_code ledger_import(sqlite3 *database, const char *id,
                             const struct ledger_payment *payment, struct ledger_reason *why) {
  struct ledger_receipt receipt;
  struct ledger_reason refusal;
  enum sure_code code = *payment->to == '\0'
                            ? ledger_charge(database, payment, &receipt, &refusal)
                            : ledger_transfer(database, payment, &receipt, &refusal);
  if (code && !is_refusal(code)) {
    *why = refusal;
    return code;
  }
  enum sure_code counted = count(database, id, code != SURE_OK, why);
  if (code && !counted) {
    counted = note_refusal(database, id, payment->payment_id, refusal.text, why);
  }
  return counted;
}

static enum sure_code list_refusals(sqlite3 *database, const char *id, ledger_refusal_fn *fn,
                                    void *user, struct ledger_reason *why) {
  sqlite3_stmt *statement =
      statement_get(database, "SELECT payment_id, reason FROM refusals WHERE import = ?1"
                              " ORDER BY number LIMIT " EXPAND(LEDGER_REFUSALS_MAX));
  if (!statement || statement_bind_text(statement, 1, id)) {
    return ledger_broken(database, why);
  }
  bool takes = true;
  while (takes && sqlite3_step(statement) == SQLITE_ROW) {
    takes = fn(user, (const char *)sqlite3_column_text(statement, 0),
               (const char *)sqlite3_column_text(statement, 1));
  }
  if (statement_done(statement) != SQLITE_OK) {
    return ledger_broken(database, why);
  }
  return takes ? SURE_OK : ledger_refuse(why, SURE_RESOURCE_EXHAUSTED, "memory is short");
}

enum sure_code ledger_find_import(sqlite3 *database, const char *id,
                                  struct ledger_import *out_import, ledger_refusal_fn *fn,
                                  void *user, struct ledger_reason *why) {
  sqlite3_stmt *statement =
      statement_get(database, "SELECT booked, refused FROM imports WHERE id = ?1");
  if (!statement || statement_bind_text(statement, 1, id)) {
    return ledger_broken(database, why);
  }
  *out_import = (struct ledger_import){0};
  if (sqlite3_step(statement) == SQLITE_ROW) {
    out_import->booked = sqlite3_column_int64(statement, 0);
    out_import->refused = sqlite3_column_int64(statement, 1);
  }
  if (statement_done(statement) != SQLITE_OK) {
    return ledger_broken(database, why);
  }
  return list_refusals(database, id, fn, user, why);
}
