/* Changes of the ledger. Each is checked in words first and by the constraints of the schema last.
 */
#include "ledger.h"

#include "ledger_checks.h"
#include "statements.h"

#include <stdio.h>
#include <string.h>

/* The bank's own account of a currency: "world:EUR", "clearing:EUR". */
struct own_account {
  char name[16];
};

static struct own_account own_account(const char *role, const char *currency) {
  struct own_account account;
  snprintf(account.name, sizeof account.name, "%s:%.3s", role, currency);
  return account;
}

/* Run a statement that returns no rows. `failed` is what the binding of its parameters said. */
static enum sure_code run(sqlite3 *database, sqlite3_stmt *statement, int failed,
                          struct ledger_reason *why) {
  if (statement && !failed) {
    sqlite3_step(statement);
  }
  if (!statement || failed || statement_done(statement) != SQLITE_OK) {
    return ledger_broken(database, why);
  }
  return SURE_OK;
}

struct posting {
  const char *kind;
  const char *payment_id;
  const char *from;
  const char *to;
  const char *customer; /* `from` or `to`: whose receipt it is */
  struct money amount;
  int64_t refunds; /* 0: no refund */
  uint64_t stamp;
};

static enum sure_code check_currency(const char *name, const struct ledger_account *account,
                                     const struct money *amount, struct ledger_reason *why) {
  if (strcmp(account->balance.currency, amount->currency) == 0) {
    return SURE_OK;
  }
  return ledger_refuse(why, SURE_FAILED_PRECONDITION, "the account %s is in %s, not in %s", name,
                       account->balance.currency, amount->currency);
}

/* May the account give the amount? `*out_left` is its balance then. */
static enum sure_code check_giver(const struct posting *posting,
                                  const struct ledger_account *account, int64_t *out_left,
                                  struct ledger_reason *why) {
  if (money_add(account->balance.minor_units, -posting->amount.minor_units, out_left) &&
      *out_left >= -account->overdraft_limit) {
    return SURE_OK;
  }
  char balance[MONEY_TEXT_LEN], amount[MONEY_TEXT_LEN];
  return ledger_refuse(
      why, SURE_FAILED_PRECONDITION, "the account %s holds %s, too little to give %s",
      posting->from, money_format(account->balance.minor_units, account->balance.currency, balance),
      money_format(posting->amount.minor_units, posting->amount.currency, amount));
}

static enum sure_code check_receiver(const struct posting *posting,
                                     const struct ledger_account *account, int64_t *out_held,
                                     struct ledger_reason *why) {
  if (money_add(account->balance.minor_units, posting->amount.minor_units, out_held)) {
    return SURE_OK;
  }
  return ledger_refuse(why, SURE_FAILED_PRECONDITION, "the account %s can't hold as much as that",
                       posting->to);
}

static enum sure_code insert_transfer(sqlite3 *database, const struct posting *posting,
                                      struct ledger_reason *why) {
  sqlite3_stmt *statement = statement_get(
      database, "INSERT INTO transfers (kind, payment_id, from_account, to_account, amount,"
                " currency, refunds, stamp) VALUES (?1, ?2, ?3, ?4, ?5, ?6, nullif(?7, 0), ?8)");
  if (!statement) {
    return ledger_broken(database, why);
  }
  int failed = statement_bind_text(statement, 1, posting->kind) |
               statement_bind_text(statement, 2, posting->payment_id) |
               statement_bind_text(statement, 3, posting->from) |
               statement_bind_text(statement, 4, posting->to) |
               sqlite3_bind_int64(statement, 5, posting->amount.minor_units) |
               statement_bind_text(statement, 6, posting->amount.currency) |
               sqlite3_bind_int64(statement, 7, posting->refunds) |
               sqlite3_bind_int64(statement, 8, (int64_t)posting->stamp);
  return run(database, statement, failed, why);
}

/* Book a transfer whose names and amount are well-formed. The giver comes first: if there is an
 * account in the currency, the bank's own accounts of it exist too. */
static enum sure_code book(sqlite3 *database, const struct posting *posting,
                           struct ledger_receipt *out_receipt, struct ledger_reason *why) {
  struct ledger_account from, to;
  int64_t left = 0, held = 0;
  enum sure_code code = ledger_find_account(database, posting->from, &from, why);
  if (!code) {
    code = check_currency(posting->from, &from, &posting->amount, why);
  }
  if (!code) {
    code = ledger_find_account(database, posting->to, &to, why);
  }
  if (!code) {
    code = check_currency(posting->to, &to, &posting->amount, why);
  }
  if (!code) {
    code = check_giver(posting, &from, &left, why);
  }
  if (!code) {
    code = check_receiver(posting, &to, &held, why);
  }
  if (!code) {
    code = insert_transfer(database, posting, why);
  }
  if (code) {
    return code;
  }

  out_receipt->booking = sqlite3_last_insert_rowid(database);
  snprintf(out_receipt->account, sizeof out_receipt->account, "%s", posting->customer);
  out_receipt->balance = posting->amount;
  out_receipt->balance.minor_units = posting->customer == posting->from ? left : held;
  return SURE_OK;
}

/* Insert an account if it is not there yet. */
static enum sure_code insert_account(sqlite3 *database, const char *name, const char *currency,
                                     const int64_t *overdraft_limit, struct ledger_reason *why) {
  sqlite3_stmt *statement =
      statement_get(database, "INSERT INTO accounts (id, currency, overdraft_limit)"
                              " SELECT ?1, ?2, ?3"
                              " WHERE NOT EXISTS (SELECT 1 FROM accounts WHERE id = ?1)");
  if (!statement) {
    return ledger_broken(database, why);
  }
  int failed =
      statement_bind_text(statement, 1, name) | statement_bind_text(statement, 2, currency);
  if (overdraft_limit) {
    failed |= sqlite3_bind_int64(statement, 3, *overdraft_limit);
  }
  return run(database, statement, failed, why);
}

static enum sure_code check_opening(const struct ledger_opening *opening,
                                    struct ledger_reason *why) {
  enum sure_code code = ledger_check_name(opening->payment_id, "the payment id", why);
  if (!code) {
    code = ledger_check_name(opening->account, "the account's name", why);
  }
  if (!code) {
    code = ledger_check_amount(&opening->deposit, 0, why);
  }
  if (!code && (opening->overdraft_limit < 0 || opening->overdraft_limit > MONEY_MINOR_UNITS_MAX)) {
    code = ledger_refuse(why, SURE_INVALID_ARGUMENT,
                         "the overdraft limit must be 0 or more, and countable");
  }
  return code;
}

/* The customer's account, and the bank's own two of its currency if this is the first one. */
static enum sure_code insert_accounts(sqlite3 *database, const struct ledger_opening *opening,
                                      struct ledger_reason *why) {
  const char *currency = opening->deposit.currency;
  const int64_t none = 0;
  enum sure_code code =
      insert_account(database, opening->account, currency, &opening->overdraft_limit, why);
  if (!code && sqlite3_changes(database) == 0) {
    return ledger_refuse(why, SURE_ALREADY_EXISTS, "the account %s exists already",
                         opening->account);
  }
  if (!code) {
    code = insert_account(database, own_account("world", currency).name, currency, NULL, why);
  }
  if (!code) {
    code = insert_account(database, own_account("clearing", currency).name, currency, &none, why);
  }
  return code;
}

enum sure_code ledger_open_account(sqlite3 *database, const struct ledger_opening *opening,
                                   struct ledger_receipt *out_receipt, struct ledger_reason *why) {
  enum sure_code code = check_opening(opening, why);
  if (!code) {
    code = insert_accounts(database, opening, why);
  }
  if (code) {
    return code;
  }
  if (opening->deposit.minor_units == 0) {
    *out_receipt = (struct ledger_receipt){.balance = opening->deposit};
    snprintf(out_receipt->account, sizeof out_receipt->account, "%s", opening->account);
    return SURE_OK;
  }
  struct own_account world = own_account("world", opening->deposit.currency);
  struct posting posting = {.kind = "opening",
                            .payment_id = opening->payment_id,
                            .from = world.name,
                            .to = opening->account,
                            .customer = opening->account,
                            .amount = opening->deposit,
                            .stamp = opening->stamp};
  return book(database, &posting, out_receipt, why);
}

static enum sure_code check_payment(const struct ledger_payment *payment,
                                    struct ledger_reason *why) {
  enum sure_code code = ledger_check_name(payment->payment_id, "the payment id", why);
  if (!code) {
    code = ledger_check_name(payment->from, "the account's name", why);
  }
  if (!code) {
    code = ledger_check_amount(&payment->amount, 1, why);
  }
  return code;
}

enum sure_code ledger_charge(sqlite3 *database, const struct ledger_payment *payment,
                             struct ledger_receipt *out_receipt, struct ledger_reason *why) {
  enum sure_code code = check_payment(payment, why);
  if (code) {
    return code;
  }
  struct own_account clearing = own_account("clearing", payment->amount.currency);
  struct posting posting = {.kind = "charge",
                            .payment_id = payment->payment_id,
                            .from = payment->from,
                            .to = clearing.name,
                            .customer = payment->from,
                            .amount = payment->amount,
                            .stamp = payment->stamp};
  return book(database, &posting, out_receipt, why);
}

enum sure_code ledger_transfer(sqlite3 *database, const struct ledger_payment *payment,
                               struct ledger_receipt *out_receipt, struct ledger_reason *why) {
  enum sure_code code = check_payment(payment, why);
  if (!code) {
    code = ledger_check_name(payment->to, "the receiving account's name", why);
  }
  if (!code && strcmp(payment->from, payment->to) == 0) {
    code = ledger_refuse(why, SURE_INVALID_ARGUMENT, "a transfer needs two accounts");
  }
  if (code) {
    return code;
  }
  struct posting posting = {.kind = "transfer",
                            .payment_id = payment->payment_id,
                            .from = payment->from,
                            .to = payment->to,
                            .customer = payment->from,
                            .amount = payment->amount,
                            .stamp = payment->stamp};
  return book(database, &posting, out_receipt, why);
}

/* A charge that may be given back. */
struct charge {
  int64_t booking;
  char account[NAME_LEN_MAX + 1];
  struct money left; /* of it, after the refunds so far */
};

static void read_charge(sqlite3_stmt *row, struct charge *out_charge) {
  out_charge->booking = sqlite3_column_int64(row, 0);
  statement_copy_text(row, 1, out_charge->account, sizeof out_charge->account);
  out_charge->left.minor_units = sqlite3_column_int64(row, 2);
  statement_copy_text(row, 3, out_charge->left.currency, sizeof out_charge->left.currency);
}

static enum sure_code find_charge(sqlite3 *database, const char *payment_id,
                                  struct charge *out_charge, struct ledger_reason *why) {
  sqlite3_stmt *statement = statement_get(
      database, "SELECT number, from_account, amount - (SELECT coalesce(sum(amount), 0)"
                "   FROM transfers WHERE refunds = charge.number), currency"
                " FROM transfers charge WHERE payment_id = ?1 AND kind = 'charge'"
                " ORDER BY number LIMIT 1");
  if (!statement || statement_bind_text(statement, 1, payment_id)) {
    return ledger_broken(database, why);
  }
  bool found = sqlite3_step(statement) == SQLITE_ROW;
  if (found) {
    read_charge(statement, out_charge);
  }
  if (statement_done(statement) != SQLITE_OK) {
    return ledger_broken(database, why);
  }
  if (!found) {
    return ledger_refuse(why, SURE_NOT_FOUND, "there is no charge with payment id %s", payment_id);
  }
  return SURE_OK;
}

static enum sure_code check_left(const struct charge *charge, const struct money *amount,
                                 struct ledger_reason *why) {
  if (strcmp(charge->left.currency, amount->currency) != 0) {
    return ledger_refuse(why, SURE_FAILED_PRECONDITION, "the charge was in %s, not in %s",
                         charge->left.currency, amount->currency);
  }
  if (amount->minor_units <= charge->left.minor_units) {
    return SURE_OK;
  }
  char left[MONEY_TEXT_LEN];
  return ledger_refuse(why, SURE_FAILED_PRECONDITION,
                       "of that charge %s are left to give back, no more",
                       money_format(charge->left.minor_units, charge->left.currency, left));
}

enum sure_code ledger_refund(sqlite3 *database, const struct ledger_refund *refund,
                             struct ledger_receipt *out_receipt, struct ledger_reason *why) {
  struct charge charge = {0};
  enum sure_code code = ledger_check_name(refund->payment_id, "the payment id", why);
  if (!code) {
    code = ledger_check_name(refund->charge_payment_id, "the charge's payment id", why);
  }
  if (!code) {
    code = ledger_check_amount(&refund->amount, 1, why);
  }
  if (!code) {
    code = find_charge(database, refund->charge_payment_id, &charge, why);
  }
  if (!code) {
    code = check_left(&charge, &refund->amount, why);
  }
  if (code) {
    return code;
  }
  struct own_account clearing = own_account("clearing", refund->amount.currency);
  struct posting posting = {.kind = "refund",
                            .payment_id = refund->payment_id,
                            .from = clearing.name,
                            .to = charge.account,
                            .customer = charge.account,
                            .amount = refund->amount,
                            .refunds = charge.booking,
                            .stamp = refund->stamp};
  return book(database, &posting, out_receipt, why);
}
