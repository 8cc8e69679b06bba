#include "verdict.h"

#include <stdio.h>

struct call_end call_end_of(const struct sure_status *status) {
  return (struct call_end){.code = sure_status_code(status),
                           .outcome = sure_status_outcome(status),
                           .reason = sure_status_reason(status),
                           .recorded = sure_status_recorded(status)};
}

/* The outcome decides, not the code: NOT_FOUND may come from a bank that has no such account, and
 * UNAVAILABLE may come after the booking. A payment can be applied without being OK, when its
 * receipt could not be brought back. */
enum verdict verdict_of(const struct call_end *end) {
  if (end->code == SURE_OK || end->outcome == SURE_APPLIED) {
    return VERDICT_APPLIED;
  }
  if (end->outcome != SURE_NOT_APPLIED) {
    return VERDICT_UNKNOWN;
  }
  if (end->recorded) {
    return VERDICT_REFUSED;
  }
  return end->reason == SURE_REASON_KEY_REUSED ? VERDICT_ID_TAKEN : VERDICT_NOT_APPLIED;
}

char *verdict_text(enum verdict verdict, const char *payment_id, char *text, size_t size) {
  switch (verdict) {
  case VERDICT_APPLIED:
    snprintf(text, size, "applied");
    break;
  case VERDICT_REFUSED:
    snprintf(text, size, "not applied; this payment id is used up, try again with a new one");
    break;
  case VERDICT_ID_TAKEN:
    snprintf(text, size,
             "not applied; another payment has this payment id, "
             "try again with a new one");
    break;
  case VERDICT_NOT_APPLIED:
    snprintf(text, size, "not applied; try again with the same id");
    break;
  case VERDICT_UNKNOWN:
    snprintf(text, size, "unknown: run `bank settle %s`", payment_id);
    break;
  }
  return text;
}

int verdict_exit_status(enum verdict verdict) {
  switch (verdict) {
  case VERDICT_APPLIED:
    return 0;
  case VERDICT_REFUSED:
  case VERDICT_ID_TAKEN:
    return 1;
  case VERDICT_NOT_APPLIED:
    return 3;
  case VERDICT_UNKNOWN:
    return 4;
  }
  return 4;
}

const char *verdict_name(enum verdict verdict) {
  switch (verdict) {
  case VERDICT_APPLIED:
    return "applied";
  case VERDICT_REFUSED:
    return "refused";
  case VERDICT_ID_TAKEN:
    return "id-taken";
  case VERDICT_NOT_APPLIED:
    return "not-applied";
  case VERDICT_UNKNOWN:
    return "unknown";
  }
  return "unknown";
}
