/* Stories of what is lost on the way (docs/protocol.md, sections 4 and 5). */
#include "tests/stories/story.h"

#include <string.h>

static void a_lost_request_is_sent_again_under_its_number(void **state) {
  (void)state;
  client_calls(CHARGE, "5");
  until(5);
  connection_is_lost();
  until(100);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[   5] * the connection is lost\n"
               "[  65] client: session 5e550001.. resumed at the server\n"
               "[  65] client > REQUEST 1 attempt 2 watermark 1\n"
               "[  75] server < REQUEST 1 attempt 2\n"
               "[  75] server: Charge 1 runs\n"
               "[  75] server: Charge 1 is committed\n"
               "[  75] server > RESPONSE 1 attempt 2 OK RECORDED\n"
               "[  85] client < RESPONSE 1 attempt 2\n"
               "[  85] client: call 1 ends OK, applied: receipt 1\n");
}

static void a_lost_reply_is_replayed_and_nothing_runs_again(void **state) {
  (void)state;
  client_calls(CHARGE, "5");
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
               "[  75] client > REQUEST 1 attempt 2 watermark 1\n"
               "[  85] server < REQUEST 1 attempt 2\n"
               "[  85] server > RESPONSE 1 attempt 2 OK RECORDED REPLAYED\n"
               "[  95] client < RESPONSE 1 attempt 2\n"
               "[  95] client: call 1 ends OK, applied, replayed: receipt 1\n");
}

/* The record is in the store, so whoever has the store can answer. */
static void a_reply_lost_between_commit_and_send_is_replayed_by_the_next_server(void **state) {
  (void)state;
  client_calls(CHARGE, "5");
  as_soon_as("server: Charge 1 is committed", server_dies);
  until(50);
  next_server_starts();
  until(200);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Charge 1 runs\n"
               "[  10] server: Charge 1 is committed\n"
               "[  10] * the server dies\n"
               "[  20] client: connection to the server lost: closed by the server\n"
               "[  50] * the next server starts\n"
               "[ 150] client: session 5e550001.. resumed at the server\n"
               "[ 150] client > REQUEST 1 attempt 2 watermark 1\n"
               "[ 160] server < REQUEST 1 attempt 2\n"
               "[ 160] server > RESPONSE 1 attempt 2 OK RECORDED REPLAYED\n"
               "[ 170] client < RESPONSE 1 attempt 2\n"
               "[ 170] client: call 1 ends OK, applied, replayed: receipt 1\n");
}

static void a_server_that_dies_before_the_commit_has_done_nothing(void **state) {
  (void)state;
  commits_take_their_time();
  client_calls(CLOSE_ACCOUNT, "7");
  until(15);
  server_dies();
  until(50);
  next_server_starts();
  until(200);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  15] * the server dies\n"
               "[  25] client: connection to the server lost: closed by the server\n"
               "[  50] * the next server starts\n"
               "[ 155] client: session 5e550001.. resumed at the server\n"
               "[ 155] client > REQUEST 1 attempt 2 watermark 1\n"
               "[ 165] server < REQUEST 1 attempt 2\n"
               "[ 165] server: CloseAccount 1 runs\n"
               "[ 165] server: CloseAccount 1 is committed\n"
               "[ 165] server > RESPONSE 1 attempt 2 OK RECORDED\n"
               "[ 175] client < RESPONSE 1 attempt 2\n"
               "[ 175] client: call 1 ends OK, applied: receipt 1\n");
}

/* The client has given the first connection up, and the server does not know (S7, S16). */
static void a_duplicate_joins_the_running_call_and_both_connections_are_answered(void **state) {
  (void)state;
  handlers_take_their_time();
  client_calls(CHARGE, "5");
  until(15);
  connection_stalls();
  until(300);
  handlers_go_on();
  until(310);
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
               "[ 300] server: Charge 1 is committed\n"
               "[ 300] server > RESPONSE 1 attempt 1 OK RECORDED (old connection)\n"
               "[ 300] server > RESPONSE 1 attempt 2 OK RECORDED JOINED\n"
               "[ 310] client < RESPONSE 1 attempt 2\n"
               "[ 310] client: call 1 ends OK, applied: receipt 1\n");
}

static void a_call_is_not_done_before_its_commit(void **state) {
  (void)state;
  commits_take_their_time();
  client_calls(CHARGE, "5");
  until(15);
  connection_is_lost();
  until(100);
  commits_go_on();
  until(110);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Charge 1 runs\n"
               "[  15] * the connection is lost\n"
               "[  75] client: session 5e550001.. resumed at the server\n"
               "[  75] client > REQUEST 1 attempt 2 watermark 1\n"
               "[  85] server < REQUEST 1 attempt 2\n"
               "[  95] server > ACCEPTED 1 attempt 2\n"
               "[ 100] server: Charge 1 is committed\n"
               "[ 100] server > RESPONSE 1 attempt 2 OK RECORDED JOINED\n"
               "[ 105] client < ACCEPTED 1 attempt 2\n"
               "[ 110] client < RESPONSE 1 attempt 2\n"
               "[ 110] client: call 1 ends OK, applied: receipt 1\n");
}

static const char *large_text(void) {
  static char text[150001];
  memset(text, 'x', sizeof text - 1);
  return text;
}

static void a_large_request_that_is_cut_in_the_middle_goes_on_from_there(void **state) {
  (void)state;
  client_calls(CHARGE, large_text());
  as_soon_as("server < REQUEST 1 attempt 1 goes on", connection_is_lost);
  until(100);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1 MORE\n"
               "[   0] client > REQUEST 1 attempt 1 goes on MORE\n"
               "[   0] client > REQUEST 1 attempt 1 goes on\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server < REQUEST 1 attempt 1 goes on\n"
               "[  10] * the connection is lost\n"
               "[  70] client: session 5e550001.. resumed at the server\n"
               "[  70] client > REQUEST 1 attempt 2 watermark 1 from 130976 RESUMED\n"
               "[  80] server < REQUEST 1 attempt 2\n"
               "[  80] server: Charge 1 runs\n"
               "[  80] server: Charge 1 is committed\n"
               "[  80] server > RESPONSE 1 attempt 2 OK RECORDED\n"
               "[  90] client < RESPONSE 1 attempt 2\n"
               "[  90] client: call 1 ends OK, applied: receipt 1\n");
}

static void a_large_reply_that_is_cut_in_the_middle_goes_on_from_there(void **state) {
  (void)state;
  handlers_reply(large_text());
  client_calls(CHARGE, "5");
  as_soon_as("client < RESPONSE 1 attempt 1 goes on", connection_is_lost);
  until(100);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Charge 1 runs\n"
               "[  10] server: Charge 1 is committed\n"
               "[  10] server > ACCEPTED 1 attempt 1\n"
               "[  10] server > RESPONSE 1 attempt 1 OK MORE RECORDED\n"
               "[  10] server > RESPONSE 1 attempt 1 goes on MORE\n"
               "[  10] server > RESPONSE 1 attempt 1 goes on\n"
               "[  20] client < ACCEPTED 1 attempt 1\n"
               "[  20] client < RESPONSE 1 attempt 1\n"
               "[  20] client < RESPONSE 1 attempt 1 goes on\n"
               "[  20] * the connection is lost\n"
               "[  80] client: session 5e550001.. resumed at the server\n"
               "[  80] client > SETTLE (1) call 1 of session 5e550001.. reply from 130992\n"
               "[  90] server < SETTLE (1)\n"
               "[  90] server > SETTLED (1) RECORD OK RECORDED RESUMED\n"
               "[ 100] client < SETTLED (1)\n"
               "[ 100] client: call 1 ends OK, applied, replayed, settled: 150000 bytes\n");
}

static void an_unanswered_attempt_replaces_the_connection(void **state) {
  (void)state;
  connection_stalls();
  client_calls(CHARGE, "5");
  until(300);
  expect_story("[   0] * the connection stalls\n"
               "[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[ 200] client: closing the connection to the server: the server says nothing\n"
               "[ 260] client: session 5e550001.. resumed at the server\n"
               "[ 260] client > REQUEST 1 attempt 2 watermark 1\n"
               "[ 270] server < REQUEST 1 attempt 2\n"
               "[ 270] server: Charge 1 runs\n"
               "[ 270] server: Charge 1 is committed\n"
               "[ 270] server > RESPONSE 1 attempt 2 OK RECORDED\n"
               "[ 280] client < RESPONSE 1 attempt 2\n"
               "[ 280] client: call 1 ends OK, applied: receipt 1\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      STORY(a_lost_request_is_sent_again_under_its_number),
      STORY(a_lost_reply_is_replayed_and_nothing_runs_again),
      STORY(a_reply_lost_between_commit_and_send_is_replayed_by_the_next_server),
      STORY(a_server_that_dies_before_the_commit_has_done_nothing),
      STORY(a_duplicate_joins_the_running_call_and_both_connections_are_answered),
      STORY(a_call_is_not_done_before_its_commit),
      STORY(a_large_request_that_is_cut_in_the_middle_goes_on_from_there),
      STORY(a_large_reply_that_is_cut_in_the_middle_goes_on_from_there),
      STORY(an_unanswered_attempt_replaces_the_connection),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
