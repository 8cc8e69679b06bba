/* Every handler works on the transaction that Sure has open for the call. If it returns a refusal,
 * Sure rolls back what it did and records the refusal, so nothing is undone here by hand. */
#include "handlers.h"

#include "bank.sure.h"
#include "entries.h"
#include "import.h"
#include "ledger.h"
#include "ledger_audit.h"
#include "requests.h"
#include "watch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sure/sqlite.h>

#define PAGE_SIZE_DEFAULT 50

static Bank__V1__Money *make_money(struct sure_call *call, int64_t minor_units,
                                   const char *currency) {
  Bank__V1__Money *money = sure_call_alloc(call, sizeof *money);
  if (!money) {
    return NULL;
  }
  bank__v1__money__init(money);
  money->minor_units = minor_units;
  money->currency = sure_call_strdup(call, currency);
  return money->currency ? money : NULL;
}

static enum sure_code memory_is_short(struct sure_call *call) {
  return sure_call_fail(call, SURE_RESOURCE_EXHAUSTED, "memory is short");
}

/* End a call that the ledger answered with `code`. */
static enum sure_code finish(struct sure_call *call, enum sure_code code,
                             const struct ledger_receipt *receipt, const struct ledger_reason *why,
                             Bank__V1__Receipt *reply) {
  if (code) {
    return sure_call_fail(call, code, "%s", why->text);
  }
  reply->booking = receipt->booking;
  reply->account = sure_call_strdup(call, receipt->account);
  reply->balance = make_money(call, receipt->balance.minor_units, receipt->balance.currency);
  return reply->account && reply->balance ? SURE_OK : memory_is_short(call);
}

static enum sure_code open_account(void *user, struct sure_call *call,
                                   const Bank__V1__OpenAccountRequest *request,
                                   Bank__V1__Receipt *reply) {
  (void)user;
  const struct ledger_opening opening = {.payment_id = request->payment_id,
                                         .account = request->account,
                                         .deposit = request_money(request->deposit),
                                         .overdraft_limit = request->overdraft_limit,
                                         .stamp = sure_call_stamp(call)};
  struct ledger_receipt receipt;
  struct ledger_reason why;
  enum sure_code code = ledger_open_account(sure_call_sqlite(call), &opening, &receipt, &why);
  return finish(call, code, &receipt, &why, reply);
}

static enum sure_code charge(void *user, struct sure_call *call,
                             const Bank__V1__ChargeRequest *request, Bank__V1__Receipt *reply) {
  (void)user;
  const struct ledger_payment payment = {.payment_id = request->payment_id,
                                         .from = request->account,
                                         .amount = request_money(request->amount),
                                         .stamp = sure_call_stamp(call)};
  struct ledger_receipt receipt;
  struct ledger_reason why;
  enum sure_code code = ledger_charge(sure_call_sqlite(call), &payment, &receipt, &why);
  return finish(call, code, &receipt, &why, reply);
}

static enum sure_code transfer(void *user, struct sure_call *call,
                               const Bank__V1__TransferRequest *request, Bank__V1__Receipt *reply) {
  (void)user;
  const struct ledger_payment payment = {.payment_id = request->payment_id,
                                         .from = request->from_account,
                                         .to = request->to_account,
                                         .amount = request_money(request->amount),
                                         .stamp = sure_call_stamp(call)};
  struct ledger_receipt receipt;
  struct ledger_reason why;
  enum sure_code code = ledger_transfer(sure_call_sqlite(call), &payment, &receipt, &why);
  return finish(call, code, &receipt, &why, reply);
}

static enum sure_code refund(void *user, struct sure_call *call,
                             const Bank__V1__RefundRequest *request, Bank__V1__Receipt *reply) {
  (void)user;
  const struct ledger_refund refund_of = {.payment_id = request->payment_id,
                                          .charge_payment_id = request->charge_payment_id,
                                          .amount = request_money(request->amount),
                                          .stamp = sure_call_stamp(call)};
  struct ledger_receipt receipt;
  struct ledger_reason why;
  enum sure_code code = ledger_refund(sure_call_sqlite(call), &refund_of, &receipt, &why);
  return finish(call, code, &receipt, &why, reply);
}

static enum sure_code get_balance(void *user, struct sure_call *call,
                                  const Bank__V1__GetBalanceRequest *request,
                                  Bank__V1__Balance *reply) {
  (void)user;
  struct ledger_account account;
  struct ledger_reason why;
  enum sure_code code =
      ledger_find_account(sure_call_sqlite(call), request->account, &account, &why);
  if (code) {
    return sure_call_fail(call, code, "%s", why.text);
  }
  reply->account = sure_call_strdup(call, request->account);
  reply->balance = make_money(call, account.balance.minor_units, account.balance.currency);
  reply->overdraft_limit = account.overdraft_limit;
  return reply->account && reply->balance ? SURE_OK : memory_is_short(call);
}

/* A page that is being filled: room for one entry more than the client wants, which shows whether
 * there is a next page. */
struct page {
  struct sure_call *call;
  Bank__V1__Entry **entries;
  size_t count;
};

static bool add_entry(void *user, const struct ledger_entry *entry) {
  struct page *page = user;
  struct entry *copy = sure_call_alloc(page->call, sizeof *copy);
  if (copy) {
    entry_fill(copy, entry);
    page->entries[page->count++] = &copy->message;
  }
  return copy;
}

/* A page token is the number of the last booking that was shown. */
static bool read_token(const char *token, int64_t *out_after) {
  if (*token == '\0') {
    *out_after = 0;
    return true;
  }
  char *end;
  errno = 0;
  long long after = strtoll(token, &end, 10);
  if (errno || *end != '\0' || after < 1) {
    return false;
  }
  *out_after = after;
  return true;
}

static enum sure_code end_page(struct page *page, size_t wanted,
                               Bank__V1__ListEntriesReply *reply) {
  reply->entries = page->entries;
  reply->n_entries = page->count;
  if (page->count <= wanted) {
    return SURE_OK;
  }
  reply->n_entries = wanted;
  char token[24];
  snprintf(token, sizeof token, "%" PRId64, page->entries[wanted - 1]->booking);
  reply->next_page_token = sure_call_strdup(page->call, token);
  return reply->next_page_token ? SURE_OK : memory_is_short(page->call);
}

static enum sure_code list_entries(void *user, struct sure_call *call,
                                   const Bank__V1__ListEntriesRequest *request,
                                   Bank__V1__ListEntriesReply *reply) {
  (void)user;
  int wanted = request->page_size ? request->page_size : PAGE_SIZE_DEFAULT;
  if (wanted < 1 || wanted > LEDGER_ENTRIES_MAX) {
    return sure_call_fail(call, SURE_INVALID_ARGUMENT, "the page size must be 1 to %d",
                          LEDGER_ENTRIES_MAX);
  }
  int64_t after;
  if (!read_token(request->page_token, &after)) {
    return sure_call_fail(call, SURE_INVALID_ARGUMENT, "this is no page token of ours");
  }

  struct page page = {.call = call};
  page.entries = sure_call_alloc(call, ((size_t)wanted + 1) * sizeof *page.entries);
  if (!page.entries) {
    return memory_is_short(call);
  }
  struct ledger_reason why;
  enum sure_code code = ledger_list_entries(sure_call_sqlite(call), request->account, after,
                                            wanted + 1, add_entry, &page, &why);
  if (code) {
    return sure_call_fail(call, code, "%s", why.text);
  }
  return end_page(&page, (size_t)wanted, reply);
}

static enum sure_code audit(void *user, struct sure_call *call,
                            const Bank__V1__AuditRequest *request, Bank__V1__AuditReply *reply) {
  (void)user;
  (void)request;
  struct ledger_audit found;
  struct ledger_reason why;
  enum sure_code code = ledger_audit(sure_call_sqlite(call), &found, &why);
  if (code) {
    return sure_call_fail(call, code, "%s", why.text);
  }
  reply->clean = ledger_audit_is_clean(&found);
  reply->accounts = found.accounts;
  reply->bookings = found.bookings;
  reply->wrong_balances = found.wrong_balances;
  reply->overdrawn = found.overdrawn;
  reply->unbalanced_currencies = found.unbalanced_currencies;
  reply->doubled_payments = found.doubled_payments;
  reply->excess_refunds = found.excess_refunds;
  return SURE_OK;
}

enum sure_code bank_register(struct sure_server *server, struct bank_watch *watch) {
  static const struct bank__v1__bank_server handlers = {
      .open_account = open_account,
      .charge = charge,
      .transfer = transfer,
      .refund = refund,
      .get_balance = get_balance,
      .list_entries = list_entries,
      .audit = audit,
      .watch_account = bank_watch_account,
      .import_payments = bank_import_payments,
  };
  enum sure_code code =
      sure_server_set_run_mode(server, "bank.v1.Bank/WatchAccount", SURE_RUN_POOL);
  if (!code) {
    code = sure_server_set_run_mode(server, "bank.v1.Bank/ImportPayments", SURE_RUN_TX);
  }
  return code ? code : bank__v1__bank_server__register(server, &handlers, watch);
}
