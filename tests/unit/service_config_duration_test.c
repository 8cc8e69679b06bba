/* Durations as proto3 writes them in JSON. */
#include "rpc/client/service_config_duration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void durations_are_those_of_proto3(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t ms;
  } right[] = {{"0s", 0},
               {"-0s", 0},
               {"1s", 1000},
               {"1.5s", 1500},
               {"1.500000s", 1500},
               {"0.000000001s", 1},
               {"0.001000001s", 2},
               {"-1s", -1},
               {"-0.000000001s", -1},
               {"007s", 7000},
               {"315576000000s", INT64_C(315576000000000)}};
  for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
    int64_t ms = 77;
    assert_true(sure__duration_parse(right[i].text, &ms));
    assert_int_equal(ms, right[i].ms);
  }
  static const char *const wrong[] = {
      "",     "s",      "1",    "1.s", ".5s",  "1 s",   " 1s", "1s ",           "+1s",
      "--1s", "1.2.3s", "1e3s", "1ms", "1,5s", "0x10s", "-s",  "1.1234567891s", "1234567890123s"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    int64_t ms = 77;
    assert_false(sure__duration_parse(wrong[i], &ms));
    assert_int_equal(ms, 77);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(durations_are_those_of_proto3),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
