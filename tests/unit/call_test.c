/* What handlers may ask of their call (sure/call.h). */
#include <sure/call.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rpc/core/message.h"
#include "rpc/core/server.h"
#include "tests/lib/failing_allocator.h"

static struct sure_call call;

static int begin(void **state) {
  (void)state;
  call = (struct sure_call){0};
  return 0;
}

static int end(void **state) {
  (void)state;
  sure__arena_fini(&call.arena);
  assert_int_equal(0, failing_allocator_live());
  return 0;
}

static void memory_of_a_call_is_zeroed(void **state) {
  (void)state;
  memset(sure_call_alloc(&call, 500), 0xFF, 500);
  sure__arena_reset(&call.arena);
  const uint8_t *bytes = sure_call_alloc(&call, 500);
  for (size_t i = 0; i < 500; i++) {
    assert_int_equal(0, bytes[i]);
  }
}

static void a_message_of_a_failure_is_kept_up_to_1024_bytes(void **state) {
  (void)state;
  static char text[1026];
  memset(text, 'm', 1024);
  assert_int_equal(SURE_NOT_FOUND, sure_call_fail(&call, SURE_NOT_FOUND, "%s", text));
  assert_int_equal(1024, strlen(call.message));
  text[1024] = 'm';
  (void)sure_call_fail(&call, SURE_NOT_FOUND, "%s", text);
  assert_int_equal(1024, strlen(call.message));
}

static void a_message_is_never_cut_inside_a_character(void **state) {
  (void)state;
  static const char *const characters[] = {"\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
  for (size_t i = 0; i < 3; i++) {
    for (size_t ahead = 1015; ahead <= 1024; ahead++) {
      char text[1100];
      memset(text, 'm', ahead);
      snprintf(text + ahead, sizeof text - ahead, "%s and so on, past the end", characters[i]);
      (void)sure_call_fail(&call, SURE_NOT_FOUND, "%s", text);
      size_t len = strlen(call.message);
      assert_true(len <= 1024 && len > 1020);
      assert_true(sure__utf8_check((struct sure_bytes){(const uint8_t *)call.message, len}));
    }
  }
}

static void without_memory_a_failure_keeps_its_code(void **state) {
  (void)state;
  failing_allocator_fail_all(true);
  assert_int_equal(SURE_NOT_FOUND, sure_call_fail(&call, SURE_NOT_FOUND, "no account"));
  assert_null(call.message);
  assert_null(sure_call_alloc(&call, 8));
  assert_null(sure_call_strdup(&call, "text"));
  failing_allocator_fail_all(false);
}

static void the_time_left_never_wraps(void **state) {
  (void)state;
  call.deadline_ms = 1;
  assert_int_equal(0, sure_call_time_left_ms(&call));
  call.deadline_ms = UINT64_MAX;
  assert_true(sure_call_time_left_ms(&call) == UINT32_MAX);
}

static void apply_belongs_into_prepare_handlers(void **state) {
  (void)state;
  call.step = SURE__CALL_IN_STORE;
  assert_int_equal(SURE_INTERNAL, sure_call_apply(&call, NULL, NULL));
  call.step = SURE__CALL_PREPARES;
  assert_int_equal(SURE_OK, sure_call_apply(&call, NULL, NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      TEST(memory_of_a_call_is_zeroed),
      TEST(a_message_of_a_failure_is_kept_up_to_1024_bytes),
      TEST(a_message_is_never_cut_inside_a_character),
      TEST(without_memory_a_failure_keeps_its_code),
      TEST(the_time_left_never_wraps),
      TEST(apply_belongs_into_prepare_handlers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
