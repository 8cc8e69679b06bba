/* The idempotency key in a request's own field (S13). */
#include "rpc/core/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/failing_allocator.h"

/* One member of every kind that a key may or may not have. */
struct request {
  ProtobufCMessage base;
  char *text;
  ProtobufCBinaryData data;
  int32_t int32;
  uint32_t uint32;
  int64_t int64;
  uint64_t uint64;
  double real;
  protobuf_c_boolean has_optional;
  int64_t optional;
  size_t count;
  char **repeated;
};

#define FIELD(number, kind, member)                                                                \
  {                                                                                                \
    .name = #member, .id = number, .label = PROTOBUF_C_LABEL_NONE, .type = PROTOBUF_C_TYPE_##kind, \
    .offset = offsetof(struct request, member)                                                     \
  }

static const ProtobufCFieldDescriptor fields[] = {
    FIELD(1, STRING, text),
    FIELD(2, BYTES, data),
    FIELD(3, SINT32, int32),
    FIELD(4, FIXED32, uint32),
    FIELD(5, INT64, int64),
    FIELD(6, UINT64, uint64),
    FIELD(7, DOUBLE, real),
    {.name = "optional",
     .id = 8,
     .label = PROTOBUF_C_LABEL_OPTIONAL,
     .type = PROTOBUF_C_TYPE_INT64,
     .quantifier_offset = offsetof(struct request, has_optional),
     .offset = offsetof(struct request, optional)},
    {.name = "repeated",
     .id = 9,
     .label = PROTOBUF_C_LABEL_REPEATED,
     .type = PROTOBUF_C_TYPE_STRING,
     .quantifier_offset = offsetof(struct request, count),
     .offset = offsetof(struct request, repeated)},
};
static const ProtobufCIntRange ranges[] = {{1, 0}, {0, 9}};
static const ProtobufCMessageDescriptor descriptor = {
    .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
    .name = "Request",
    .sizeof_message = sizeof(struct request),
    .n_fields = 9,
    .fields = fields,
    .n_field_ranges = 1,
    .field_ranges = ranges,
};

static struct request request;
static struct sure__arena arena;

static int begin(void **state) {
  (void)state;
  request = (struct request){.base = {.descriptor = &descriptor}};
  return 0;
}

static int end(void **state) {
  (void)state;
  sure__arena_fini(&arena);
  return 0;
}

static enum sure_code get(uint32_t field, struct sure_bytes *out_key) {
  struct sure_method method = {.key_field = field};
  return sure__key_get(&method, &request.base, &arena, out_key);
}

static void expect_key(uint32_t field, const char *text) {
  struct sure_bytes key = {0};
  assert_int_equal(SURE_OK, get(field, &key));
  assert_int_equal(strlen(text), key.len);
  assert_memory_equal(text, key.data, key.len);
}

static void expect_none(uint32_t field) {
  struct sure_bytes key = {(const uint8_t *)"untouched", 9};
  assert_int_equal(SURE_INVALID_ARGUMENT, get(field, &key));
  assert_string_equal("untouched", key.data);
}

static void strings_and_bytes_are_their_own_key(void **state) {
  (void)state;
  request.text = (char *)(uintptr_t) "pay-1";
  request.data = (ProtobufCBinaryData){3, (uint8_t *)(uintptr_t) "a\0b"};
  expect_key(1, "pay-1");
  struct sure_bytes key = {0};
  assert_int_equal(SURE_OK, get(2, &key));
  assert_int_equal(3, key.len);
  assert_memory_equal("a\0b", key.data, 3);
}

static void integers_are_written_out(void **state) {
  (void)state;
  request.int32 = INT32_MIN;
  request.uint32 = UINT32_MAX;
  request.int64 = INT64_MIN;
  request.uint64 = UINT64_MAX;
  expect_key(3, "-2147483648");
  expect_key(4, "4294967295");
  expect_key(5, "-9223372036854775808");
  expect_key(6, "18446744073709551615");
}

static void a_key_that_is_not_set_is_refused(void **state) {
  (void)state;
  for (uint32_t field = 1; field <= 9; field++) {
    expect_none(field);
  }
  request.text = (char *)(uintptr_t) "";
  expect_none(1);
  request.optional = 7;
  expect_none(8);
  request.has_optional = 1;
  expect_key(8, "7");
}

static void fields_that_can_not_be_keys_are_refused(void **state) {
  (void)state;
  request.real = 1.5;
  expect_none(7);
  expect_none(10); /* no such field */
}

static void a_key_has_so_many_bytes_and_no_more(void **state) {
  (void)state;
  static char text[257];
  memset(text, 'k', sizeof text);
  text[255] = '\0';
  request.text = text;
  expect_key(1, text);
  text[255] = 'k';
  text[256] = '\0';
  expect_none(1);
}

static void a_number_needs_memory(void **state) {
  (void)state;
  request.int64 = 7;
  struct sure_bytes key = {0};
  failing_allocator_fail_all(true);
  assert_int_equal(SURE_RESOURCE_EXHAUSTED, get(5, &key));
  failing_allocator_fail_all(false);
  assert_null(key.data);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      TEST(strings_and_bytes_are_their_own_key), TEST(integers_are_written_out),
      TEST(a_key_that_is_not_set_is_refused),    TEST(fields_that_can_not_be_keys_are_refused),
      TEST(a_key_has_so_many_bytes_and_no_more), TEST(a_number_needs_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
