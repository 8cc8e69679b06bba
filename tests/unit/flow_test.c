/* The two halves of a stream, by themselves and against each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rpc/core/inflow.h"
#include "rpc/core/memory.h"
#include "rpc/core/outflow.h"

enum { WINDOW = 1000, LIMIT = 5000, COST = SURE__STREAM_MESSAGE_COST };

static struct sure__inflow in;
static struct sure__outflow out;

static int begin(void **state) {
  (void)state;
  sure__inflow_init(&in, WINDOW, WINDOW, LIMIT);
  sure__outflow_init(&out, WINDOW, WINDOW);
  return 0;
}

static int end(void **state) {
  (void)state;
  sure__inflow_fini(&in);
  sure__outflow_fini(&out);
  return 0;
}

static struct sure__stream_message *message_of(size_t len, uint8_t fill) {
  struct sure__stream_message *message = sure__alloc(sizeof *message + len);
  assert_non_null(message);
  message->len = len;
  memset(message->data, fill, len);
  return message;
}

static void add(size_t len, uint8_t fill) {
  sure__outflow_add(&out, message_of(len, fill));
}

/* Parts of at most `len_max` bytes go over as long as there are any; returns how many bytes. */
static size_t carry(size_t len_max) {
  struct sure__part part;
  size_t len = 0;
  bool is_short;
  while (sure__outflow_part(&out, len_max, &part)) {
    assert_null(sure__inflow_take(&in, &part, &is_short));
    assert_false(is_short);
    len += part.bytes.len;
  }
  return len;
}

static void tell(void) {
  struct sure__window window = sure__inflow_window(&in);
  assert_null(sure__outflow_take(&out, &window));
}

static void expect_message(size_t len, uint8_t fill) {
  struct sure__stream_message *message = sure__inflow_next(&in);
  assert_non_null(message);
  assert_int_equal(len, message->len);
  for (size_t i = 0; i < len; i++) {
    assert_int_equal(fill, message->data[i]);
  }
  sure__free(message);
}

/* ---- order and wholeness ---- */

static void messages_arrive_whole_in_order_and_then_the_end(void **state) {
  (void)state;
  add(100, 'a');
  add(0, 0);
  add(3, 'b');
  sure__outflow_end(&out);
  carry(7);
  expect_message(100, 'a');
  expect_message(0, 0);
  assert_false(sure__inflow_is_over(&in));
  expect_message(3, 'b');
  assert_true(sure__inflow_is_over(&in));
}

static void a_gap_a_repetition_and_more_after_the_end_are_refused(void **state) {
  (void)state;
  bool is_short;
  struct sure__part part = {.index = 1, .total = 4, .bytes = {(const uint8_t *)"ab", 2}};
  assert_null(sure__inflow_take(&in, &part, &is_short));
  assert_non_null(sure__inflow_take(&in, &part, &is_short)); /* again */
  part.offset = 3;
  assert_non_null(sure__inflow_take(&in, &part, &is_short)); /* one byte later */
  part.offset = 2;
  part.total = 5;
  assert_non_null(sure__inflow_take(&in, &part, &is_short)); /* suddenly longer */
  part.total = 4;
  part.bytes.len = 0;
  assert_non_null(sure__inflow_take(&in, &part, &is_short)); /* nothing */
  struct sure__part last = {.index = 1, .is_end = true};
  assert_non_null(sure__inflow_take(&in, &last, &is_short)); /* inside of a message */
  part.bytes.len = 2;
  assert_null(sure__inflow_take(&in, &part, &is_short));
  last.index = 2;
  assert_null(sure__inflow_take(&in, &last, &is_short));
  part = (struct sure__part){.index = 2, .total = 2, .bytes = {(const uint8_t *)"ab", 2}};
  assert_non_null(sure__inflow_take(&in, &part, &is_short)); /* after the end */
}

static void a_message_over_the_limit_is_refused_before_anything_is_allocated(void **state) {
  (void)state;
  bool is_short;
  struct sure__part part = {.index = 1, .total = LIMIT + 1, .bytes = {(const uint8_t *)"ab", 2}};
  assert_non_null(sure__inflow_take(&in, &part, &is_short));
  assert_null(in.coming);
}

/* ---- the window ---- */

static void no_more_is_sent_than_the_window_allows(void **state) {
  (void)state;
  for (int i = 0; i < 50; i++) {
    add(100, 'a');
  }
  assert_in_range(carry(64), WINDOW - 4 * (COST + 64), WINDOW);
  assert_true(in.held_len <= WINDOW);
  carry(64);
  assert_int_equal(0, carry(64));
  for (int i = 0; i < 5; i++) {
    expect_message(100, 'a');
  }
  assert_true(sure__inflow_should_tell(&in));
  tell();
  assert_true(carry(64) > 0);
  assert_true(in.held_len <= WINDOW);
}

static void empty_messages_are_held_back_too(void **state) {
  (void)state;
  for (int i = 0; i < 1000; i++) {
    add(0, 0);
  }
  carry(64);
  size_t count = 0;
  struct sure__stream_message *message;
  while ((message = sure__inflow_next(&in)) != NULL) {
    sure__free(message);
    count++;
  }
  assert_int_equal(WINDOW / COST, count);
}

static void a_message_larger_than_the_window_gets_through(void **state) {
  (void)state;
  add(LIMIT, 'x');
  for (int i = 0; i < 100 && in.index == 1; i++) {
    carry(64);
    if (sure__inflow_should_tell(&in)) {
      tell();
    }
  }
  expect_message(LIMIT, 'x');
}

/* From one window to four of them. */
static void let_grow(void) {
  sure__inflow_fini(&in);
  sure__outflow_fini(&out);
  sure__inflow_init(&in, WINDOW, 4 * WINDOW, LIMIT);
  sure__outflow_init(&out, WINDOW, 4 * WINDOW);
}

static void write_until_full(void) {
  while (!sure__outflow_is_full(&out)) {
    add(100, 'a');
  }
  carry(64);
}

static void read_all_that_came(void) {
  struct sure__stream_message *message;
  while ((message = sure__inflow_next(&in)) != NULL) {
    sure__inflow_ack(&in, in.acked + 1);
    sure__free(message);
    if (sure__inflow_should_tell(&in)) {
      tell();
    }
  }
}

static void a_reader_that_keeps_up_gets_a_larger_window_up_to_a_limit(void **state) {
  (void)state;
  let_grow();
  size_t most = 0;
  for (int i = 0; i < 50; i++) {
    write_until_full();
    most = in.held_len > most ? in.held_len : most;
    read_all_that_came();
  }
  assert_in_range(most, 3 * WINDOW, 4 * WINDOW);
  assert_in_range(out.held_len, 0, 4 * WINDOW + COST + 100);
}

static void a_reader_that_falls_behind_gets_no_more_than_at_first(void **state) {
  (void)state;
  let_grow();
  for (int i = 0; i < 50; i++) {
    write_until_full();
    read_all_that_came();
  }
  for (int i = 0; i < 200; i++) { /* from now on one at a time */
    write_until_full();
    expect_message(100, 'a');
    sure__inflow_ack(&in, in.acked + 1);
    if (sure__inflow_should_tell(&in)) {
      tell();
    }
  }
  assert_in_range(in.held_len, 1, WINDOW);
  assert_in_range(out.held_len, 1, WINDOW + 2 * (COST + 100));
}

/* Neither waits for the other, whatever the reader does. */
static void whatever_a_reader_does_a_writer_gets_on(void **state) {
  (void)state;
  let_grow();
  unsigned dice = 1;
  uint64_t before = 0;
  for (int i = 0; i < 20000; i++) {
    write_until_full();
    dice = dice * 1103515245 + 12345;
    for (unsigned n = dice >> 16 & 31; n > 0 && !sure__list_is_empty(&in.messages); n--) {
      sure__free(sure__inflow_next(&in));
      sure__inflow_ack(&in, in.acked + 1);
      if (sure__inflow_should_tell(&in)) {
        tell();
      }
    }
    if (i % 100 == 99) {
      assert_true(in.acked > before);
      before = in.acked;
    }
  }
}

static void who_sends_beyond_the_window_is_refused(void **state) {
  (void)state;
  static const uint8_t bytes[WINDOW];
  bool is_short;
  struct sure__part part = {.index = 1, .total = 2000, .bytes = {bytes, WINDOW - COST + 1}};
  assert_non_null(sure__inflow_take(&in, &part, &is_short));
  part.bytes.len--;
  assert_null(sure__inflow_take(&in, &part, &is_short));
}

static void windows_that_can_not_be_are_refused(void **state) {
  (void)state;
  add(10, 'a');
  add(10, 'b');
  struct sure__part part;
  assert_true(sure__outflow_part(&out, 64, &part));
  assert_true(sure__outflow_part(&out, 4, &part)); /* it has sent (2, 4) */
  struct sure__window beyond = {.index = 2, .offset = 5};
  struct sure__window later = {.index = 3};
  struct sure__window acked = {.index = 2, .acked = 2};
  assert_non_null(sure__outflow_take(&out, &beyond));
  assert_non_null(sure__outflow_take(&out, &later));
  assert_non_null(sure__outflow_take(&out, &acked));
  struct sure__window here = {.index = 2, .offset = 4, .acked = 1, .credit = 100};
  struct sure__window back = {.index = 1, .credit = 100};
  assert_null(sure__outflow_take(&out, &here));
  assert_non_null(sure__outflow_take(&out, &back));
}

/* ---- a new connection ---- */

static void after_a_loss_it_goes_on_inside_of_the_message(void **state) {
  (void)state;
  bool is_short;
  struct sure__part part;
  add(100, 'a');
  assert_true(sure__outflow_part(&out, 30, &part));
  assert_null(sure__inflow_take(&in, &part, &is_short));
  assert_true(sure__outflow_part(&out, 30, &part)); /* lost with its connection */
  sure__outflow_stop(&out);
  assert_false(sure__outflow_part(&out, 30, &part));
  tell();
  assert_true(sure__outflow_part(&out, 30, &part));
  assert_int_equal(30, part.offset);
  assert_null(sure__inflow_take(&in, &part, &is_short));
  carry(30);
  expect_message(100, 'a');
}

static void the_end_is_said_again_if_it_may_be_lost(void **state) {
  (void)state;
  struct sure__part part;
  sure__outflow_end(&out);
  assert_true(sure__outflow_part(&out, 30, &part));
  assert_true(part.is_end);
  assert_false(sure__outflow_has_part(&out));
  sure__outflow_stop(&out);
  tell();
  assert_true(sure__outflow_part(&out, 30, &part));
  assert_true(part.is_end);
}

static void what_is_acknowledged_is_forgotten_and_nothing_else(void **state) {
  (void)state;
  add(100, 'a');
  add(100, 'b');
  add(100, 'c');
  carry(64);
  expect_message(100, 'a');
  expect_message(100, 'b');
  assert_int_equal(3 * (100 + COST), out.held_len);
  sure__inflow_ack(&in, 1);
  tell();
  assert_int_equal(2 * (100 + COST), out.held_len);
  assert_int_equal(2, out.first);
}

static void a_receiver_that_knows_the_beginning_gets_the_rest(void **state) {
  (void)state;
  add(10, 'a');
  add(10, 'b');
  add(10, 'c');
  carry(64);
  sure__inflow_fini(&in); /* its process dies, and the next one knows two of them */
  sure__inflow_init(&in, WINDOW, WINDOW, LIMIT);
  sure__inflow_begin_at(&in, 3);
  sure__outflow_stop(&out);
  tell();
  assert_int_equal(10 + COST, out.held_len);
  carry(64);
  expect_message(10, 'c');
}

/* ---- chance ---- */

static uint64_t next_random(uint64_t *random) {
  *random ^= *random << 13;
  *random ^= *random >> 7;
  *random ^= *random << 17;
  return *random;
}

/* A stream under random loss: what comes out is what went in, once and in order; and never is more
 * held than may be. */
static void stream_under_loss(uint64_t seed, unsigned count) {
  uint64_t random = seed;
  unsigned added = 0;
  unsigned taken = 0;
  for (unsigned step = 0; taken < count; step++) {
    assert_true(step < count * 1000);
    struct sure__part part;
    bool is_short;
    switch (next_random(&random) % 8) {
    case 0:
      if (added < count) {
        add(next_random(&random) % 400, (uint8_t)added);
        added++;
      }
      break;
    case 1:
      if (next_random(&random) % 4 == 0) { /* all that is under way is lost */
        sure__outflow_stop(&out);
        tell();
      }
      break;
    case 2: {
      struct sure__stream_message *message = sure__inflow_next(&in);
      if (message != NULL) {
        assert_true(message->len == 0 || message->data[0] == (uint8_t)taken);
        sure__free(message);
        sure__inflow_ack(&in, ++taken);
      }
      break;
    }
    case 3:
      if (sure__inflow_should_tell(&in)) {
        tell();
      }
      break;
    default:
      if (!sure__outflow_part(&out, 1 + next_random(&random) % 200, &part)) {
        break;
      }
      if (next_random(&random) % 16 != 0) {
        assert_null(sure__inflow_take(&in, &part, &is_short));
      } else { /* that one was lost, and so the connection is */
        sure__outflow_stop(&out);
        tell();
      }
      break;
    }
    assert_true(in.held_len <= WINDOW);
  }
}

static void streams_survive_random_loss(void **state) {
  for (uint64_t seed = 1; seed <= 200; seed++) {
    begin(state);
    stream_under_loss(seed * 0x9E3779B97F4A7C15u, 100);
    end(state);
  }
  begin(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

/* Its stream was begun again by a server that knows nothing of it. */
static void a_receiver_that_begins_anew_gets_what_was_not_acknowledged(void **state) {
  (void)state;
  add(5, 'a');
  add(6, 'b');
  carry(100);
  struct sure__window window = sure__inflow_window(&in);
  assert_int_equal(3, window.index);
  assert_null(sure__outflow_take(&out, &window));
  window = (struct sure__window){.index = 1, .credit = WINDOW};
  assert_non_null(sure__outflow_take(&out, &window)); /* not on the same connection */
  sure__outflow_stop(&out);
  assert_null(sure__outflow_take(&out, &window));
  sure__inflow_fini(&in);
  sure__inflow_init(&in, WINDOW, WINDOW, LIMIT);
  carry(100);
  expect_message(5, 'a');
  expect_message(6, 'b');
  sure__inflow_ack(&in, 1);
  tell();
  sure__outflow_stop(&out);
  assert_non_null(sure__outflow_take(&out, &window)); /* the first is gone for good */
}

/* Found by the simulator: one receiver had more than the next, and is come back to. */
static void a_receiver_that_had_more_than_the_one_before_goes_on_where_it_stands(void **state) {
  (void)state;
  add(10, 1);
  add(10, 2);
  carry(100); /* to the one whose window is told at the end */
  struct sure__window window = sure__inflow_window(&in);
  struct sure__window other = {.index = 1, .credit = WINDOW};
  sure__outflow_stop(&out);
  assert_null(sure__outflow_take(&out, &other));
  sure__outflow_stop(&out);
  assert_null(sure__outflow_take(&out, &window));
  add(10, 3);
  carry(100);
  for (uint8_t fill = 1; fill <= 3; fill++) {
    struct sure__stream_message *message = sure__inflow_next(&in);
    assert_int_equal(message->data[0], fill);
    sure__free(message);
  }
}

/* Found by a run of both engines: a window can't say that the end has come, so it is sent again. */
static void an_end_that_is_said_again_is_no_message(void **state) {
  (void)state;
  add(5, 1);
  sure__outflow_end(&out);
  carry(100);
  sure__outflow_stop(&out);
  tell();
  struct sure__part part;
  bool is_short;
  assert_true(sure__outflow_part(&out, 100, &part));
  assert_true(part.is_end);
  assert_null(sure__inflow_take(&in, &part, &is_short));
  part.index++;
  assert_non_null(sure__inflow_take(&in, &part, &is_short));
}

/* ---- a receiver that had the beginning from another sender ---- */

static void begin_receiver_at(uint64_t index) {
  out.may_jump = true;
  sure__inflow_begin_at(&in, index);
  sure__outflow_stop(&out);
  tell();
}

static void what_the_receiver_has_already_is_dropped_before_and_after_it_is_told(void **state) {
  (void)state;
  add(10, 1);
  add(10, 2);
  begin_receiver_at(5);
  assert_int_equal(0, carry(100));
  assert_int_equal(4, sure__outflow_acked(&out));
  add(10, 3);
  add(10, 4);
  assert_int_equal(0, carry(100));
  assert_int_equal(0, out.held_len);
  add(10, 5);
  assert_int_equal(10, carry(100));
  expect_message(10, 5);
  sure__inflow_ack(&in, 5);
  tell();
  assert_int_equal(5, sure__outflow_acked(&out));
}

static void what_is_written_beyond_that_is_sent_from_there(void **state) {
  (void)state;
  for (uint8_t fill = 1; fill <= 6; fill++) {
    add(10, fill);
  }
  begin_receiver_at(4);
  assert_int_equal(30, carry(100));
  for (uint8_t fill = 4; fill <= 6; fill++) {
    expect_message(10, fill);
  }
}

static void a_receiver_that_is_ahead_may_be_left_and_come_back_to(void **state) {
  (void)state;
  begin_receiver_at(4);
  add(10, 1);
  sure__outflow_stop(&out);
  tell();
  tell(); /* and say so twice */
  add(10, 2);
  add(10, 3);
  add(10, 4);
  assert_int_equal(10, carry(100));
  sure__outflow_stop(&out);
  tell();
  add(10, 5);
  sure__outflow_end(&out);
  carry(100);
  expect_message(10, 4);
  expect_message(10, 5);
  assert_true(sure__inflow_is_over(&in));
}

static void who_has_less_than_the_receiver_sends_no_end(void **state) {
  (void)state;
  add(10, 1);
  sure__outflow_end(&out);
  begin_receiver_at(4);
  struct sure__part part;
  assert_true(sure__outflow_falls_short(&out));
  assert_false(sure__outflow_part(&out, 100, &part));
}

/* It must have had them all for good, and have said so at the beginning. */
static void only_who_has_all_before_may_be_ahead(void **state) {
  (void)state;
  add(10, 1);
  out.may_jump = true;
  struct sure__window ahead = {.index = 5, .acked = 4, .credit = WINDOW};
  assert_non_null(sure__outflow_take(&out, &ahead)); /* in the middle of a connection */
  sure__outflow_stop(&out);
  struct sure__window partly = {.index = 5, .acked = 3, .credit = WINDOW};
  assert_non_null(sure__outflow_take(&out, &partly));
  struct sure__window inside = {.index = 5, .offset = 3, .acked = 4, .credit = WINDOW};
  assert_non_null(sure__outflow_take(&out, &inside));
  assert_null(sure__outflow_take(&out, &ahead));
}

/* Nobody else could have sent what came before; to believe it would lose messages. */
static void of_a_stream_without_a_key_nobody_may_be_ahead(void **state) {
  (void)state;
  add(10, 1);
  sure__outflow_stop(&out);
  struct sure__window ahead = {.index = 5, .acked = 4, .credit = WINDOW};
  assert_non_null(sure__outflow_take(&out, &ahead));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(messages_arrive_whole_in_order_and_then_the_end),
      TEST(a_gap_a_repetition_and_more_after_the_end_are_refused),
      TEST(a_message_over_the_limit_is_refused_before_anything_is_allocated),
      TEST(no_more_is_sent_than_the_window_allows),
      TEST(empty_messages_are_held_back_too),
      TEST(a_message_larger_than_the_window_gets_through),
      TEST(a_reader_that_keeps_up_gets_a_larger_window_up_to_a_limit),
      TEST(a_reader_that_falls_behind_gets_no_more_than_at_first),
      TEST(whatever_a_reader_does_a_writer_gets_on),
      TEST(who_sends_beyond_the_window_is_refused),
      TEST(windows_that_can_not_be_are_refused),
      TEST(after_a_loss_it_goes_on_inside_of_the_message),
      TEST(the_end_is_said_again_if_it_may_be_lost),
      TEST(what_is_acknowledged_is_forgotten_and_nothing_else),
      TEST(a_receiver_that_knows_the_beginning_gets_the_rest),
      cmocka_unit_test(streams_survive_random_loss),
      TEST(a_receiver_that_begins_anew_gets_what_was_not_acknowledged),
      TEST(a_receiver_that_had_more_than_the_one_before_goes_on_where_it_stands),
      TEST(an_end_that_is_said_again_is_no_message),
      TEST(what_the_receiver_has_already_is_dropped_before_and_after_it_is_told),
      TEST(what_is_written_beyond_that_is_sent_from_there),
      TEST(a_receiver_that_is_ahead_may_be_left_and_come_back_to),
      TEST(who_has_less_than_the_receiver_sends_no_end),
      TEST(only_who_has_all_before_may_be_ahead),
      TEST(of_a_stream_without_a_key_nobody_may_be_ahead),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
