/* Long messages that take turns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rpc/core/bodies.h"

enum { FRAMES = 3, LONG_LEN = (FRAMES - 1) * SURE__FRAME_LEN_MAX + 100 };

static struct sure__bodies bodies;
static struct sure__buffer out;
static uint8_t payload[LONG_LEN];

static int begin(void **state) {
  (void)state;
  sure__bodies_init(&bodies);
  out = (struct sure__buffer){0};
  return 0;
}

static int end(void **state) {
  (void)state;
  sure__bodies_fini(&bodies);
  sure__buffer_fini(&out);
  return 0;
}

static void add(uint64_t sequence, size_t len) {
  const struct sure__frame frame = {.type = SURE__RESPONSE,
                                    .sequence = sequence,
                                    .attempt = 1,
                                    .payload = {.data = payload, .len = len}};
  assert_true(sure__is_long(frame.payload.len));
  assert_true(sure__bodies_add(&bodies, &frame));
}

/* The next frame is one of message `sequence`. */
static void expect_frame_of(uint64_t sequence) {
  struct sure__frame frame;
  const char *problem;
  sure__buffer_clear(&out, SIZE_MAX);
  size_t len = sure__bodies_next(&bodies, &out);
  assert_int_equal(len, out.len);
  assert_in_range(len, 1, SURE__FRAME_LEN_MAX);
  size_t frame_len;
  assert_int_equal(SURE__DECODED_FRAME, sure__frame_decode((struct sure_bytes){out.data, out.len},
                                                           &frame, &frame_len, &problem));
  assert_int_equal(len, frame_len);
  assert_int_equal(sequence, frame.sequence);
}

static void frames_of_long_messages_take_turns(void **state) {
  (void)state;
  add(1, LONG_LEN);
  add(2, LONG_LEN);
  for (int i = 0; i < FRAMES; i++) {
    expect_frame_of(1);
    expect_frame_of(2);
  }
  assert_true(sure__bodies_is_empty(&bodies));
  assert_int_equal(0, bodies.len);
}

static void of_many_only_a_few_are_begun_at_a_time(void **state) {
  (void)state;
  enum { COUNT = SURE__BODIES_GOING_MAX + 2 };
  for (uint64_t i = 1; i <= COUNT; i++) {
    add(i, LONG_LEN);
  }
  for (int i = 0; i < FRAMES; i++) {
    for (uint64_t sequence = 1; sequence <= SURE__BODIES_GOING_MAX; sequence++) {
      expect_frame_of(sequence);
    }
  }
  expect_frame_of(COUNT - 1);
  expect_frame_of(COUNT);
}

static void one_that_is_dropped_makes_place_for_the_next(void **state) {
  (void)state;
  for (uint64_t i = 1; i <= SURE__BODIES_GOING_MAX + 2; i++) {
    add(i, LONG_LEN);
  }
  expect_frame_of(1);
  sure__bodies_drop(&bodies, 1, 1);
  sure__bodies_drop(&bodies, SURE__BODIES_GOING_MAX + 2, 1); /* it had not been begun */
  sure__bodies_drop(&bodies, 2, 9);                          /* there is no such attempt */
  for (uint64_t sequence = 2; sequence <= SURE__BODIES_GOING_MAX + 1; sequence++) {
    expect_frame_of(sequence);
  }
  expect_frame_of(2);
}

/* Found by the simulator: a request that was read twice is answered twice. */
static void messages_of_one_attempt_come_one_after_the_other(void **state) {
  (void)state;
  add(1, LONG_LEN);
  add(2, LONG_LEN);
  add(1, LONG_LEN);
  struct sure__frame last = {.type = SURE__RESPONSE, .sequence = 1, .attempt = 1};
  assert_true(sure__bodies_has(&bodies, 1, 1));
  assert_true(sure__bodies_add(&bodies, &last));
  for (int i = 0; i < FRAMES; i++) {
    expect_frame_of(1);
    expect_frame_of(2);
  }
  for (int i = 0; i < FRAMES + 1; i++) {
    assert_true(sure__bodies_has(&bodies, 1, 1));
    expect_frame_of(1);
  }
  assert_true(sure__bodies_is_empty(&bodies));
}

static size_t largest;

static void *note_largest(void *user, void *memory, size_t size) {
  (void)user;
  largest = size > largest ? size : largest;
  return realloc(memory, size);
}

static void give_back(void *user, void *memory) {
  (void)user;
  free(memory);
}

static void what_was_sent_is_not_kept_of_one_that_never_ends(void **state) {
  (void)state;
  sure_set_allocator(&(struct sure_allocator){.realloc = note_largest, .free = give_back});
  add(1, LONG_LEN);
  size_t len = bodies.len;
  for (int i = 0; i < 100; i++) {
    add(1, LONG_LEN);
    for (int k = 0; k < FRAMES; k++) {
      expect_frame_of(1);
    }
    assert_int_equal(len, bodies.len);
  }
  assert_in_range(largest, 1, 8 * len);
  sure_set_allocator(&(struct sure_allocator){0});
}

static void short_messages_go_out_at_once(void **state) {
  (void)state;
  const struct sure__frame frame = {.payload = {.data = payload, .len = 16 * 1024}};
  assert_false(sure__is_long(frame.payload.len));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(frames_of_long_messages_take_turns),
      TEST(of_many_only_a_few_are_begun_at_a_time),
      TEST(one_that_is_dropped_makes_place_for_the_next),
      TEST(messages_of_one_attempt_come_one_after_the_other),
      TEST(what_was_sent_is_not_kept_of_one_that_never_ends),
      TEST(short_messages_go_out_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
