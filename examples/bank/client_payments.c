/* The commands that move money, and settle. */
#include "client.h"
#include "names.h"

#include <stdio.h>
#include <string.h>

/* End a command: say what came of it and free the receipt. */
static int finish(struct client *client, enum sure_code code, Bank__V1__Receipt *receipt) {
  const struct call_end end = call_end_of(client->status);
  if (code) {
    return client_print_payment(client, verdict_of(&end), NULL);
  }
  int status = client_print_payment(client, VERDICT_APPLIED, receipt);
  bank__v1__receipt__free_unpacked(receipt, NULL);
  return status;
}

void client_show_made_id(const struct client *client) {
  if (client->id_is_made) {
    fprintf(stderr, "payment id %s\n", client->payment_id);
  }
}

/* Read an amount into a message that borrows `money`. */
static const char *read_amount(const char *text, struct money *money, Bank__V1__Money *message) {
  const char *wrong = money_parse(text, money);
  if (wrong) {
    return wrong;
  }
  bank__v1__money__init(message);
  message->minor_units = money->minor_units;
  message->currency = money->currency;
  return NULL;
}

static const char *read_overdraft(const char *text, const char *currency, int64_t *out_limit) {
  struct money limit = {0};
  const char *wrong = text ? money_parse(text, &limit) : NULL;
  if (wrong) {
    return wrong;
  }
  if (text && strcmp(limit.currency, currency) != 0) {
    return "the overdraft limit is in another currency than the deposit";
  }
  *out_limit = limit.minor_units;
  return NULL;
}

int client_open_account(struct client *client, char **arguments) {
  struct money money;
  Bank__V1__Money deposit;
  Bank__V1__OpenAccountRequest request = BANK__V1__OPEN_ACCOUNT_REQUEST__INIT;
  const char *wrong = read_amount(arguments[1], &money, &deposit);
  if (wrong) {
    return client_complain(arguments[1], wrong);
  }
  wrong = read_overdraft(client->overdraft, money.currency, &request.overdraft_limit);
  if (wrong) {
    return client_complain(client->overdraft, wrong);
  }
  request.payment_id = (char *)client->payment_id;
  request.account = arguments[0];
  request.deposit = &deposit;

  client_show_made_id(client);
  Bank__V1__Receipt *receipt = NULL;
  enum sure_code code = bank__v1__bank_client__open_account(
      client->channel, &request, &client->call, &receipt, client->status);
  return finish(client, code, receipt);
}

int client_charge(struct client *client, char **arguments) {
  struct money money;
  Bank__V1__Money amount;
  const char *wrong = read_amount(arguments[1], &money, &amount);
  if (wrong) {
    return client_complain(arguments[1], wrong);
  }
  Bank__V1__ChargeRequest request = BANK__V1__CHARGE_REQUEST__INIT;
  request.payment_id = (char *)client->payment_id;
  request.account = arguments[0];
  request.amount = &amount;

  client_show_made_id(client);
  Bank__V1__Receipt *receipt = NULL;
  enum sure_code code = bank__v1__bank_client__charge(client->channel, &request, &client->call,
                                                      &receipt, client->status);
  return finish(client, code, receipt);
}

int client_transfer(struct client *client, char **arguments) {
  struct money money;
  Bank__V1__Money amount;
  const char *wrong = read_amount(arguments[2], &money, &amount);
  if (wrong) {
    return client_complain(arguments[2], wrong);
  }
  Bank__V1__TransferRequest request = BANK__V1__TRANSFER_REQUEST__INIT;
  request.payment_id = (char *)client->payment_id;
  request.from_account = arguments[0];
  request.to_account = arguments[1];
  request.amount = &amount;

  client_show_made_id(client);
  Bank__V1__Receipt *receipt = NULL;
  enum sure_code code = bank__v1__bank_client__transfer(client->channel, &request, &client->call,
                                                        &receipt, client->status);
  return finish(client, code, receipt);
}

int client_refund(struct client *client, char **arguments) {
  struct money money;
  Bank__V1__Money amount;
  const char *wrong = read_amount(arguments[1], &money, &amount);
  if (wrong) {
    return client_complain(arguments[1], wrong);
  }
  Bank__V1__RefundRequest request = BANK__V1__REFUND_REQUEST__INIT;
  request.payment_id = (char *)client->payment_id;
  request.charge_payment_id = arguments[0];
  request.amount = &amount;

  client_show_made_id(client);
  Bank__V1__Receipt *receipt = NULL;
  enum sure_code code = bank__v1__bank_client__refund(client->channel, &request, &client->call,
                                                      &receipt, client->status);
  return finish(client, code, receipt);
}

typedef enum sure_code settle_fn(struct sure_channel *channel, const struct sure_settle *what,
                                 const struct sure_call_options *options,
                                 Bank__V1__Receipt **out_receipt, struct sure_status *status);

static const struct {
  const char *command;
  settle_fn *settle;
} payments[] = {
    {"charge", bank__v1__bank_client__charge__settle},
    {"transfer", bank__v1__bank_client__transfer__settle},
    {"refund", bank__v1__bank_client__refund__settle},
    {"open-account", bank__v1__bank_client__open_account__settle},
};
#define PAYMENT_COUNT (sizeof payments / sizeof *payments)

bool client_is_payment(const char *command) {
  for (size_t i = 0; i < PAYMENT_COUNT; i++) {
    if (strcmp(payments[i].command, command) == 0) {
      return true;
    }
  }
  return false;
}

/* A question that could not be put has changed nothing, but it has not settled anything either. */
static int finish_unsettled(struct client *client) {
  const struct call_end end = call_end_of(client->status);
  enum verdict verdict = verdict_of(&end);
  return client_print_payment(client, verdict == VERDICT_NOT_APPLIED ? VERDICT_UNKNOWN : verdict,
                              NULL);
}

/* An id names one payment, but does not say of which kind, and it is closed for one kind at a time.
 * So the kinds are settled in turn until one has an answer. If none has, the id is closed for all
 * of them, and only then was nothing applied and never will be. */
int client_settle(struct client *client, char **arguments) {
  if (!name_is_valid(arguments[0])) {
    return client_complain(arguments[0], "a payment id is " NAME_RULE);
  }
  client->payment_id = arguments[0];
  const struct sure_settle what = {
      .key = {.data = (const uint8_t *)arguments[0], .len = strlen(arguments[0])}};
  for (size_t i = 0; i < PAYMENT_COUNT; i++) {
    if (client->method && strcmp(client->method, payments[i].command) != 0) {
      continue;
    }
    Bank__V1__Receipt *receipt = NULL;
    enum sure_code code =
        payments[i].settle(client->channel, &what, &client->call, &receipt, client->status);
    if (code == SURE_OK) {
      return finish(client, code, receipt);
    }
    if (sure_status_reason(client->status) != SURE_REASON_TOMBSTONE) {
      return finish_unsettled(client);
    }
  }
  return finish_unsettled(client);
}
