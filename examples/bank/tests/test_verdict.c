#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "verdict.h"

static void assert_verdict(struct call_end end, const char *text, int exit_status) {
  char line[256];
  enum verdict verdict = verdict_of(&end);
  assert_string_equal(verdict_text(verdict, "p-1", line, sizeof line), text);
  assert_int_equal(verdict_exit_status(verdict), exit_status);
}

static void success_is_applied(void **state) {
  (void)state;
  assert_verdict((struct call_end){SURE_OK, SURE_APPLIED, SURE_REASON_NONE, true}, "applied", 0);
}

static void a_lost_receipt_is_applied_all_the_same(void **state) {
  (void)state;
  assert_verdict(
      (struct call_end){SURE_RESOURCE_EXHAUSTED, SURE_APPLIED, SURE_REASON_CHANNEL, true},
      "applied", 0);
}

static void a_recorded_refusal_uses_up_the_id(void **state) {
  (void)state;
  const char *text = "not applied; this payment id is used up, try again with a new one";
  assert_verdict((struct call_end){SURE_NOT_FOUND, SURE_NOT_APPLIED, SURE_REASON_NONE, true}, text,
                 1);
  assert_verdict((struct call_end){SURE_ABORTED, SURE_NOT_APPLIED, SURE_REASON_TOMBSTONE, true},
                 text, 1);
}

static void without_a_record_the_id_may_be_used_again(void **state) {
  (void)state;
  const char *text = "not applied; try again with the same id";
  assert_verdict((struct call_end){SURE_UNAVAILABLE, SURE_NOT_APPLIED, SURE_REASON_CHANNEL, false},
                 text, 3);
  assert_verdict((struct call_end){SURE_UNAVAILABLE, SURE_NOT_APPLIED, SURE_REASON_DRAINING, false},
                 text, 3);
}

static void an_id_of_another_payment_is_not_offered_again(void **state) {
  (void)state;
  assert_verdict(
      (struct call_end){SURE_FAILED_PRECONDITION, SURE_NOT_APPLIED, SURE_REASON_KEY_REUSED, false},
      "not applied; another payment has this payment id, try again with a new one", 1);
}

static void an_unknown_outcome_asks_for_settle(void **state) {
  (void)state;
  const char *text = "unknown: run `bank settle p-1`";
  assert_verdict(
      (struct call_end){SURE_DEADLINE_EXCEEDED, SURE_OUTCOME_UNKNOWN, SURE_REASON_CHANNEL, false},
      text, 4);
  assert_verdict(
      (struct call_end){SURE_UNAVAILABLE, SURE_OUTCOME_UNKNOWN, SURE_REASON_CONNECTION, false},
      text, 4);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(success_is_applied),
      cmocka_unit_test(a_lost_receipt_is_applied_all_the_same),
      cmocka_unit_test(a_recorded_refusal_uses_up_the_id),
      cmocka_unit_test(without_a_record_the_id_may_be_used_again),
      cmocka_unit_test(an_id_of_another_payment_is_not_offered_again),
      cmocka_unit_test(an_unknown_outcome_asks_for_settle),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
