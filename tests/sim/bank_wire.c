#include "tests/sim/bank_wire.h"

#include <stdlib.h>
#include <string.h>

#include "bank.sure.h"

enum { PAGE_SIZE = 1000 };

static const struct sure_method *method(const char *name) {
  const struct sure_service *service = &bank__v1__bank_service;
  for (size_t i = 0; i < service->method_count; i++) {
    if (strcmp(strchr(service->methods[i].full_name, '/') + 1, name) == 0) {
      return &service->methods[i];
    }
  }
  abort();
}

static struct bank_request request(const char *method_name, const ProtobufCMessage *message) {
  size_t len = protobuf_c_message_get_packed_size(message);
  uint8_t *bytes = malloc(len + 1);
  if (bytes == NULL) {
    abort();
  }
  protobuf_c_message_pack(message, bytes);
  return (struct bank_request){method(method_name), {bytes, len}};
}

/* Messages have no const texts; packing changes none. */
static char *text(const char *constant) {
  return (char *)(uintptr_t)constant;
}

static Bank__V1__Money money(int64_t minor_units) {
  Bank__V1__Money message = BANK__V1__MONEY__INIT;
  message.minor_units = minor_units;
  message.currency = text(PAYMENT_CURRENCY);
  return message;
}

static struct bank_request opening(const struct payment *payment) {
  Bank__V1__Money deposit = money(payment->amount);
  Bank__V1__OpenAccountRequest message = BANK__V1__OPEN_ACCOUNT_REQUEST__INIT;
  message.payment_id = text(payment->id);
  message.account = text(account_name(payment->taker));
  message.deposit = &deposit;
  message.overdraft_limit = payment->overdraft_limit;
  return request("OpenAccount", &message.base);
}

static struct bank_request charge(const struct payment *payment) {
  Bank__V1__Money amount = money(payment->amount);
  Bank__V1__ChargeRequest message = BANK__V1__CHARGE_REQUEST__INIT;
  message.payment_id = text(payment->id);
  message.account = text(account_name(payment->giver));
  message.amount = &amount;
  return request("Charge", &message.base);
}

static struct bank_request transfer(const struct payment *payment) {
  Bank__V1__Money amount = money(payment->amount);
  Bank__V1__TransferRequest message = BANK__V1__TRANSFER_REQUEST__INIT;
  message.payment_id = text(payment->id);
  message.from_account = text(account_name(payment->giver));
  message.to_account = text(account_name(payment->taker));
  message.amount = &amount;
  return request("Transfer", &message.base);
}

static struct bank_request refund(const struct payment *payment) {
  Bank__V1__Money amount = money(payment->amount);
  Bank__V1__RefundRequest message = BANK__V1__REFUND_REQUEST__INIT;
  message.payment_id = text(payment->id);
  message.charge_payment_id = text(payment->charge->id);
  message.amount = &amount;
  return request("Refund", &message.base);
}

struct bank_request bank_wire_payment(const struct payment *payment) {
  switch (payment->kind) {
  case PAYMENT_OPENING:
    return opening(payment);
  case PAYMENT_CHARGE:
    return charge(payment);
  case PAYMENT_TRANSFER:
    return transfer(payment);
  case PAYMENT_REFUND:
    return refund(payment);
  }
  abort();
}

struct bank_request bank_wire_reading(enum history_kind kind, unsigned account) {
  if (kind == HISTORY_BALANCE) {
    Bank__V1__GetBalanceRequest message = BANK__V1__GET_BALANCE_REQUEST__INIT;
    message.account = text(account_name(account));
    return request("GetBalance", &message.base);
  }
  if (kind == HISTORY_ENTRIES) {
    Bank__V1__ListEntriesRequest message = BANK__V1__LIST_ENTRIES_REQUEST__INIT;
    message.account = text(account_name(account));
    message.page_size = PAGE_SIZE;
    return request("ListEntries", &message.base);
  }
  Bank__V1__AuditRequest message = BANK__V1__AUDIT_REQUEST__INIT;
  return request("Audit", &message.base);
}

static bool is_money(const Bank__V1__Money *message) {
  return message != NULL && strcmp(message->currency, PAYMENT_CURRENCY) == 0;
}

bool bank_wire_receipt(const struct payment *payment, struct sure_bytes reply, int64_t *out_booking,
                       int64_t *out_balance) {
  Bank__V1__Receipt *receipt = bank__v1__receipt__unpack(NULL, reply.len, reply.data);
  bool is_right = receipt != NULL && is_money(receipt->balance) &&
                  strcmp(receipt->account, account_name(payment->customer)) == 0;
  if (is_right) {
    *out_booking = receipt->booking;
    *out_balance = receipt->balance->minor_units;
  }
  bank__v1__receipt__free_unpacked(receipt, NULL);
  return is_right;
}

static bool read_balance(unsigned account, struct sure_bytes reply, struct history_op *out_seen) {
  Bank__V1__Balance *balance = bank__v1__balance__unpack(NULL, reply.len, reply.data);
  bool is_right = balance != NULL && is_money(balance->balance) &&
                  strcmp(balance->account, account_name(account)) == 0;
  if (is_right) {
    out_seen->balance = balance->balance->minor_units;
  }
  bank__v1__balance__free_unpacked(balance, NULL);
  return is_right;
}

static bool read_entries(struct sure_bytes reply, struct history_op *out_seen) {
  Bank__V1__ListEntriesReply *list =
      bank__v1__list_entries_reply__unpack(NULL, reply.len, reply.data);
  bool is_right = list != NULL && *list->next_page_token == '\0';
  for (size_t i = 0; is_right && i < list->n_entries; i++) {
    const Bank__V1__Entry *entry = list->entries[i];
    is_right = is_money(entry->amount) && entry->booking > out_seen->booking;
    out_seen->booking = entry->booking;
    out_seen->balance += is_right ? entry->amount->minor_units : 0;
  }
  bank__v1__list_entries_reply__free_unpacked(list, NULL);
  return is_right;
}

void bank_wire_each_entry(struct sure_bytes reply, bank_entry_fn *fn) {
  Bank__V1__ListEntriesReply *list =
      bank__v1__list_entries_reply__unpack(NULL, reply.len, reply.data);
  for (size_t i = 0; list != NULL && i < list->n_entries; i++) {
    fn(list->entries[i]->payment_id, list->entries[i]->booking);
  }
  bank__v1__list_entries_reply__free_unpacked(list, NULL);
}

static bool read_audit(struct sure_bytes reply, struct history_op *out_seen) {
  Bank__V1__AuditReply *audit = bank__v1__audit_reply__unpack(NULL, reply.len, reply.data);
  bool is_right = audit != NULL && audit->clean;
  if (is_right) {
    out_seen->booking = audit->bookings;
  }
  bank__v1__audit_reply__free_unpacked(audit, NULL);
  return is_right;
}

bool bank_wire_read(enum history_kind kind, unsigned account, struct sure_bytes reply,
                    struct history_op *out_seen) {
  *out_seen = (struct history_op){0};
  return kind == HISTORY_BALANCE   ? read_balance(account, reply, out_seen)
         : kind == HISTORY_ENTRIES ? read_entries(reply, out_seen)
                                   : read_audit(reply, out_seen);
}

bool bank_wire_is_recorded(uint64_t method_id) {
  const struct sure_service *service = &bank__v1__bank_service;
  for (size_t i = 0; i < service->method_count; i++) {
    if (service->methods[i].id == method_id) {
      return service->methods[i].semantics == SURE_EXACTLY_ONCE;
    }
  }
  return false;
}
