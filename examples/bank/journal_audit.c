/* The journal goes into a temporary table, which SQLite allows beside a database that is open to
 * read only, and the questions are then joins. */
#include "journal_audit.h"

#include "journal.h"
#include "ledger_checks.h"
#include "statements.h"

static const char charges_sql[] = "SELECT count(DISTINCT intent) FROM journal";

static const char applied_sql[] =
    "SELECT count(DISTINCT intent) FROM journal JOIN transfers USING (payment_id)"
    "  WHERE kind = 'charge'";

static const char lost_sql[] =
    "SELECT count(*) FROM journal WHERE outcome = 'applied' AND NOT EXISTS"
    "  (SELECT 1 FROM transfers WHERE payment_id = journal.payment_id AND kind = 'charge'"
    "     AND transfers.amount = journal.amount)";

static const char doubled_sql[] =
    "SELECT count(*) FROM"
    "  (SELECT 1 FROM (SELECT DISTINCT intent, payment_id FROM journal)"
    "     JOIN transfers USING (payment_id)"
    "     WHERE kind = 'charge' GROUP BY intent HAVING count(*) > 1)";

static const char phantom_sql[] =
    "SELECT count(*) FROM journal WHERE outcome = 'not-applied' AND EXISTS"
    "  (SELECT 1 FROM transfers WHERE payment_id = journal.payment_id AND kind = 'charge')";

static const char unclaimed_sql[] =
    "SELECT count(*) FROM transfers WHERE kind = 'charge'"
    "  AND NOT EXISTS (SELECT 1 FROM journal WHERE payment_id = transfers.payment_id)";

static const char unknown_sql[] =
    "SELECT count(*) FROM (SELECT 1 FROM journal GROUP BY intent"
    "  HAVING sum(outcome = 'unknown') > 0 AND sum(outcome = 'applied') = 0)";

static enum sure_code execute(sqlite3 *database, const char *sql, struct ledger_reason *why) {
  if (sqlite3_exec(database, sql, NULL, NULL, NULL) != SQLITE_OK) {
    return ledger_broken(database, why);
  }
  return SURE_OK;
}

static enum sure_code insert_line(sqlite3 *database, const struct journal_line *line,
                                  struct ledger_reason *why) {
  sqlite3_stmt *statement = statement_get(database, "INSERT INTO journal VALUES (?1, ?2, ?3, ?4)");
  if (!statement || sqlite3_bind_int64(statement, 1, (int64_t)line->intent) ||
      statement_bind_text(statement, 2, line->payment_id) ||
      statement_bind_text(statement, 3, line->outcome) ||
      sqlite3_bind_int64(statement, 4, line->minor_units)) {
    return ledger_broken(database, why);
  }
  sqlite3_step(statement);
  return statement_done(statement) == SQLITE_OK ? SURE_OK : ledger_broken(database, why);
}

static enum sure_code load(sqlite3 *database, FILE *journal, struct ledger_reason *why) {
  enum sure_code code =
      execute(database,
              "CREATE TEMP TABLE journal (intent INTEGER, payment_id TEXT, outcome TEXT,"
              " amount INTEGER) STRICT;"
              "CREATE INDEX temp.journal_by_payment ON journal (payment_id);",
              why);
  struct journal_line line;
  enum journal_read read = JOURNAL_LINE;
  int64_t number = 0;
  while (!code && (number++, read = journal_read(journal, &line)) == JOURNAL_LINE) {
    code = insert_line(database, &line, why);
  }
  if (!code && read == JOURNAL_MALFORMED) {
    return ledger_refuse(why, SURE_INVALID_ARGUMENT, "line %lld of the journal makes no sense",
                         (long long)number);
  }
  return code;
}

bool journal_audit_is_clean(const struct journal_audit *audit) {
  return ledger_audit_is_clean(&audit->ledger) && audit->charges == audit->applied &&
         audit->lost == 0 && audit->doubled == 0 && audit->phantom == 0 && audit->unclaimed == 0 &&
         audit->unknown == 0;
}

static enum sure_code compare(sqlite3 *database, struct journal_audit *audit,
                              struct ledger_reason *why) {
  const struct {
    const char *sql;
    int64_t *count;
  } questions[] = {
      {charges_sql, &audit->charges}, {applied_sql, &audit->applied},
      {lost_sql, &audit->lost},       {doubled_sql, &audit->doubled},
      {phantom_sql, &audit->phantom}, {unclaimed_sql, &audit->unclaimed},
      {unknown_sql, &audit->unknown},
  };
  enum sure_code code = ledger_audit(database, &audit->ledger, why);
  for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
    code = ledger_count(code, database, questions[i].sql, questions[i].count, why);
  }
  return code;
}

enum sure_code journal_audit(sqlite3 *database, FILE *journal, struct journal_audit *out_audit,
                             struct ledger_reason *why) {
  struct journal_audit audit = {0};
  enum sure_code code = execute(database, "BEGIN", why);
  if (code) {
    return code;
  }
  code = load(database, journal, why);
  if (!code) {
    code = compare(database, &audit, why);
  }
  /* Also takes away the temporary table. */
  sqlite3_exec(database, "ROLLBACK", NULL, NULL, NULL);
  if (!code) {
    *out_audit = audit;
  }
  return code;
}
