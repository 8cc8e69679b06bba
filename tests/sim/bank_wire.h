/* What applications say to the bank of the examples, and what it answers: as bytes and back. It is
 * apart from those who use it because both banks' messages are declared in a bank.proto. */
#ifndef SURE_TESTS_SIM_BANK_WIRE_H
#define SURE_TESTS_SIM_BANK_WIRE_H

#include <sure/method.h>

#include "tests/sim/history.h"
#include "tests/sim/payment.h"

/* A call to make: `request` is in memory of malloc. */
struct bank_request {
  const struct sure_method *method;
  struct sure_bytes request;
};

struct bank_request bank_wire_payment(const struct payment *payment);
/* HISTORY_BALANCE, HISTORY_ENTRIES of an account; HISTORY_COUNT: an audit. */
struct bank_request bank_wire_reading(enum history_kind kind, unsigned account);

/* A receipt about that payment. False: it is about something else. */
bool bank_wire_receipt(const struct payment *payment, struct sure_bytes reply, int64_t *out_booking,
                       int64_t *out_balance);
/* What was read. False: it is not what was asked for, or the books are not in order. */
bool bank_wire_read(enum history_kind kind, unsigned account, struct sure_bytes reply,
                    struct history_op *out_seen);
/* Each entry of a list that was read so. */
typedef void bank_entry_fn(const char *payment_id, int64_t booking);
void bank_wire_each_entry(struct sure_bytes reply, bank_entry_fn *fn);

/* Calls of that method leave a record. */
bool bank_wire_is_recorded(uint64_t method_id);

#endif
