/* What has come is booked in one transaction, together with how far the stream is: the next batch
 * gathers while that is made durable. Nothing of an import is kept here, so it does not matter how
 * many runs of this handler it takes. */
#include "import.h"

#include "ledger_import.h"
#include "requests.h"

#include <string.h>
#include <sure/sqlite.h>

enum { BATCH_MAX = 500 };

struct batch {
  char id[LEDGER_IMPORT_ID_LEN_MAX + 1];
  Bank__V1__Payment *payments[BATCH_MAX];
  size_t count;
};

static enum sure_code book(void *user, struct sure_call *call) {
  const struct batch *batch = user;
  for (size_t i = 0; i < batch->count; i++) {
    const Bank__V1__Payment *message = batch->payments[i];
    const struct ledger_payment payment = {.payment_id = message->payment_id,
                                           .from = message->from_account,
                                           .to = message->to_account,
                                           .amount = request_money(message->amount),
                                           .stamp = sure_call_next_stamp(call)};
    struct ledger_reason why;
    enum sure_code code = ledger_import(sure_call_sqlite(call), batch->id, &payment, &why);
    if (code) {
      return sure_call_fail(call, code, "%s", why.text);
    }
  }
  return SURE_OK;
}

/* Adds what is there already. */
static enum sure_code gather(struct sure_stream *stream, struct batch *batch) {
  enum sure_code code = SURE_OK;
  while (!code && batch->count < BATCH_MAX) {
    Bank__V1__Payment *payment;
    code = bank__v1__bank_server__import_payments__try_read(stream, &payment);
    if (code || !payment) {
      break;
    }
    batch->payments[batch->count++] = payment;
  }
  return code == SURE_OUT_OF_RANGE ? SURE_OK : code; /* the next read says so, too */
}

static void empty(struct batch *batch) {
  for (size_t i = 0; i < batch->count; i++) {
    bank__v1__payment__free_unpacked(batch->payments[i], NULL);
  }
  batch->count = 0;
}

struct report {
  struct batch *batch;
  struct sure_call *call;
  Bank__V1__ImportReport *reply;
};

static bool add_refusal(void *user, const char *payment_id, const char *reason) {
  struct report *report = user;
  Bank__V1__Refusal *refusal = sure_call_alloc(report->call, sizeof *refusal);
  if (!refusal) {
    return false;
  }
  bank__v1__refusal__init(refusal);
  refusal->payment_id = sure_call_strdup(report->call, payment_id);
  refusal->reason = sure_call_strdup(report->call, reason);
  report->reply->refusals[report->reply->n_refusals++] = refusal;
  return refusal->payment_id && refusal->reason;
}

static enum sure_code fill_report(void *user, struct sure_call *call) {
  struct report *report = user;
  Bank__V1__ImportReport *reply = report->reply;
  struct ledger_import import;
  struct ledger_reason why;
  reply->n_refusals = 0;
  reply->refusals = sure_call_alloc(call, LEDGER_REFUSALS_MAX * sizeof *reply->refusals);
  if (!reply->refusals) {
    return sure_call_fail(call, SURE_RESOURCE_EXHAUSTED, "memory is short");
  }
  enum sure_code code = ledger_find_import(sure_call_sqlite(call), report->batch->id, &import,
                                           add_refusal, report, &why);
  if (code) {
    return sure_call_fail(call, code, "%s", why.text);
  }
  reply->booked = import.booked;
  reply->refused = import.refused;
  return SURE_OK;
}

static bool read_id(struct sure_call *call, char id[LEDGER_IMPORT_ID_LEN_MAX + 1]) {
  struct sure_bytes key = sure_call_key(call);
  if (key.len > LEDGER_IMPORT_ID_LEN_MAX) {
    return false;
  }
  memcpy(id, key.data, key.len);
  id[key.len] = '\0';
  return name_is_valid(id);
}

static enum sure_code import_all(struct sure_call *call, struct sure_stream *stream,
                                 struct batch *batch, Bank__V1__ImportReport *reply) {
  enum sure_code code;
  while (!(code = bank__v1__bank_server__import_payments__read(stream, &batch->payments[0]))) {
    batch->count = 1;
    code = gather(stream, batch);
    if (!code) {
      code = sure_stream_commit(stream, book, batch);
    }
    empty(batch);
    if (code) {
      return code;
    }
  }
  struct report report = {.batch = batch, .call = call, .reply = reply};
  return code == SURE_OUT_OF_RANGE ? sure_stream_commit(stream, fill_report, &report) : code;
}

enum sure_code bank_import_payments(void *user, struct sure_call *call, struct sure_stream *stream,
                                    Bank__V1__ImportReport *reply) {
  (void)user;
  struct batch *batch = sure_call_alloc(call, sizeof *batch);
  if (!batch) {
    return sure_call_fail(call, SURE_RESOURCE_EXHAUSTED, "memory is short");
  }
  *batch = (struct batch){0};
  if (!read_id(call, batch->id)) {
    return sure_call_fail(call, SURE_INVALID_ARGUMENT,
                          "the id of an import must be 1 to %d letters, digits and - _ .",
                          LEDGER_IMPORT_ID_LEN_MAX);
  }
  return import_all(call, stream, batch, reply);
}
