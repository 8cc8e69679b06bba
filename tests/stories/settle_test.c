/* Stories of calls that nobody knows the end of, and how it is found out (docs/protocol.md,
 * section 7; S10, S12, S19). */
#include "tests/stories/story.h"

/* Before it says unknown the client asks, as long as time remains (S19). */
static void a_call_in_doubt_settles_itself(void **state) {
  (void)state;
  client_calls_within(1000, 1, CHARGE, "5");
  until(15);
  connection_is_lost();
  until(100);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Charge 1 runs\n"
               "[  10] server: Charge 1 is committed\n"
               "[  10] server > RESPONSE 1 attempt 1 OK RECORDED\n"
               "[  15] * the connection is lost\n"
               "[  75] client: session 5e550001.. resumed at the server\n"
               "[  75] client > SETTLE (1) call 1 of session 5e550001..\n"
               "[  85] server < SETTLE (1)\n"
               "[  85] server > SETTLED (1) RECORD OK RECORDED\n"
               "[  95] client < SETTLED (1)\n"
               "[  95] client: call 1 ends OK, applied, replayed, settled: receipt 1\n");
}

static void unknown_is_not_acknowledged_and_settle_finds_the_record(void **state) {
  (void)state;
  client_calls_within(60, 0, CHARGE, "5");
  until(15);
  connection_is_lost();
  until(100);
  client_calls(CHARGE, "6");
  until(200);
  client_settles(1);
  until(300);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Charge 1 runs\n"
               "[  10] server: Charge 1 is committed\n"
               "[  10] server > RESPONSE 1 attempt 1 OK RECORDED\n"
               "[  15] * the connection is lost\n"
               "[  60] client: call 1 ends DEADLINE_EXCEEDED CHANNEL, unknown\n"
               "[  75] client: session 5e550001.. resumed at the server\n"
               "[ 100] client > REQUEST 2 attempt 1 watermark 1\n"
               "[ 110] server < REQUEST 2 attempt 1\n"
               "[ 110] server: Charge 2 runs\n"
               "[ 110] server: Charge 2 is committed\n"
               "[ 110] server > RESPONSE 2 attempt 1 OK RECORDED\n"
               "[ 120] client < RESPONSE 2 attempt 1\n"
               "[ 120] client: call 2 ends OK, applied: receipt 2\n"
               "[ 170] client > ACK watermark 1 and 2\n"
               "[ 180] server < ACK\n"
               "[ 180] server: record 2 is freed\n"
               "[ 200] client > SETTLE (3) call 1 of session 5e550001..\n"
               "[ 210] server < SETTLE (3)\n"
               "[ 210] server > SETTLED (3) RECORD OK RECORDED\n"
               "[ 220] client < SETTLED (3)\n"
               "[ 220] client: settle of call 1 ends OK, applied, replayed: receipt 1\n"
               "[ 270] client > ACK watermark 3\n"
               "[ 280] server < ACK\n"
               "[ 280] server: records below 3 are freed\n");
}

/* Nothing was handed to a connection, so there is nothing to be found out. */
static void a_call_that_was_never_sent_is_not_applied(void **state) {
  (void)state;
  network_goes_down();
  client_calls_within(100, 0, CHARGE, "5");
  until(150);
  expect_story("[   0] * the network goes down\n"
               "[ 100] client: call 1 ends DEADLINE_EXCEEDED CHANNEL, not applied\n");
}

/* The request is still under way when settle closes the call. */
static void settle_closes_what_has_not_arrived_and_the_late_attempt_is_refused(void **state) {
  (void)state;
  connection_stalls();
  client_calls_within(1000, 1, CHARGE, "5");
  until(290);
  connections_move_on();
  until(320);
  expect_story(
      "[   0] * the connection stalls\n"
      "[   0] client > REQUEST 1 attempt 1 watermark 1\n"
      "[ 200] client: closing the connection to the server: the server says nothing\n"
      "[ 260] client: session 5e550001.. resumed at the server\n"
      "[ 260] client > SETTLE (1) call 1 of session 5e550001..\n"
      "[ 270] server < SETTLE (1)\n"
      "[ 270] server > SETTLED (1) TOMBSTONE\n"
      "[ 280] client < SETTLED (1)\n"
      "[ 280] client: call 1 ends ABORTED TOMBSTONE, not applied, recorded, settled\n"
      "[ 290] * what has stalled moves on\n"
      "[ 300] server < REQUEST 1 attempt 1 (old connection)\n"
      "[ 300] server > RESPONSE 1 attempt 1 ABORTED TOMBSTONE RECORDED (old connection)\n");
}

/* One attempt was rolled back; the other has no answer, and could still run (S19). */
static void one_attempt_without_an_answer_leaves_the_call_in_doubt(void **state) {
  (void)state;
  connection_stalls();
  handlers_return(SURE_UNAVAILABLE);
  client_calls_within(1000, 2, CHARGE, "5");
  until(290);
  handlers_return(SURE_OK);
  until(310);
  connections_move_on();
  until(320);
  expect_story(
      "[   0] * the connection stalls\n"
      "[   0] client > REQUEST 1 attempt 1 watermark 1\n"
      "[ 200] client: closing the connection to the server: the server says nothing\n"
      "[ 260] client: session 5e550001.. resumed at the server\n"
      "[ 260] client > REQUEST 1 attempt 2 watermark 1\n"
      "[ 270] server < REQUEST 1 attempt 2\n"
      "[ 270] server: Charge 1 runs\n"
      "[ 270] server: Charge 1 is rolled back\n"
      "[ 270] server > RESPONSE 1 attempt 2 UNAVAILABLE ROLLED_BACK\n"
      "[ 280] client < RESPONSE 1 attempt 2\n"
      "[ 280] client > SETTLE (1) call 1 of session 5e550001..\n"
      "[ 290] server < SETTLE (1)\n"
      "[ 290] server > SETTLED (1) TOMBSTONE\n"
      "[ 300] client < SETTLED (1)\n"
      "[ 300] client: call 1 ends ABORTED TOMBSTONE, not applied, recorded, settled\n"
      "[ 310] * what has stalled moves on\n"
      "[ 320] server < REQUEST 1 attempt 1 (old connection)\n"
      "[ 320] server > RESPONSE 1 attempt 1 ABORTED TOMBSTONE RECORDED (old connection)\n");
}

static void after_the_tombstone_is_acknowledged_the_number_stays_refused(void **state) {
  (void)state;
  connection_stalls();
  client_calls_within(1000, 1, CHARGE, "5");
  until(400);
  connections_move_on();
  until(450);
  expect_story("[   0] * the connection stalls\n"
               "[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[ 200] client: closing the connection to the server: the server says nothing\n"
               "[ 260] client: session 5e550001.. resumed at the server\n"
               "[ 260] client > SETTLE (1) call 1 of session 5e550001..\n"
               "[ 270] server < SETTLE (1)\n"
               "[ 270] server > SETTLED (1) TOMBSTONE\n"
               "[ 280] client < SETTLED (1)\n"
               "[ 280] client: call 1 ends ABORTED TOMBSTONE, not applied, recorded, settled\n"
               "[ 330] client > ACK watermark 2\n"
               "[ 340] server < ACK\n"
               "[ 340] server: records below 2 are freed\n"
               "[ 400] * what has stalled moves on\n"
               "[ 410] server < REQUEST 1 attempt 1 (old connection)\n"
               "[ 410] server > RESPONSE 1 attempt 1 FAILED_PRECONDITION STALE (old connection)\n");
}

static void settle_waits_for_a_running_call(void **state) {
  (void)state;
  handlers_take_their_time();
  client_calls_within(100, 0, CHARGE, "5");
  until(150);
  client_settles(1);
  until(200);
  handlers_go_on();
  until(250);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Charge 1 runs\n"
               "[  20] server > ACCEPTED 1 attempt 1\n"
               "[  30] client < ACCEPTED 1 attempt 1\n"
               "[ 100] client: call 1 ends DEADLINE_EXCEEDED CHANNEL, unknown\n"
               "[ 100] client > CANCEL 1 attempt 1\n"
               "[ 110] server < CANCEL 1 attempt 1\n"
               "[ 110] server: Charge 1 is told that it is cancelled\n"
               "[ 150] client > SETTLE (2) call 1 of session 5e550001..\n"
               "[ 160] server < SETTLE (2)\n"
               "[ 200] server: Charge 1 is committed\n"
               "[ 200] server > SETTLED (2) RECORD OK RECORDED\n"
               "[ 210] client < SETTLED (2)\n"
               "[ 210] client: settle of call 1 ends OK, applied, replayed: receipt 1\n");
}

static void a_deadline_that_passes_while_settling_leaves_it_unknown(void **state) {
  (void)state;
  client_calls_within(300, 1, CHARGE, "5");
  until(15);
  connection_is_lost();
  as_soon_as("client > SETTLE", connection_stalls);
  until(350);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Charge 1 runs\n"
               "[  10] server: Charge 1 is committed\n"
               "[  10] server > RESPONSE 1 attempt 1 OK RECORDED\n"
               "[  15] * the connection is lost\n"
               "[  75] client: session 5e550001.. resumed at the server\n"
               "[  75] client > SETTLE (1) call 1 of session 5e550001..\n"
               "[  75] * the connection stalls\n"
               "[ 300] client: call 1 ends DEADLINE_EXCEEDED CHANNEL, unknown\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      STORY(a_call_in_doubt_settles_itself),
      STORY(unknown_is_not_acknowledged_and_settle_finds_the_record),
      STORY(a_call_that_was_never_sent_is_not_applied),
      STORY(settle_closes_what_has_not_arrived_and_the_late_attempt_is_refused),
      STORY(after_the_tombstone_is_acknowledged_the_number_stays_refused),
      STORY(one_attempt_without_an_answer_leaves_the_call_in_doubt),
      STORY(settle_waits_for_a_running_call),
      STORY(a_deadline_that_passes_while_settling_leaves_it_unknown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
