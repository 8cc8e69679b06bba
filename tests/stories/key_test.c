/* Stories of idempotency keys, which outlive sessions and clients (S13). */
#include "tests/stories/story.h"

static void a_new_process_finds_the_payment_by_its_key(void **state) {
  (void)state;
  client_calls(PAY, "pay-1:5");
  until(15);
  client_dies();
  second_client_starts();
  second_client_calls(PAY, "pay-1:5");
  until(100);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Pay 1 runs\n"
               "[  10] server: Pay 1 is committed\n"
               "[  10] server > RESPONSE 1 attempt 1 OK RECORDED\n"
               "[  15] * the client dies\n"
               "[  75] client 2: session 5e550002.. opened at the server\n"
               "[  75] client 2 > REQUEST 1 attempt 1 watermark 1\n"
               "[  85] server < REQUEST 1 attempt 1 (client 2)\n"
               "[  85] server > RESPONSE 1 attempt 1 OK RECORDED REPLAYED (client 2)\n"
               "[  95] client 2 < RESPONSE 1 attempt 1\n"
               "[  95] client 2: call 1 ends OK, applied, replayed: receipt 1\n");
}

static void the_same_key_with_another_request_is_refused(void **state) {
  (void)state;
  client_calls(PAY, "pay-1:5");
  until(30);
  client_calls(PAY, "pay-1:6");
  until(60);
  client_calls(PAY, "pay-1:5");
  until(90);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Pay 1 runs\n"
               "[  10] server: Pay 1 is committed\n"
               "[  10] server > RESPONSE 1 attempt 1 OK RECORDED\n"
               "[  20] client < RESPONSE 1 attempt 1\n"
               "[  20] client: call 1 ends OK, applied: receipt 1\n"
               "[  30] client > REQUEST 2 attempt 1 watermark 2\n"
               "[  40] server < REQUEST 2 attempt 1\n"
               "[  40] server: records below 2 are freed\n"
               "[  40] server > RESPONSE 2 attempt 1 FAILED_PRECONDITION KEY_REUSED NOT_RUN\n"
               "[  50] client < RESPONSE 2 attempt 1\n"
               "[  50] client: call 2 ends FAILED_PRECONDITION KEY_REUSED, not applied\n"
               "[  60] client > REQUEST 3 attempt 1 watermark 3\n"
               "[  70] server < REQUEST 3 attempt 1\n"
               "[  70] server: records below 3 are freed\n"
               "[  70] server > RESPONSE 3 attempt 1 OK RECORDED REPLAYED\n"
               "[  80] client < RESPONSE 3 attempt 1\n"
               "[  80] client: call 3 ends OK, applied, replayed: receipt 1\n");
}

/* Who comes second is told to come again until the first has ended. */
static void the_same_key_at_the_same_time_waits_for_the_first(void **state) {
  (void)state;
  second_client_starts();
  until(80);
  handlers_take_their_time();
  client_calls(PAY, "pay-1:5");
  until(85);
  second_client_calls(PAY, "pay-1:5");
  until(140);
  handlers_go_on();
  until(180);
  expect_story("[  60] client 2: session 5e550002.. opened at the server\n"
               "[  80] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  85] client 2 > REQUEST 1 attempt 1 watermark 1\n"
               "[  90] server < REQUEST 1 attempt 1\n"
               "[  90] server: Pay 1 runs\n"
               "[  95] server < REQUEST 1 attempt 1 (client 2)\n"
               "[  95] server > RESPONSE 1 attempt 1 UNAVAILABLE IN_DOUBT (client 2)\n"
               "[ 100] server > ACCEPTED 1 attempt 1\n"
               "[ 105] client 2 < RESPONSE 1 attempt 1\n"
               "[ 110] client < ACCEPTED 1 attempt 1\n"
               "[ 140] server: Pay 1 is committed\n"
               "[ 140] server > RESPONSE 1 attempt 1 OK RECORDED\n"
               "[ 150] client < RESPONSE 1 attempt 1\n"
               "[ 150] client: call 1 ends OK, applied: receipt 1\n"
               "[ 155] client 2 > REQUEST 1 attempt 2 watermark 1\n"
               "[ 165] server < REQUEST 1 attempt 2 (client 2)\n"
               "[ 165] server > RESPONSE 1 attempt 2 OK RECORDED REPLAYED (client 2)\n"
               "[ 175] client 2 < RESPONSE 1 attempt 2\n"
               "[ 175] client 2: call 1 ends OK, applied, replayed: receipt 1\n");
}

static void a_key_whose_call_was_refused_is_used_up(void **state) {
  (void)state;
  handlers_return(SURE_FAILED_PRECONDITION);
  client_calls(PAY, "pay-1:5");
  until(30);
  handlers_return(SURE_OK);
  client_calls(PAY, "pay-1:5");
  until(60);
  client_calls(PAY, "pay-2:5");
  until(90);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Pay 1 runs\n"
               "[  10] server: FAILED_PRECONDITION of Pay 1 is committed\n"
               "[  10] server > RESPONSE 1 attempt 1 FAILED_PRECONDITION RECORDED\n"
               "[  20] client < RESPONSE 1 attempt 1\n"
               "[  20] client: call 1 ends FAILED_PRECONDITION, not applied, recorded\n"
               "[  30] client > REQUEST 2 attempt 1 watermark 2\n"
               "[  40] server < REQUEST 2 attempt 1\n"
               "[  40] server: records below 2 are freed\n"
               "[  40] server > RESPONSE 2 attempt 1 FAILED_PRECONDITION RECORDED REPLAYED\n"
               "[  50] client < RESPONSE 2 attempt 1\n"
               "[  50] client: call 2 ends FAILED_PRECONDITION, not applied, recorded, replayed\n"
               "[  60] client > REQUEST 3 attempt 1 watermark 3\n"
               "[  70] server < REQUEST 3 attempt 1\n"
               "[  70] server: records below 3 are freed\n"
               "[  70] server: Pay 3 runs\n"
               "[  70] server: Pay 3 is committed\n"
               "[  70] server > RESPONSE 3 attempt 1 OK RECORDED\n"
               "[  80] client < RESPONSE 3 attempt 1\n"
               "[  80] client: call 3 ends OK, applied: receipt 1\n");
}

/* With both names of a call known, both are closed (S12). */
static void settle_closes_the_key_as_well(void **state) {
  (void)state;
  connection_stalls();
  client_calls_within(1000, 1, PAY, "pay-1:5");
  until(290);
  second_client_starts();
  second_client_calls(PAY, "pay-1:5");
  until(400);
  expect_story("[   0] * the connection stalls\n"
               "[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[ 200] client: closing the connection to the server: the server says nothing\n"
               "[ 260] client: session 5e550001.. resumed at the server\n"
               "[ 260] client > SETTLE (1) call 1 of session 5e550001.. key 'pay-1'\n"
               "[ 270] server < SETTLE (1)\n"
               "[ 270] server > SETTLED (1) TOMBSTONE\n"
               "[ 280] client < SETTLED (1)\n"
               "[ 280] client: call 1 ends ABORTED TOMBSTONE, not applied, recorded, settled\n"
               "[ 330] client > ACK watermark 2\n"
               "[ 340] server < ACK\n"
               "[ 340] server: records below 2 are freed\n"
               "[ 350] client 2: session 5e550003.. opened at the server\n"
               "[ 350] client 2 > REQUEST 1 attempt 1 watermark 1\n"
               "[ 360] server < REQUEST 1 attempt 1 (client 2)\n"
               "[ 360] server > RESPONSE 1 attempt 1 ABORTED TOMBSTONE RECORDED (client 2)\n"
               "[ 370] client 2 < RESPONSE 1 attempt 1\n"
               "[ 370] client 2: call 1 ends ABORTED TOMBSTONE, not applied, recorded\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      STORY(a_new_process_finds_the_payment_by_its_key),
      STORY(the_same_key_with_another_request_is_refused),
      STORY(the_same_key_at_the_same_time_waits_for_the_first),
      STORY(settle_closes_the_key_as_well),
      STORY(a_key_whose_call_was_refused_is_used_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
