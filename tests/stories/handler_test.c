/* Stories of handlers: what they refuse, how they are cancelled, and replies that are too large
 * (docs/protocol.md 4.6 and 4.9; S8, S15, S16, S17). */
#include "tests/stories/story.h"

#include <string.h>

/* ---- refusals ---- */

static void a_refusal_is_recorded_and_replayed(void **state) {
  (void)state;
  handlers_return(SURE_FAILED_PRECONDITION);
  client_calls(CHARGE, "5");
  until(15);
  connection_is_lost();
  handlers_return(SURE_OK);
  until(100);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Charge 1 runs\n"
               "[  10] server: FAILED_PRECONDITION of Charge 1 is committed\n"
               "[  10] server > RESPONSE 1 attempt 1 FAILED_PRECONDITION RECORDED\n"
               "[  15] * the connection is lost\n"
               "[  75] client: session 5e550001.. resumed at the server\n"
               "[  75] client > REQUEST 1 attempt 2 watermark 1\n"
               "[  85] server < REQUEST 1 attempt 2\n"
               "[  85] server > RESPONSE 1 attempt 2 FAILED_PRECONDITION RECORDED REPLAYED\n"
               "[  95] client < RESPONSE 1 attempt 2\n"
               "[  95] client: call 1 ends FAILED_PRECONDITION, not applied, recorded, replayed\n");
}

static void unavailable_is_not_recorded_and_runs_again(void **state) {
  (void)state;
  handlers_return(SURE_UNAVAILABLE);
  client_calls(CHARGE, "5");
  until(30);
  handlers_return(SURE_OK);
  until(110);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Charge 1 runs\n"
               "[  10] server: Charge 1 is rolled back\n"
               "[  10] server > RESPONSE 1 attempt 1 UNAVAILABLE ROLLED_BACK\n"
               "[  20] client < RESPONSE 1 attempt 1\n"
               "[  70] client > REQUEST 1 attempt 2 watermark 1\n"
               "[  80] server < REQUEST 1 attempt 2\n"
               "[  80] server: Charge 1 runs\n"
               "[  80] server: Charge 1 is committed\n"
               "[  80] server > RESPONSE 1 attempt 2 OK RECORDED\n"
               "[  90] client < RESPONSE 1 attempt 2\n"
               "[  90] client: call 1 ends OK, applied: receipt 1\n");
}

/* Both attempts were answered, and both were rolled back: that is proof (S19). */
static void what_was_rolled_back_each_time_is_not_applied(void **state) {
  (void)state;
  handlers_return(SURE_UNAVAILABLE);
  client_calls_within(1000, 2, CHARGE, "5");
  until(110);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Charge 1 runs\n"
               "[  10] server: Charge 1 is rolled back\n"
               "[  10] server > RESPONSE 1 attempt 1 UNAVAILABLE ROLLED_BACK\n"
               "[  20] client < RESPONSE 1 attempt 1\n"
               "[  70] client > REQUEST 1 attempt 2 watermark 1\n"
               "[  80] server < REQUEST 1 attempt 2\n"
               "[  80] server: Charge 1 runs\n"
               "[  80] server: Charge 1 is rolled back\n"
               "[  80] server > RESPONSE 1 attempt 2 UNAVAILABLE ROLLED_BACK\n"
               "[  90] client < RESPONSE 1 attempt 2\n"
               "[  90] client: call 1 ends UNAVAILABLE, not applied\n");
}

static void an_external_effect_that_failed_is_in_doubt_and_never_runs_again(void **state) {
  (void)state;
  handlers_return(SURE_UNAVAILABLE);
  client_calls_within(115, 2, SEND_LETTER, "5");
  until(30);
  handlers_return(SURE_OK);
  until(150);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: SendLetter 1 runs\n"
               "[  10] server: SendLetter 1 is in doubt\n"
               "[  10] server > RESPONSE 1 attempt 1 UNAVAILABLE IN_DOUBT\n"
               "[  20] client < RESPONSE 1 attempt 1\n"
               "[  70] client > REQUEST 1 attempt 2 watermark 1\n"
               "[  80] server < REQUEST 1 attempt 2\n"
               "[  80] server > RESPONSE 1 attempt 2 UNAVAILABLE IN_DOUBT\n"
               "[  90] client < RESPONSE 1 attempt 2\n"
               "[  90] client > SETTLE (1) call 1 of session 5e550001..\n"
               "[ 100] server < SETTLE (1)\n"
               "[ 100] server > SETTLED (1) IN_DOUBT\n"
               "[ 110] client < SETTLED (1)\n"
               "[ 110] client: call 1 ends UNAVAILABLE IN_DOUBT, unknown, settled\n");
}

/* ---- cancelling ---- */

/* The connection of the first attempt is still there for the server, so one waiter is left. */
static void cancel_takes_one_waiter_away(void **state) {
  (void)state;
  handlers_take_their_time();
  client_calls(CHARGE, "5");
  until(15);
  connection_stalls();
  until(300);
  client_cancels(1);
  until(320);
  handlers_go_on();
  until(350);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Charge 1 runs\n"
               "[  15] * the connection stalls\n"
               "[  20] server > ACCEPTED 1 attempt 1\n"
               "[ 200] client: closing the connection to the server: the server says nothing\n"
               "[ 260] client: session 5e550001.. resumed at the server\n"
               "[ 260] client > REQUEST 1 attempt 2 watermark 1\n"
               "[ 270] server < REQUEST 1 attempt 2\n"
               "[ 280] server > ACCEPTED 1 attempt 2\n"
               "[ 290] client < ACCEPTED 1 attempt 2\n"
               "[ 300] client > CANCEL 1 attempt 2\n"
               "[ 300] client > SETTLE (1) call 1 of session 5e550001..\n"
               "[ 310] server < CANCEL 1 attempt 2\n"
               "[ 310] server < SETTLE (1)\n"
               "[ 320] server: Charge 1 is committed\n"
               "[ 320] server > RESPONSE 1 attempt 1 OK RECORDED (old connection)\n"
               "[ 320] server > SETTLED (1) RECORD OK RECORDED\n"
               "[ 330] client < SETTLED (1)\n"
               "[ 330] client: call 1 ends CANCELLED CHANNEL, applied, recorded, replayed, "
               "settled\n");
}

static void the_last_waiters_cancel_reaches_the_handler(void **state) {
  (void)state;
  handlers_take_their_time();
  client_calls(CHARGE, "5");
  until(50);
  client_cancels(1);
  until(80);
  handlers_return(SURE_CANCELLED);
  handlers_go_on();
  until(100);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Charge 1 runs\n"
               "[  20] server > ACCEPTED 1 attempt 1\n"
               "[  30] client < ACCEPTED 1 attempt 1\n"
               "[  50] client > CANCEL 1 attempt 1\n"
               "[  50] client > SETTLE (1) call 1 of session 5e550001..\n"
               "[  60] server < CANCEL 1 attempt 1\n"
               "[  60] server: Charge 1 is told that it is cancelled\n"
               "[  60] server < SETTLE (1)\n"
               "[  80] server: Charge 1 is rolled back\n"
               "[  80] server > SETTLED (1) TOMBSTONE\n"
               "[  90] client < SETTLED (1)\n"
               "[  90] client: call 1 ends CANCELLED CHANNEL, not applied, recorded, settled\n");
}

static void a_lost_connection_is_no_cancel(void **state) {
  (void)state;
  handlers_take_their_time();
  client_calls(CHARGE, "5");
  until(15);
  connection_is_lost();
  until(50);
  handlers_go_on();
  until(100);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Charge 1 runs\n"
               "[  15] * the connection is lost\n"
               "[  50] server: Charge 1 is committed\n"
               "[  75] client: session 5e550001.. resumed at the server\n"
               "[  75] client > REQUEST 1 attempt 2 watermark 1\n"
               "[  85] server < REQUEST 1 attempt 2\n"
               "[  85] server > RESPONSE 1 attempt 2 OK RECORDED REPLAYED\n"
               "[  95] client < RESPONSE 1 attempt 2\n"
               "[  95] client: call 1 ends OK, applied, replayed: receipt 1\n");
}

/* ---- replies that are too large ---- */

static const char *too_large_text(void) {
  static char text[300001];
  memset(text, 'x', sizeof text - 1);
  return text;
}

static void a_reply_that_is_too_large_rolls_its_transaction_back(void **state) {
  (void)state;
  handlers_reply(too_large_text());
  client_calls(CLOSE_ACCOUNT, "7");
  until(30);
  expect_story(
      "[   0] client > REQUEST 1 attempt 1 watermark 1\n"
      "[  10] server < REQUEST 1 attempt 1\n"
      "[  10] server: CloseAccount 1 runs\n"
      "[  10] server: RESOURCE_EXHAUSTED of CloseAccount 1 is committed\n"
      "[  10] server > RESPONSE 1 attempt 1 RESOURCE_EXHAUSTED REPLY_TOO_LARGE RECORDED\n"
      "[  20] client < RESPONSE 1 attempt 1\n"
      "[  20] client: call 1 ends RESOURCE_EXHAUSTED REPLY_TOO_LARGE, not applied, recorded\n");
}

/* Without a transaction the effect stands, and only its reply is lost. */
static void an_effect_whose_reply_is_too_large_is_applied_all_the_same(void **state) {
  (void)state;
  handlers_reply(too_large_text());
  client_calls(CHARGE, "5");
  until(30);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Charge 1 runs\n"
               "[  10] server: Charge 1 is committed\n"
               "[  10] server > RESPONSE 1 attempt 1 RESOURCE_EXHAUSTED REPLY_LOST RECORDED\n"
               "[  20] client < RESPONSE 1 attempt 1\n"
               "[  20] client: call 1 ends RESOURCE_EXHAUSTED REPLY_LOST, applied, recorded\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      STORY(a_refusal_is_recorded_and_replayed),
      STORY(unavailable_is_not_recorded_and_runs_again),
      STORY(what_was_rolled_back_each_time_is_not_applied),
      STORY(an_external_effect_that_failed_is_in_doubt_and_never_runs_again),
      STORY(cancel_takes_one_waiter_away),
      STORY(the_last_waiters_cancel_reaches_the_handler),
      STORY(a_lost_connection_is_no_cancel),
      STORY(a_reply_that_is_too_large_rolls_its_transaction_back),
      STORY(an_effect_whose_reply_is_too_large_is_applied_all_the_same),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
