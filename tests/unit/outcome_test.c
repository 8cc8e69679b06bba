/* The one function that says what is known of an effect (S19). */
#include "rpc/core/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static enum sure_outcome judge(struct sure__evidence evidence) {
  return sure__outcome(&evidence);
}

static void nothing_handed_over_is_not_applied(void **state) {
  (void)state;
  struct sure__evidence evidence = {.code = SURE_DEADLINE_EXCEEDED};
  assert_int_equal(judge(evidence), SURE_NOT_APPLIED);
}

static void one_attempt_without_an_answer_is_unknown(void **state) {
  (void)state;
  struct sure__evidence evidence = {.sent = 3, .undone = 2, .code = SURE_UNAVAILABLE};
  assert_int_equal(judge(evidence), SURE_OUTCOME_UNKNOWN);
}

static void every_attempt_answered_undone_is_not_applied(void **state) {
  (void)state;
  struct sure__evidence evidence = {
      .sent = 3, .undone = 3, .answered = true, .code = SURE_UNAVAILABLE};
  assert_int_equal(judge(evidence), SURE_NOT_APPLIED);
}

static void only_a_record_with_ok_is_applied(void **state) {
  (void)state;
  struct sure__evidence ok = {.sent = 1, .answered = true, .recorded = true, .code = SURE_OK};
  struct sure__evidence refusal = ok;
  refusal.code = SURE_FAILED_PRECONDITION;
  struct sure__evidence unrecorded = ok;
  unrecorded.recorded = false;
  assert_int_equal(judge(ok), SURE_APPLIED);
  assert_int_equal(judge(refusal), SURE_NOT_APPLIED);
  assert_int_equal(judge(unrecorded), SURE_OUTCOME_UNKNOWN);
}

static void a_record_whose_reply_is_lost_is_applied(void **state) {
  (void)state;
  struct sure__evidence evidence = {.sent = 1,
                                    .answered = true,
                                    .recorded = true,
                                    .reply_lost = true,
                                    .code = SURE_RESOURCE_EXHAUSTED};
  assert_int_equal(judge(evidence), SURE_APPLIED);
}

static void a_method_without_side_effects_is_never_unknown(void **state) {
  (void)state;
  struct sure__evidence evidence = {
      .semantics = SURE_NO_SIDE_EFFECTS, .sent = 1, .code = SURE_UNAVAILABLE};
  assert_int_equal(judge(evidence), SURE_NOT_APPLIED);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_handed_over_is_not_applied),
      cmocka_unit_test(one_attempt_without_an_answer_is_unknown),
      cmocka_unit_test(every_attempt_answered_undone_is_not_applied),
      cmocka_unit_test(only_a_record_with_ok_is_applied),
      cmocka_unit_test(a_record_whose_reply_is_lost_is_applied),
      cmocka_unit_test(a_method_without_side_effects_is_never_unknown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
