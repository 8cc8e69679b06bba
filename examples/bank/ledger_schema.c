/* The ledger is double entry without a second entry to forget: one row of `transfers` names the
 * account that gives and the one that receives, so a booking that does not sum to zero can't be
 * written down. `entries` is a view that shows each row from both sides.
 *
 * What the rest of the schema makes sure of:
 * - bookings are never changed, removed or replaced;
 * - a balance moves only by a booking of that account, and by each one once, because the account
 *   remembers the last booking it has seen and only ever goes to a later one;
 * - no account passes its overdraft limit, no number leaves the range that can be counted;
 * - both accounts of a booking have its currency;
 * - a charge is never given back more than once in full.
 *
 * Deliberately missing: a UNIQUE payment id. That a payment is booked once is Sure's promise. A
 * constraint here would hide it when the promise is broken, and the audit could find nothing. */
#include "ledger_schema.h"

#include "money.h"

#define STRING(text)   #text
#define EXPAND(number) STRING(number)
/* The same as MONEY_MINOR_UNITS_MAX, as SQL. */
#define COUNT_MAX     9000000000000000000
#define VERSION_SQL   EXPAND(LEDGER_SCHEMA_VERSION)
#define COUNT_MAX_SQL EXPAND(COUNT_MAX)

_Static_assert(COUNT_MAX == MONEY_MINOR_UNITS_MAX, "the schema and money.h agree on the limit");

static const char accounts_sql[] =
    "CREATE TABLE ledger_version (version INTEGER NOT NULL) STRICT;"
    "INSERT INTO ledger_version VALUES (" VERSION_SQL ");"

    "CREATE TABLE accounts ("
    "  id TEXT PRIMARY KEY NOT NULL,"
    "  currency TEXT NOT NULL"
    "    CONSTRAINT currency_is_three_capitals CHECK (currency GLOB '[A-Z][A-Z][A-Z]'),"
    /* NULL is no limit: only the rest of the world has that. */
    "  overdraft_limit INTEGER"
    "    CONSTRAINT overdraft_limit_is_countable"
    "      CHECK (overdraft_limit BETWEEN 0 AND " COUNT_MAX_SQL ")"
    "    CONSTRAINT overdraft_limit_is_given"
    "      CHECK (overdraft_limit IS NOT NULL OR id = 'world:' || currency),"
    "  balance INTEGER NOT NULL DEFAULT 0"
    "    CONSTRAINT balance_is_countable"
    "      CHECK (balance BETWEEN -" COUNT_MAX_SQL " AND " COUNT_MAX_SQL ")"
    "    CONSTRAINT balance_is_within_overdraft CHECK (balance >= -overdraft_limit),"
    "  last_transfer INTEGER NOT NULL DEFAULT 0"
    ") STRICT, WITHOUT ROWID;";

static const char transfers_sql[] =
    "CREATE TABLE transfers ("
    "  number INTEGER PRIMARY KEY,"
    "  kind TEXT NOT NULL,"
    "  payment_id TEXT NOT NULL CONSTRAINT payment_has_an_id CHECK (payment_id <> ''),"
    "  from_account TEXT NOT NULL,"
    "  to_account TEXT NOT NULL"
    "    CONSTRAINT accounts_are_two CHECK (to_account <> from_account),"
    "  amount INTEGER NOT NULL"
    "    CONSTRAINT amount_is_positive CHECK (amount BETWEEN 1 AND " COUNT_MAX_SQL "),"
    "  currency TEXT NOT NULL,"
    /* The number of the charge that a refund gives back. */
    "  refunds INTEGER"
    "    CONSTRAINT only_refunds_refund CHECK ((kind = 'refund') = (refunds IS NOT NULL)),"
    "  booked_at INTEGER NOT NULL DEFAULT (unixepoch()),"
    "  CONSTRAINT kind_names_its_side CHECK ("
    "    CASE kind"
    "      WHEN 'opening' THEN from_account = 'world:' || currency"
    "      WHEN 'charge' THEN to_account = 'clearing:' || currency"
    "      WHEN 'transfer' THEN 1"
    "      WHEN 'refund' THEN from_account = 'clearing:' || currency"
    "      ELSE 0"
    "    END)"
    ") STRICT;"
    "CREATE INDEX transfers_by_payment ON transfers (payment_id);"
    "CREATE INDEX transfers_by_giver ON transfers (from_account);"
    "CREATE INDEX transfers_by_receiver ON transfers (to_account);"
    "CREATE INDEX transfers_by_refunded ON transfers (refunds) WHERE refunds IS NOT NULL;";

/* What the second version has brought: stamps of the hybrid logical clock. Sure promises that they
 * grow; here nobody has to believe it. 0 is none, as in bookings of the first version. */
static const char stamps_sql[] =
    "ALTER TABLE transfers ADD COLUMN stamp INTEGER NOT NULL DEFAULT 0"
    "  CONSTRAINT stamp_is_no_less_than_none CHECK (stamp >= 0);"

    "CREATE TRIGGER stamps_grow BEFORE INSERT ON transfers"
    "  WHEN NEW.stamp <> 0"
    "    AND NEW.stamp <= (SELECT stamp FROM transfers ORDER BY number DESC LIMIT 1)"
    "  BEGIN SELECT RAISE(ABORT, 'the clock went back'); END;"

    "DROP VIEW IF EXISTS entries;"
    "CREATE VIEW entries (transfer, account, counterparty, amount, currency, kind, payment_id,"
    "                     booked_at, stamp) AS"
    "  SELECT number, from_account, to_account, -amount, currency, kind, payment_id, booked_at,"
    "         stamp FROM transfers"
    "  UNION ALL"
    "  SELECT number, to_account, from_account, amount, currency, kind, payment_id, booked_at,"
    "         stamp FROM transfers;";

/* And the third: imports, which are committed batch by batch, and what was refused in them. */
static const char imports_sql[] =
    "CREATE TABLE imports ("
    "  id TEXT PRIMARY KEY NOT NULL,"
    "  booked INTEGER NOT NULL DEFAULT 0 CONSTRAINT booked_counts CHECK (booked >= 0),"
    "  refused INTEGER NOT NULL DEFAULT 0 CONSTRAINT refused_counts CHECK (refused >= 0)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE refusals ("
    "  number INTEGER PRIMARY KEY,"
    "  import TEXT NOT NULL REFERENCES imports (id),"
    "  payment_id TEXT NOT NULL,"
    "  reason TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX refusals_by_import ON refusals (import);";

/* INSERT OR REPLACE removes rows without running DELETE triggers, hence the EXISTS below. */
static const char account_triggers_sql[] =
    "CREATE TRIGGER accounts_begin_empty BEFORE INSERT ON accounts"
    "  WHEN NEW.balance <> 0 OR NEW.last_transfer <> 0"
    "    OR EXISTS (SELECT 1 FROM accounts WHERE id = NEW.id)"
    "  BEGIN SELECT RAISE(ABORT, 'an account begins empty, and once'); END;"

    "CREATE TRIGGER accounts_change_by_transfers BEFORE UPDATE ON accounts"
    "  WHEN NEW.id IS NOT OLD.id OR NEW.currency IS NOT OLD.currency"
    "    OR NEW.overdraft_limit IS NOT OLD.overdraft_limit"
    "    OR NEW.last_transfer <= OLD.last_transfer"
    "    OR NEW.balance IS NOT OLD.balance +"
    "      (SELECT CASE NEW.id WHEN from_account THEN -amount WHEN to_account THEN amount END"
    "         FROM transfers WHERE number = NEW.last_transfer)"
    "  BEGIN SELECT RAISE(ABORT, 'an account changes by transfers only'); END;"

    "CREATE TRIGGER accounts_stay BEFORE DELETE ON accounts"
    "  BEGIN SELECT RAISE(ABORT, 'accounts are never removed'); END;";

static const char transfer_triggers_sql[] =
    "CREATE TRIGGER transfers_are_new BEFORE INSERT ON transfers"
    "  WHEN EXISTS (SELECT 1 FROM transfers WHERE number = NEW.number)"
    "  BEGIN SELECT RAISE(ABORT, 'transfers are never replaced'); END;"

    "CREATE TRIGGER transfers_join_accounts BEFORE INSERT ON transfers"
    "  WHEN NOT EXISTS"
    "      (SELECT 1 FROM accounts WHERE id = NEW.from_account AND currency = NEW.currency)"
    "    OR NOT EXISTS"
    "      (SELECT 1 FROM accounts WHERE id = NEW.to_account AND currency = NEW.currency)"
    "  BEGIN SELECT RAISE(ABORT, 'both accounts must exist in the currency of the transfer'); END;"

    "CREATE TRIGGER refunds_stay_within_the_charge BEFORE INSERT ON transfers"
    "  WHEN NEW.kind = 'refund' AND NOT EXISTS"
    "    (SELECT 1 FROM transfers charge"
    "      WHERE charge.number = NEW.refunds AND charge.kind = 'charge'"
    "        AND charge.from_account = NEW.to_account AND charge.to_account = NEW.from_account"
    "        AND charge.amount - NEW.amount >="
    "          (SELECT coalesce(sum(amount), 0) FROM transfers WHERE refunds = NEW.refunds))"
    "  BEGIN SELECT RAISE(ABORT, 'refunds stay within the charge they give back'); END;"

    "CREATE TRIGGER transfers_move_balances AFTER INSERT ON transfers BEGIN"
    "  UPDATE accounts SET balance = balance - NEW.amount, last_transfer = NEW.number"
    "    WHERE id = NEW.from_account;"
    "  UPDATE accounts SET balance = balance + NEW.amount, last_transfer = NEW.number"
    "    WHERE id = NEW.to_account;"
    "END;"

    "CREATE TRIGGER transfers_never_change BEFORE UPDATE ON transfers"
    "  BEGIN SELECT RAISE(ABORT, 'transfers are never changed'); END;"

    "CREATE TRIGGER transfers_stay BEFORE DELETE ON transfers"
    "  BEGIN SELECT RAISE(ABORT, 'transfers are never removed'); END;";

static enum sure_code create(sqlite3 *database, const char **out_message) {
  const char *parts[] = {accounts_sql,          transfers_sql, account_triggers_sql,
                         transfer_triggers_sql, stamps_sql,    imports_sql};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    if (sqlite3_exec(database, parts[i], NULL, NULL, NULL) != SQLITE_OK) {
      *out_message = "the ledger's tables can't be made";
      return SURE_INTERNAL;
    }
  }
  return SURE_OK;
}

/* From the version `from`. */
static enum sure_code upgrade(sqlite3 *database, int64_t from, const char **out_message) {
  if ((from < 2 && sqlite3_exec(database, stamps_sql, NULL, NULL, NULL) != SQLITE_OK) ||
      sqlite3_exec(database, imports_sql, NULL, NULL, NULL) != SQLITE_OK ||
      sqlite3_exec(database, "UPDATE ledger_version SET version = " VERSION_SQL, NULL, NULL,
                   NULL) != SQLITE_OK) {
    *out_message = "the ledger can't be brought up to date";
    return SURE_INTERNAL;
  }
  return SURE_OK;
}

static enum sure_code check(sqlite3 *database, const char **out_message) {
  sqlite3_stmt *statement;
  if (sqlite3_prepare_v2(database, "SELECT version FROM ledger_version", -1, &statement, NULL) !=
      SQLITE_OK) {
    *out_message = "the file holds no ledger: it belongs to another program";
    return SURE_FAILED_PRECONDITION;
  }
  int64_t version = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
  sqlite3_finalize(statement);
  if (version == LEDGER_SCHEMA_VERSION) {
    return SURE_OK;
  }
  if (version == 1 || version == 2) {
    return upgrade(database, version, out_message);
  }
  *out_message = version > LEDGER_SCHEMA_VERSION
                     ? "the ledger was made by a newer version of this program"
                     : "the ledger's version can't be read";
  return SURE_FAILED_PRECONDITION;
}

enum sure_code ledger_schema(void *user, sqlite3 *database, bool is_new, const char **out_message) {
  (void)user;
  return is_new ? create(database, out_message) : check(database, out_message);
}
