/* What the bank's client says: sentences for people, or one line of JSON an answer. */
#include "client.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <time.h>

#define DATE_TEXT_LEN 32

int client_complain(const char *what, const char *why) {
  fprintf(stderr, "bank: %s: %s\n", what, why);
  return EXIT_WRONG_INPUT;
}

/* Print a line of JSON and free it. An object that could not be made is printed as null. */
static void print_json(json_t *object) {
  if (json_dumpf(object, stdout, JSON_COMPACT | JSON_ENCODE_ANY) != 0) {
    fputs("null", stdout);
  }
  putchar('\n');
  json_decref(object);
}

static json_t *money_json(const Bank__V1__Money *money) {
  char text[MONEY_TEXT_LEN];
  return json_pack("{s:I, s:s, s:s}", "minor_units", (json_int_t)money->minor_units, "currency",
                   money->currency, "text",
                   money_format(money->minor_units, money->currency, text));
}

/* A reply may lack a part; this bank's never do, but another server's may. */
static const Bank__V1__Money *money_or_none(const Bank__V1__Money *money) {
  static Bank__V1__Money none = BANK__V1__MONEY__INIT;
  return money ? money : &none;
}

static const char *money_text(const Bank__V1__Money *money, char text[MONEY_TEXT_LEN]) {
  return money_format(money->minor_units, money->currency, text);
}

static json_t *receipt_json(const Bank__V1__Receipt *receipt) {
  if (!receipt) {
    return json_null();
  }
  return json_pack("{s:I, s:s, s:o}", "booking", (json_int_t)receipt->booking, "account",
                   receipt->account, "balance", money_json(money_or_none(receipt->balance)));
}

static void print_payment_json(const struct client *client, enum verdict verdict,
                               const char *advice, const Bank__V1__Receipt *receipt) {
  const struct sure_status *status = client->status;
  print_json(json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:b, s:b}", "verdict",
                       verdict_name(verdict), "advice", advice, "payment_id", client->payment_id,
                       "code", sure_code_name(sure_status_code(status)), "message",
                       sure_status_message(status), "receipt", receipt_json(receipt), "attempts",
                       (json_int_t)sure_status_attempts(status), "replayed",
                       sure_status_replayed(status), "settled", sure_status_settled(status)));
}

/* The reason of a failure: the bank's own words, or at least what the code means. */
static void print_reason(const struct sure_status *status) {
  const char *message = sure_status_message(status);
  enum sure_code code = sure_status_code(status);
  fprintf(stderr, "bank: %s (%s)\n", *message ? message : sure_code_text(code),
          sure_code_name(code));
}

int client_print_payment(const struct client *client, enum verdict verdict,
                         const Bank__V1__Receipt *receipt) {
  char advice[256], balance[MONEY_TEXT_LEN];
  verdict_text(verdict, client->payment_id, advice, sizeof advice);
  if (client->json) {
    print_payment_json(client, verdict, advice, receipt);
  } else if (receipt) {
    printf("%s: booking %" PRId64 ", %s now holds %s\n", advice, receipt->booking, receipt->account,
           money_text(money_or_none(receipt->balance), balance));
  } else {
    print_reason(client->status);
    fprintf(stderr, "%s\n", advice);
  }
  return verdict_exit_status(verdict);
}

int client_print_import(const struct client *client, const Bank__V1__ImportReport *report) {
  json_t *refusals = json_array();
  for (size_t i = 0; i < report->n_refusals; i++) {
    const Bank__V1__Refusal *refusal = report->refusals[i];
    json_array_append_new(refusals, json_pack("{s:s, s:s}", "payment_id", refusal->payment_id,
                                              "reason", refusal->reason));
    if (!client->json) {
      fprintf(stderr, "bank: %s: %s\n", refusal->payment_id, refusal->reason);
    }
  }
  if (client->json) {
    print_json(json_pack("{s:s, s:I, s:I, s:O}", "import", client->payment_id, "booked",
                         (json_int_t)report->booked, "refused", (json_int_t)report->refused,
                         "refusals", refusals));
  } else {
    printf("import %s: %" PRId64 " booked, %" PRId64 " refused\n", client->payment_id,
           report->booked, report->refused);
  }
  json_decref(refusals);
  return report->refused == 0 ? EXIT_OK : EXIT_REFUSED;
}

int client_print_failed_import(const struct client *client, uint64_t committed) {
  enum sure_code code = sure_status_code(client->status);
  if (client->json) {
    print_json(json_pack("{s:s, s:s, s:s, s:I}", "import", client->payment_id, "code",
                         sure_code_name(code), "message", sure_status_message(client->status),
                         "committed", (json_int_t)committed));
    return sure_status_recorded(client->status) ? EXIT_REFUSED : EXIT_NOT_APPLIED;
  }
  print_reason(client->status);
  if (sure_status_recorded(client->status)) {
    fprintf(stderr, "nothing of it is booked, and the id %s is used up; try again with a new one\n",
            client->payment_id);
    return EXIT_REFUSED;
  }
  fprintf(stderr,
          "the first %" PRIu64 " payments are committed, or more; import the same file again with"
          " --payment-id %s to go on behind them\n",
          committed, client->payment_id);
  return EXIT_NOT_APPLIED;
}

/* Which failures of a question are the bank's answer to it, and not the lack of one? */
static bool is_answer(enum sure_code code) {
  return code == SURE_NOT_FOUND || code == SURE_INVALID_ARGUMENT ||
         code == SURE_PERMISSION_DENIED || code == SURE_FAILED_PRECONDITION;
}

int client_print_failed_read(const struct client *client) {
  const struct sure_status *status = client->status;
  enum sure_code code = sure_status_code(status);
  if (client->json) {
    print_json(json_pack("{s:s, s:s}", "code", sure_code_name(code), "message",
                         sure_status_message(status)));
  } else {
    print_reason(status);
  }
  if (is_answer(code)) {
    return EXIT_REFUSED;
  }
  if (!client->json) {
    fprintf(stderr, "no answer; asking changes nothing, try again\n");
  }
  return EXIT_NOT_APPLIED;
}

/* A date of a replica's data, in local time. */
static const char *date_text(int64_t ms, char text[DATE_TEXT_LEN]) {
  time_t seconds = (time_t)(ms / 1000);
  struct tm date;
  if (!localtime_r(&seconds, &date) ||
      strftime(text, DATE_TEXT_LEN, "%Y-%m-%d %H:%M:%S", &date) == 0) {
    snprintf(text, DATE_TEXT_LEN, "?");
  }
  return text;
}

int client_print_balance(const struct client *client, const Bank__V1__Balance *balance) {
  const Bank__V1__Money *money = money_or_none(balance->balance);
  int64_t as_of_ms = sure_status_as_of_ms(client->status); /* 0: it is the present balance */
  char text[MONEY_TEXT_LEN], date[DATE_TEXT_LEN];
  if (client->json) {
    print_json(json_pack("{s:s, s:o, s:I, s:o}", "account", balance->account, "balance",
                         money_json(money), "overdraft_limit", (json_int_t)balance->overdraft_limit,
                         "as_of_ms", as_of_ms ? json_integer((json_int_t)as_of_ms) : json_null()));
  } else if (as_of_ms) {
    printf("%s held %s as of %s (a replica says so: the bank can't be reached)\n", balance->account,
           money_text(money, text), date_text(as_of_ms, date));
  } else {
    printf("%s holds %s\n", balance->account, money_text(money, text));
  }
  return EXIT_OK;
}

static const char *kind_name(Bank__V1__Entry__Kind kind) {
  const ProtobufCEnumValue *value =
      protobuf_c_enum_descriptor_get_value(&bank__v1__entry__kind__descriptor, (int)kind);
  return value ? value->name : "?";
}

int client_print_entry(const struct client *client, const Bank__V1__Entry *entry) {
  const Bank__V1__Money *amount = money_or_none(entry->amount);
  char text[MONEY_TEXT_LEN], when[32] = "?";
  time_t booked_at = (time_t)entry->booked_at;
  struct tm utc;
  if (gmtime_r(&booked_at, &utc)) {
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
  }
  if (client->json) {
    char stamp[SURE_STAMP_TEXT_SIZE];
    print_json(json_pack("{s:I, s:s, s:s, s:s, s:o, s:s, s:s}", "booking",
                         (json_int_t)entry->booking, "kind", kind_name(entry->kind), "payment_id",
                         entry->payment_id, "counterparty", entry->counterparty, "amount",
                         money_json(amount), "booked_at", when, "stamp",
                         sure_stamp_text(entry->stamp, stamp, sizeof stamp)));
  } else {
    printf("%s  %8" PRId64 "  %-8s  %20s  %s  %s\n", when, entry->booking, kind_name(entry->kind),
           money_text(amount, text), entry->counterparty, entry->payment_id);
  }
  return EXIT_OK;
}

int client_print_audit(const struct client *client, const Bank__V1__AuditReply *audit) {
  if (client->json) {
    print_json(json_pack(
        "{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "clean", audit->clean, "accounts",
        (json_int_t)audit->accounts, "bookings", (json_int_t)audit->bookings, "wrong_balances",
        (json_int_t)audit->wrong_balances, "overdrawn", (json_int_t)audit->overdrawn,
        "unbalanced_currencies", (json_int_t)audit->unbalanced_currencies, "doubled_payments",
        (json_int_t)audit->doubled_payments, "excess_refunds", (json_int_t)audit->excess_refunds));
  } else {
    printf("%s: %" PRId64 " accounts, %" PRId64 " bookings; %" PRId64 " wrong balances, %" PRId64
           " overdrawn, %" PRId64 " unbalanced currencies, %" PRId64 " doubled payments, %" PRId64
           " excess refunds\n",
           audit->clean ? "clean" : "NOT CLEAN", audit->accounts, audit->bookings,
           audit->wrong_balances, audit->overdrawn, audit->unbalanced_currencies,
           audit->doubled_payments, audit->excess_refunds);
  }
  return audit->clean ? EXIT_OK : EXIT_REFUSED;
}
