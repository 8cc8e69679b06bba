/* The look at a packed message before it is unpacked (protocol 4.8). */
#include "rpc/core/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct node {
  ProtobufCMessage base;
  char *text;
  struct node *child;
};

static const ProtobufCMessageDescriptor node_descriptor;

static const ProtobufCFieldDescriptor node_fields[] = {
    {.name = "text",
     .id = 1,
     .label = PROTOBUF_C_LABEL_NONE,
     .type = PROTOBUF_C_TYPE_STRING,
     .offset = offsetof(struct node, text)},
    {.name = "child",
     .id = 2,
     .label = PROTOBUF_C_LABEL_NONE,
     .type = PROTOBUF_C_TYPE_MESSAGE,
     .offset = offsetof(struct node, child),
     .descriptor = &node_descriptor},
};
static const ProtobufCIntRange node_ranges[] = {{1, 0}, {0, 2}};
static const ProtobufCMessageDescriptor node_descriptor = {
    .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
    .name = "Node",
    .sizeof_message = sizeof(struct node),
    .n_fields = 2,
    .fields = node_fields,
    .n_field_ranges = 1,
    .field_ranges = node_ranges,
};

static bool check(const char *bytes, size_t len) {
  return sure__message_check(&node_descriptor, (struct sure_bytes){(const uint8_t *)bytes, len});
}

#define CHECK(literal) check(literal, sizeof(literal) - 1)
#define UTF8(literal)                                                                              \
  sure__utf8_check((struct sure_bytes){(const uint8_t *)(literal), sizeof(literal) - 1})

static void well_formed_utf8_is_taken(void **state) {
  (void)state;
  assert_true(UTF8(""));
  assert_true(UTF8("plain"));
  assert_true(UTF8("\x7F"));
  assert_true(UTF8("\xC2\x80"));
  assert_true(UTF8("\xDF\xBF"));
  assert_true(UTF8("\xE0\xA0\x80"));
  assert_true(UTF8("\xED\x9F\xBF"));
  assert_true(UTF8("\xEE\x80\x80"));
  assert_true(UTF8("\xEF\xBF\xBF"));
  assert_true(UTF8("\xF0\x90\x80\x80"));
  assert_true(UTF8("\xF4\x8F\xBF\xBF"));
}

static void what_is_no_utf8_is_refused(void **state) {
  (void)state;
  assert_false(UTF8("a\0b"));
  assert_false(UTF8("\x80"));     /* a continuation alone */
  assert_false(UTF8("\xC0\x80")); /* overlong */
  assert_false(UTF8("\xC1\xBF"));
  assert_false(UTF8("\xE0\x9F\xBF"));
  assert_false(UTF8("\xF0\x8F\xBF\xBF"));
  assert_false(UTF8("\xED\xA0\x80")); /* surrogates */
  assert_false(UTF8("\xED\xBF\xBF"));
  assert_false(UTF8("\xF4\x90\x80\x80")); /* past U+10FFFF */
  assert_false(UTF8("\xF5\x80\x80\x80"));
  assert_false(UTF8("\xFF"));
  assert_false(UTF8("\xC2")); /* cut off */
  assert_false(UTF8("\xE1\x80"));
  assert_false(UTF8("\xF1\x80\x80"));
  assert_false(UTF8("\xC2\x41"));
  assert_false(UTF8("\xE1\x80\x41"));
}

static void strings_of_a_message_are_utf8(void **state) {
  (void)state;
  assert_true(CHECK(""));
  assert_true(CHECK("\x0A\x02\xC3\xA4"));
  assert_false(CHECK("\x0A\x02\xC3\x28"));
  assert_false(CHECK("\x12\x04\x0A\x02\xC3\x28")); /* in a child */
  assert_true(CHECK("\x1A\x02\xC3\x28"));          /* an unknown field is only bytes */
}

static void truncated_fields_are_refused(void **state) {
  (void)state;
  assert_false(CHECK("\x0A"));
  assert_false(CHECK("\x0A\x05"
                     "ab"));
  assert_false(CHECK("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01")); /* a length of 2^64 - 1 */
  assert_false(CHECK("\x18"));
  assert_false(CHECK("\x18\x80"));
  assert_false(CHECK("\x19\x01\x02\x03\x04\x05\x06\x07"));
  assert_false(CHECK("\x1D\x01\x02\x03"));
  assert_true(CHECK("\x18\x7F\x19\x01\x02\x03\x04\x05\x06\x07\x08\x1D\x01\x02\x03\x04"));
  assert_false(CHECK("\x18\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01")); /* 11 bytes */
}

static void groups_and_numbers_that_are_none_are_refused(void **state) {
  (void)state;
  assert_false(CHECK("\x1B\x1C"));                 /* a group */
  assert_false(CHECK("\x1E\x01"));                 /* wire type 6 */
  assert_false(CHECK("\x02\x01"));                 /* field 0 */
  assert_false(CHECK("\x80\x80\x80\x80\x10\x01")); /* field 2^29 */
  assert_true(CHECK("\xF8\xFF\xFF\xFF\x0F\x01"));  /* field 2^29 - 1 */
}

/* Messages inside each other, `depth` of them with the outermost. */
static bool check_nested(size_t depth) {
  char bytes[1024];
  size_t begin = sizeof bytes;
  for (size_t i = 1; i < depth; i++) {
    size_t len = sizeof bytes - begin;
    if (len >= 128) {
      bytes[--begin] = (char)(len >> 7);
      bytes[--begin] = (char)((len & 0x7F) | 0x80);
    } else {
      bytes[--begin] = (char)len;
    }
    bytes[--begin] = 0x12;
  }
  return check(bytes + begin, sizeof bytes - begin);
}

static void a_hundred_messages_inside_each_other_are_taken_and_one_more_is_not(void **state) {
  (void)state;
  assert_true(check_nested(1));
  assert_true(check_nested(100));
  assert_false(check_nested(101));
  assert_false(check_nested(300));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(well_formed_utf8_is_taken),
      cmocka_unit_test(what_is_no_utf8_is_refused),
      cmocka_unit_test(strings_of_a_message_are_utf8),
      cmocka_unit_test(truncated_fields_are_refused),
      cmocka_unit_test(groups_and_numbers_that_are_none_are_refused),
      cmocka_unit_test(a_hundred_messages_inside_each_other_are_taken_and_one_more_is_not),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
