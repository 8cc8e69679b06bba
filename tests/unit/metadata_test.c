/* Metadata: what is taken, its limits, and its way over the wire. */
#include "rpc/core/metadata.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct sure_metadata *metadata;
static struct sure__arena arena;

static int set_up(void **state) {
  (void)state;
  metadata = sure_metadata_new();
  return metadata == NULL;
}

static int tear_down(void **state) {
  (void)state;
  metadata = sure_metadata_free(metadata);
  sure__arena_fini(&arena);
  return 0;
}

static struct sure_bytes bytes_of(const char *text) {
  return (struct sure_bytes){(const uint8_t *)text, strlen(text)};
}

static void pairs_keep_their_order_and_keys_may_repeat(void **state) {
  (void)state;
  assert_int_equal(sure_metadata_add(metadata, "b", "1"), SURE_OK);
  assert_int_equal(sure_metadata_add(metadata, "a", ""), SURE_OK);
  assert_int_equal(sure_metadata_add(metadata, "b", "2"), SURE_OK);
  assert_int_equal(sure_metadata_count(metadata), 3);
  assert_string_equal(sure_metadata_key(metadata, 1), "a");
  struct sure_bytes value;
  assert_true(sure_metadata_find(metadata, "b", &value));
  assert_string_equal((const char *)value.data, "1");
  assert_false(sure_metadata_find(metadata, "c", &value));
  assert_int_equal(sure_metadata_count(NULL), 0);
  assert_false(sure_metadata_find(NULL, "b", &value));
}

static void keys_and_values_that_do_not_fit_are_refused(void **state) {
  (void)state;
  static char long_key[SURE_METADATA_KEY_LEN_MAX + 2];
  static const char *const keys[] = {"",       "Upper", "two words", "ümlaut", "grpc-timeout",
                                     "sure-x", "a:b"};
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    assert_int_equal(sure_metadata_add(metadata, keys[i], "v"), SURE_INVALID_ARGUMENT);
  }
  static const char *const values[] = {"line\n", "ümlaut", "\x7f"};
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    assert_int_equal(sure_metadata_add(metadata, "text", values[i]), SURE_INVALID_ARGUMENT);
    assert_int_equal(sure_metadata_add(metadata, "any-bin", values[i]), SURE_OK);
  }
  assert_int_equal(sure_metadata_add(metadata, "-bin", "\n"), SURE_INVALID_ARGUMENT);
  memset(long_key, 'k', SURE_METADATA_KEY_LEN_MAX);
  assert_int_equal(sure_metadata_add(metadata, long_key, "v"), SURE_OK);
  long_key[SURE_METADATA_KEY_LEN_MAX] = 'k';
  assert_int_equal(sure_metadata_add(metadata, long_key, "v"), SURE_INVALID_ARGUMENT);
}

static void fill(size_t len_max) {
  static char text[SURE_METADATA_LEN_MAX + 1];
  memset(text, 'x', sizeof text - 1);
  size_t room = len_max - 1 - 32; /* the key, and what each pair counts */
  text[room + 1] = '\0';
  assert_int_equal(sure_metadata_add(metadata, "k", text), SURE_RESOURCE_EXHAUSTED);
  text[room] = '\0';
  assert_int_equal(sure_metadata_add(metadata, "k", text), SURE_OK);
  assert_int_equal(sure_metadata_add(metadata, "k", ""), SURE_RESOURCE_EXHAUSTED);
}

static void a_set_takes_8_kib_and_no_more(void **state) {
  (void)state;
  fill(SURE_METADATA_LEN_MAX_DEFAULT);
}

static void a_set_can_be_told_to_take_16_kib_and_no_more(void **state) {
  (void)state;
  assert_int_equal(sure_metadata_set_len_max(metadata, SURE_METADATA_LEN_MAX + 1),
                   SURE_INVALID_ARGUMENT);
  assert_int_equal(sure_metadata_set_len_max(metadata, SURE_METADATA_LEN_MAX), SURE_OK);
  fill(SURE_METADATA_LEN_MAX);
}

/* ---- the wire ---- */

static struct sure_bytes pack(const struct sure__meta *meta) {
  struct sure_bytes bytes = {0};
  assert_true(sure__meta_pack(meta, &arena, &bytes));
  return bytes;
}

static void all_that_a_part_can_say_comes_through(void **state) {
  (void)state;
  struct sure__meta out;
  struct sure__meta in;
  sure__meta_init(&out, &arena);
  sure__meta_init(&in, &arena);
  out.traceparent = "00-trace";
  out.as_of_ms = 12345;
  sure_metadata_add(&out.pairs, "a", "1");
  sure_metadata_add(&out.trailing, "b-bin", "\xff");
  assert_int_equal(sure__meta_add_detail(&out, &arena, "x/y", bytes_of("detail")), SURE_OK);
  assert_int_equal(sure__meta_unpack(&in, &arena, pack(&out)), SURE__META_OK);
  assert_string_equal(in.traceparent, "00-trace");
  assert_int_equal(in.as_of_ms, 12345);
  assert_int_equal(in.pairs.count, 1);
  assert_string_equal(in.pairs.pairs[0].key, "a");
  assert_int_equal(in.trailing.pairs[0].value.data[0], 0xff);
  assert_int_equal(in.detail_count, 1);
  assert_string_equal(in.details[0].type_url, "x/y");
  assert_memory_equal(in.details[0].value.data, "detail", 6);
}

static void nothing_to_say_takes_no_bytes(void **state) {
  (void)state;
  struct sure__meta meta;
  sure__meta_init(&meta, &arena);
  assert_int_equal(pack(&meta).len, 0);
  assert_int_equal(sure__meta_unpack(&meta, &arena, (struct sure_bytes){0}), SURE__META_OK);
}

static void malformed_parts_are_found_out(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t len;
  } cases[] = {
      {"\x12", 1},                         /* half a tag */
      {"\x12\x05\x0a\x01", 4},             /* shorter than it says */
      {"\x12\x05\x0a\x01\x41\x12\x00", 7}, /* a key in capitals */
      {"\x12\x02\x0a\x00", 4},             /* an empty key */
      {"\x12\x06\x0a\x01k\x12\x01\n", 8},  /* a line end in text */
      {"\x0a\x02\xff\xff", 4},             /* no UTF-8 */
      {"\x22\x02\x0a\x00", 4},             /* a detail without a type */
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct sure__meta meta;
    sure__meta_init(&meta, &arena);
    struct sure_bytes bytes = {(const uint8_t *)cases[i].bytes, cases[i].len};
    assert_int_equal(sure__meta_unpack(&meta, &arena, bytes), SURE__META_MALFORMED);
  }
}

static void what_a_stranger_sends_is_bounded(void **state) {
  (void)state;
  struct sure__meta out;
  struct sure__meta in;
  sure__meta_init(&out, &arena);
  sure__meta_init(&in, &arena);
  out.pairs.len_max = SIZE_MAX;
  static char text[SURE_METADATA_LEN_MAX + 1];
  memset(text, 'x', sizeof text - 1);
  assert_int_equal(sure_metadata_add(&out.pairs, "k", text), SURE_OK);
  assert_int_equal(sure__meta_unpack(&in, &arena, pack(&out)), SURE__META_MALFORMED);
}

static void details_are_bounded_in_number_and_size(void **state) {
  (void)state;
  struct sure__meta meta;
  sure__meta_init(&meta, &arena);
  static uint8_t large[SURE__DETAILS_LEN_MAX];
  struct sure_bytes value = {large, sizeof large};
  assert_int_equal(sure__meta_add_detail(&meta, &arena, "u", value), SURE_RESOURCE_EXHAUSTED);
  value.len -= 2; /* the URL and its end count, too */
  assert_int_equal(sure__meta_add_detail(&meta, &arena, "u", value), SURE_OK);
  assert_int_equal(sure__meta_add_detail(&meta, &arena, "u", (struct sure_bytes){0}),
                   SURE_RESOURCE_EXHAUSTED);
  sure__meta_init(&meta, &arena);
  for (int i = 0; i < SURE__DETAILS_MAX; i++) {
    assert_int_equal(sure__meta_add_detail(&meta, &arena, "u", (struct sure_bytes){0}), SURE_OK);
  }
  assert_int_equal(sure__meta_add_detail(&meta, &arena, "u", (struct sure_bytes){0}),
                   SURE_RESOURCE_EXHAUSTED);
  assert_int_equal(sure__meta_add_detail(&meta, &arena, "", (struct sure_bytes){0}),
                   SURE_INVALID_ARGUMENT);
}

#define META_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      META_TEST(pairs_keep_their_order_and_keys_may_repeat),
      META_TEST(keys_and_values_that_do_not_fit_are_refused),
      META_TEST(a_set_takes_8_kib_and_no_more),
      META_TEST(a_set_can_be_told_to_take_16_kib_and_no_more),
      META_TEST(all_that_a_part_can_say_comes_through),
      META_TEST(nothing_to_say_takes_no_bytes),
      META_TEST(malformed_parts_are_found_out),
      META_TEST(what_a_stranger_sends_is_bounded),
      META_TEST(details_are_bounded_in_number_and_size),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
