/* Sums are made of two halves, billions and the rest, because the sum of many amounts may not fit
 * into 64 bits though each of them does, and SQLite's sum() would then fail. */
#include "ledger_audit.h"

#include "ledger_checks.h"
#include "statements.h"

#define AMOUNTS  "sum(amount / 1000000000) AS billions, sum(amount % 1000000000) AS rest"
#define BALANCES "sum(balance / 1000000000) AS billions, sum(balance % 1000000000) AS rest"

static const char wrong_balances_sql[] =
    "SELECT count(*) FROM accounts LEFT JOIN"
    "  (SELECT account, " AMOUNTS " FROM entries GROUP BY account) ON account = id"
    "  WHERE (coalesce(rest, 0) - balance % 1000000000) % 1000000000 <> 0"
    "    OR coalesce(billions, 0) - balance / 1000000000"
    "      + (coalesce(rest, 0) - balance % 1000000000) / 1000000000 <> 0";

static const char overdrawn_sql[] =
    "SELECT count(*) FROM accounts WHERE balance < -overdraft_limit";

static const char unbalanced_currencies_sql[] =
    "SELECT count(*) FROM (SELECT " BALANCES " FROM accounts GROUP BY currency)"
    "  WHERE rest % 1000000000 <> 0 OR billions + rest / 1000000000 <> 0";

static const char doubled_payments_sql[] =
    "SELECT count(*) FROM (SELECT 1 FROM transfers GROUP BY payment_id HAVING count(*) > 1)";

static const char excess_refunds_sql[] =
    "SELECT count(*) FROM transfers JOIN"
    "  (SELECT refunds AS charge, " AMOUNTS " FROM transfers"
    "     WHERE refunds IS NOT NULL GROUP BY refunds) ON charge = number"
    "  WHERE billions + rest / 1000000000 > amount / 1000000000"
    "    OR (billions + rest / 1000000000 = amount / 1000000000"
    "        AND rest % 1000000000 > amount % 1000000000)";

enum sure_code ledger_count(enum sure_code code, sqlite3 *database, const char *sql,
                            int64_t *out_count, struct ledger_reason *why) {
  if (code) {
    return code;
  }
  sqlite3_stmt *statement = statement_get(database, sql);
  if (!statement) {
    return ledger_broken(database, why);
  }
  int64_t count = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
  if (statement_done(statement) != SQLITE_OK) {
    return ledger_broken(database, why);
  }
  *out_count = count;
  return SURE_OK;
}

bool ledger_audit_is_clean(const struct ledger_audit *audit) {
  return audit->wrong_balances == 0 && audit->overdrawn == 0 && audit->unbalanced_currencies == 0 &&
         audit->doubled_payments == 0 && audit->excess_refunds == 0;
}

enum sure_code ledger_audit(sqlite3 *database, struct ledger_audit *out_audit,
                            struct ledger_reason *why) {
  struct ledger_audit audit = {0};
  const struct {
    const char *sql;
    int64_t *count;
  } questions[] = {
      {"SELECT count(*) FROM accounts", &audit.accounts},
      {"SELECT count(*) FROM transfers", &audit.bookings},
      {wrong_balances_sql, &audit.wrong_balances},
      {overdrawn_sql, &audit.overdrawn},
      {unbalanced_currencies_sql, &audit.unbalanced_currencies},
      {doubled_payments_sql, &audit.doubled_payments},
      {excess_refunds_sql, &audit.excess_refunds},
  };
  enum sure_code code = SURE_OK;
  for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
    code = ledger_count(code, database, questions[i].sql, questions[i].count, why);
  }
  if (!code) {
    *out_audit = audit;
  }
  return code;
}
