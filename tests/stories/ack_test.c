/* Stories of acknowledgments: of requests (docs/protocol.md 4.3; S24) and of results (section 6;
 * S9, S10). */
#include "tests/stories/story.h"

/* ---- ACCEPTED ---- */

static void accepted_comes_after_the_ack_delay_and_once(void **state) {
  (void)state;
  handlers_take_their_time();
  client_calls(CHARGE, "5");
  until(150);
  handlers_go_on();
  until(160);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Charge 1 runs\n"
               "[  20] server > ACCEPTED 1 attempt 1\n"
               "[  30] client < ACCEPTED 1 attempt 1\n"
               "[ 150] server: Charge 1 is committed\n"
               "[ 150] server > RESPONSE 1 attempt 1 OK RECORDED\n"
               "[ 160] client < RESPONSE 1 attempt 1\n"
               "[ 160] client: call 1 ends OK, applied: receipt 1\n");
}

static void a_quick_reply_comes_without_accepted(void **state) {
  (void)state;
  handlers_take_their_time();
  client_calls(CHARGE, "5");
  until(19);
  handlers_go_on();
  until(50);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Charge 1 runs\n"
               "[  19] server: Charge 1 is committed\n"
               "[  19] server > RESPONSE 1 attempt 1 OK RECORDED\n"
               "[  29] client < RESPONSE 1 attempt 1\n"
               "[  29] client: call 1 ends OK, applied: receipt 1\n");
}

/* Sent again it would have been after 200 ms. */
static void after_accepted_nothing_is_sent_again_and_pings_take_over(void **state) {
  (void)state;
  handlers_take_their_time();
  client_calls(CHARGE, "5");
  until(1200);
  handlers_go_on();
  until(1210);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Charge 1 runs\n"
               "[  20] server > ACCEPTED 1 attempt 1\n"
               "[  30] client < ACCEPTED 1 attempt 1\n"
               "[ 530] client > PING (1)\n"
               "[ 540] server < PING (1)\n"
               "[ 540] server > PONG (1)\n"
               "[ 550] client < PONG (1)\n"
               "[1050] client > PING (1)\n"
               "[1060] server < PING (1)\n"
               "[1060] server > PONG (1)\n"
               "[1070] client < PONG (1)\n"
               "[1200] server: Charge 1 is committed\n"
               "[1200] server > RESPONSE 1 attempt 1 OK RECORDED\n"
               "[1210] client < RESPONSE 1 attempt 1\n"
               "[1210] client: call 1 ends OK, applied: receipt 1\n");
}

static void silence_after_accepted_replaces_the_connection(void **state) {
  (void)state;
  handlers_take_their_time();
  client_calls(CHARGE, "5");
  until(100);
  connection_stalls();
  until(850);
  handlers_go_on();
  until(860);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Charge 1 runs\n"
               "[  20] server > ACCEPTED 1 attempt 1\n"
               "[  30] client < ACCEPTED 1 attempt 1\n"
               "[ 100] * the connection stalls\n"
               "[ 530] client > PING (1)\n"
               "[ 730] client: closing the connection to the server: the server is silent\n"
               "[ 790] client: session 5e550001.. resumed at the server\n"
               "[ 790] client > REQUEST 1 attempt 2 watermark 1\n"
               "[ 800] server < REQUEST 1 attempt 2\n"
               "[ 810] server > ACCEPTED 1 attempt 2\n"
               "[ 820] client < ACCEPTED 1 attempt 2\n"
               "[ 850] server: Charge 1 is committed\n"
               "[ 850] server > RESPONSE 1 attempt 1 OK RECORDED (old connection)\n"
               "[ 850] server > RESPONSE 1 attempt 2 OK RECORDED JOINED\n"
               "[ 860] client < RESPONSE 1 attempt 2\n"
               "[ 860] client: call 1 ends OK, applied: receipt 1\n");
}

/* ---- acknowledged results ---- */

static void the_acknowledgment_rides_on_the_next_request(void **state) {
  (void)state;
  client_calls(CHARGE, "5");
  until(30);
  client_calls(CHARGE, "6");
  until(60);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Charge 1 runs\n"
               "[  10] server: Charge 1 is committed\n"
               "[  10] server > RESPONSE 1 attempt 1 OK RECORDED\n"
               "[  20] client < RESPONSE 1 attempt 1\n"
               "[  20] client: call 1 ends OK, applied: receipt 1\n"
               "[  30] client > REQUEST 2 attempt 1 watermark 2\n"
               "[  40] server < REQUEST 2 attempt 1\n"
               "[  40] server: records below 2 are freed\n"
               "[  40] server: Charge 2 runs\n"
               "[  40] server: Charge 2 is committed\n"
               "[  40] server > RESPONSE 2 attempt 1 OK RECORDED\n"
               "[  50] client < RESPONSE 2 attempt 1\n"
               "[  50] client: call 2 ends OK, applied: receipt 2\n");
}

static void an_idle_client_acknowledges_alone(void **state) {
  (void)state;
  client_calls(CHARGE, "5");
  until(100);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Charge 1 runs\n"
               "[  10] server: Charge 1 is committed\n"
               "[  10] server > RESPONSE 1 attempt 1 OK RECORDED\n"
               "[  20] client < RESPONSE 1 attempt 1\n"
               "[  20] client: call 1 ends OK, applied: receipt 1\n"
               "[  70] client > ACK watermark 2\n"
               "[  80] server < ACK\n"
               "[  80] server: records below 2 are freed\n");
}

/* An ACK may be lost with its connection, so the next one begins with another. */
static void a_lost_acknowledgment_is_said_again_on_the_next_connection(void **state) {
  (void)state;
  client_calls(CHARGE, "5");
  until(75);
  connection_is_lost();
  until(200);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Charge 1 runs\n"
               "[  10] server: Charge 1 is committed\n"
               "[  10] server > RESPONSE 1 attempt 1 OK RECORDED\n"
               "[  20] client < RESPONSE 1 attempt 1\n"
               "[  20] client: call 1 ends OK, applied: receipt 1\n"
               "[  70] client > ACK watermark 2\n"
               "[  75] * the connection is lost\n"
               "[ 135] client: session 5e550001.. resumed at the server\n"
               "[ 185] client > ACK watermark 2\n"
               "[ 195] server < ACK\n"
               "[ 195] server: records below 2 are freed\n");
}

/* The second call's first attempt is held back, and comes when its result is long acknowledged. */
static void what_is_acknowledged_above_an_open_call_stays_refused(void **state) {
  (void)state;
  handlers_take_their_time();
  client_calls(CHARGE, "5");
  until(100);
  connection_stalls();
  client_calls(CLOSE_ACCOUNT, "7");
  until(450);
  connections_move_on();
  until(500);
  handlers_go_on();
  until(600);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Charge 1 runs\n"
               "[  20] server > ACCEPTED 1 attempt 1\n"
               "[  30] client < ACCEPTED 1 attempt 1\n"
               "[ 100] * the connection stalls\n"
               "[ 100] client > REQUEST 2 attempt 1 watermark 1\n"
               "[ 300] client: closing the connection to the server: the server says nothing\n"
               "[ 360] client: session 5e550001.. resumed at the server\n"
               "[ 360] client > REQUEST 1 attempt 2 watermark 1\n"
               "[ 360] client > REQUEST 2 attempt 2 watermark 1\n"
               "[ 370] server < REQUEST 1 attempt 2\n"
               "[ 370] server < REQUEST 2 attempt 2\n"
               "[ 370] server: CloseAccount 2 runs\n"
               "[ 370] server: CloseAccount 2 is committed\n"
               "[ 370] server > RESPONSE 2 attempt 2 OK RECORDED\n"
               "[ 380] server > ACCEPTED 1 attempt 2\n"
               "[ 380] client < RESPONSE 2 attempt 2\n"
               "[ 380] client: call 2 ends OK, applied: receipt 1\n"
               "[ 390] client < ACCEPTED 1 attempt 2\n"
               "[ 430] client > ACK watermark 1 and 2\n"
               "[ 440] server < ACK\n"
               "[ 440] server: record 2 is freed\n"
               "[ 450] * what has stalled moves on\n"
               "[ 460] server < REQUEST 2 attempt 1 (old connection)\n"
               "[ 460] server > RESPONSE 2 attempt 1 FAILED_PRECONDITION STALE (old connection)\n"
               "[ 500] server: Charge 1 is committed\n"
               "[ 500] server > RESPONSE 1 attempt 2 OK RECORDED JOINED\n"
               "[ 510] client < RESPONSE 1 attempt 2\n"
               "[ 510] client: call 1 ends OK, applied: receipt 2\n"
               "[ 560] client > ACK watermark 3\n"
               "[ 570] server < ACK\n"
               "[ 570] server: records below 3 are freed\n");
}

static void what_is_below_the_watermark_stays_refused(void **state) {
  (void)state;
  client_calls(CHARGE, "5");
  connection_stalls();
  until(400);
  connections_move_on();
  until(450);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[   0] * the connection stalls\n"
               "[ 200] client: closing the connection to the server: the server says nothing\n"
               "[ 260] client: session 5e550001.. resumed at the server\n"
               "[ 260] client > REQUEST 1 attempt 2 watermark 1\n"
               "[ 270] server < REQUEST 1 attempt 2\n"
               "[ 270] server: Charge 1 runs\n"
               "[ 270] server: Charge 1 is committed\n"
               "[ 270] server > RESPONSE 1 attempt 2 OK RECORDED\n"
               "[ 280] client < RESPONSE 1 attempt 2\n"
               "[ 280] client: call 1 ends OK, applied: receipt 1\n"
               "[ 330] client > ACK watermark 2\n"
               "[ 340] server < ACK\n"
               "[ 340] server: records below 2 are freed\n"
               "[ 400] * what has stalled moves on\n"
               "[ 410] server < REQUEST 1 attempt 1 (old connection)\n"
               "[ 410] server > RESPONSE 1 attempt 1 FAILED_PRECONDITION STALE (old connection)\n");
}

/* Forgetting the record would make room, and double the first call. */
static void without_room_new_calls_are_refused_and_no_record_is_given_up(void **state) {
  (void)state;
  store_has_room_for(1);
  client_calls(CHARGE, "5");
  until(15);
  connection_is_lost();
  client_calls(CHARGE, "6");
  until(110);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Charge 1 runs\n"
               "[  10] server: Charge 1 is committed\n"
               "[  10] server > RESPONSE 1 attempt 1 OK RECORDED\n"
               "[  15] * the connection is lost\n"
               "[  75] client: session 5e550001.. resumed at the server\n"
               "[  75] client > REQUEST 2 attempt 1 watermark 1\n"
               "[  75] client > REQUEST 1 attempt 2 watermark 1\n"
               "[  85] server < REQUEST 2 attempt 1\n"
               "[  85] server > RESPONSE 2 attempt 1 RESOURCE_EXHAUSTED OVERLOADED NOT_RUN\n"
               "[  85] server < REQUEST 1 attempt 2\n"
               "[  85] server > RESPONSE 1 attempt 2 OK RECORDED REPLAYED\n"
               "[  95] client < RESPONSE 2 attempt 1\n"
               "[  95] client: call 2 ends RESOURCE_EXHAUSTED OVERLOADED, not applied\n"
               "[  95] client < RESPONSE 1 attempt 2\n"
               "[  95] client: call 1 ends OK, applied, replayed: receipt 1\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      STORY(accepted_comes_after_the_ack_delay_and_once),
      STORY(a_quick_reply_comes_without_accepted),
      STORY(after_accepted_nothing_is_sent_again_and_pings_take_over),
      STORY(silence_after_accepted_replaces_the_connection),
      STORY(the_acknowledgment_rides_on_the_next_request),
      STORY(an_idle_client_acknowledges_alone),
      STORY(a_lost_acknowledgment_is_said_again_on_the_next_connection),
      STORY(what_is_acknowledged_above_an_open_call_stays_refused),
      STORY(what_is_below_the_watermark_stays_refused),
      STORY(without_room_new_calls_are_refused_and_no_record_is_given_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
