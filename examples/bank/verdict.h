/* What the end of a payment means to the one who wanted it, and what to do next. */
#ifndef BANK_VERDICT_H
#define BANK_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <sure/status.h>

enum verdict {
  VERDICT_APPLIED,     /* booked, once */
  VERDICT_REFUSED,     /* not booked, and the refusal is recorded under the payment id */
  VERDICT_ID_TAKEN,    /* not booked: the payment id belongs to another payment */
  VERDICT_NOT_APPLIED, /* not booked, and nothing is recorded */
  VERDICT_UNKNOWN,     /* nobody can tell yet: settle */
};

/* The facts of a call's end that decide. */
struct call_end {
  enum sure_code code;
  enum sure_outcome outcome;
  enum sure_reason reason;
  bool recorded;
};

struct call_end call_end_of(const struct sure_status *status);

enum verdict verdict_of(const struct call_end *end);

/* One line for a person, into `text`; cut to `size` bytes. Returns `text`. */
char *verdict_text(enum verdict verdict, const char *payment_id, char *text, size_t size);

/* The exit status that scripts see: 0 applied, 1 refused, 3 not applied, 4 unknown (2 is wrong
 * input, which no call is made for). */
int verdict_exit_status(enum verdict verdict);

/* "applied", "refused", "id-taken", "not-applied" or "unknown". */
const char *verdict_name(enum verdict verdict);

#endif
