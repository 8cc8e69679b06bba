/* Stories of sessions: how one begins, how it ends, and what becomes of its calls
 * (docs/protocol.md, sections 3 and 9; S1, S2, S11). */
#include "tests/stories/story.h"

static void captured_bytes_open_nothing_on_another_connection(void **state) {
  (void)state;
  client_calls(CHARGE, "5");
  until(25);
  greetings_are_told();
  stranger_sends_it_all_again();
  until(60);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Charge 1 runs\n"
               "[  10] server: Charge 1 is committed\n"
               "[  10] server > RESPONSE 1 attempt 1 OK RECORDED\n"
               "[  20] client < RESPONSE 1 attempt 1\n"
               "[  20] client: call 1 ends OK, applied: receipt 1\n"
               "[  25] * a stranger sends again what the client has sent\n"
               "[  25] stranger > HELLO\n"
               "[  25] stranger > ATTACH NEW challenge c4a10001..\n"
               "[  25] stranger > REQUEST 1 attempt 1 watermark 1\n"
               "[  35] server < HELLO (stranger)\n"
               "[  35] server > WELCOME challenge c4a10002.. store 570e0001.. (stranger)\n"
               "[  35] server < ATTACH (stranger)\n"
               "[  35] server > GOAWAY PROTOCOL_ERROR: ATTACH with another connection's challenge "
               "(stranger)\n"
               "[  45] stranger < WELCOME\n"
               "[  45] stranger < GOAWAY\n");
}

static void a_new_connection_resumes_the_session(void **state) {
  (void)state;
  greetings_are_told();
  until(10);
  connection_is_lost();
  until(100);
  expect_story("[  10] * the connection is lost\n"
               "[  30] client > HELLO\n"
               "[  40] server < HELLO\n"
               "[  40] server > WELCOME challenge c4a10002.. store 570e0001..\n"
               "[  50] client < WELCOME\n"
               "[  50] client > ATTACH RESUME session 5e550001.. challenge c4a10002..\n"
               "[  60] server < ATTACH\n"
               "[  60] server > ATTACHED OPEN session 5e550001..\n"
               "[  70] client < ATTACHED\n"
               "[  70] client: session 5e550001.. resumed at the server\n");
}

/* A lease decides only when a session takes no more calls: the records still answer (S11). */
static void a_fenced_session_answers_and_its_calls_go_on_in_another(void **state) {
  (void)state;
  client_calls_within(60000, 0, CHARGE, "5");
  until(15);
  network_goes_down();
  client_calls_within(60000, 0, CHARGE, "6");
  until(9000);
  greetings_are_told();
  network_comes_back();
  until(9390);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Charge 1 runs\n"
               "[  10] server: Charge 1 is committed\n"
               "[  10] server > RESPONSE 1 attempt 1 OK RECORDED\n"
               "[  15] * the network goes down\n"
               "[5940] server: a session is fenced or forgotten\n"
               "[9000] * the network comes back\n"
               "[9272] client > HELLO\n"
               "[9282] server < HELLO\n"
               "[9282] server > WELCOME challenge c4a10002.. store 570e0001..\n"
               "[9292] client < WELCOME\n"
               "[9292] client > ATTACH RESUME session 5e550001.. challenge c4a10002..\n"
               "[9302] server < ATTACH\n"
               "[9302] server > ATTACHED FENCED session 5e550001..\n"
               "[9312] client < ATTACHED\n"
               "[9312] client WARNING: session 5e550001.. (number 1 of this channel) is fenced or "
               "forgotten\n"
               "[9312] client > ATTACH NEW challenge c4a10002..\n"
               "[9322] server < ATTACH\n"
               "[9322] server > ATTACHED OPEN session 5e550002..\n"
               "[9332] client < ATTACHED\n"
               "[9332] client: session 5e550002.. opened at the server\n"
               "[9332] client > SETTLE (1) call 1 of session 5e550001..\n"
               "[9332] client > REQUEST 1 attempt 1 watermark 1\n"
               "[9342] server < SETTLE (1)\n"
               "[9342] server > SETTLED (1) RECORD OK RECORDED\n"
               "[9342] server < REQUEST 1 attempt 1\n"
               "[9342] server: Charge 1 runs\n"
               "[9342] server: Charge 1 is committed\n"
               "[9342] server > RESPONSE 1 attempt 1 OK RECORDED\n"
               "[9352] client < SETTLED (1)\n"
               "[9352] client: call 1 ends OK, applied, replayed, settled: receipt 1\n"
               "[9352] client < RESPONSE 1 attempt 1\n"
               "[9352] client: call 2 ends OK, applied: receipt 2\n");
}

static void a_forgotten_session_leaves_its_calls_unknown_for_good(void **state) {
  (void)state;
  client_calls_within(60000, 0, CHARGE, "5");
  until(15);
  network_goes_down();
  until(25000);
  greetings_are_told();
  network_comes_back();
  until(26050);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Charge 1 runs\n"
               "[  10] server: Charge 1 is committed\n"
               "[  10] server > RESPONSE 1 attempt 1 OK RECORDED\n"
               "[  15] * the network goes down\n"
               "[5940] server: a session is fenced or forgotten\n"
               "[17940] server: a session is fenced or forgotten\n"
               "[25000] * the network comes back\n"
               "[25929] client > HELLO\n"
               "[25939] server < HELLO\n"
               "[25939] server > WELCOME challenge c4a10002.. store 570e0001..\n"
               "[25949] client < WELCOME\n"
               "[25949] client > ATTACH RESUME session 5e550001.. challenge c4a10002..\n"
               "[25959] server < ATTACH\n"
               "[25959] server > ATTACHED LOST session 5e550001..\n"
               "[25969] client < ATTACHED\n"
               "[25969] client ERROR: session 5e550001.. (number 1 of this channel) is forgotten "
               "by the server\n"
               "[25969] client > ATTACH NEW challenge c4a10002..\n"
               "[25979] server < ATTACH\n"
               "[25979] server > ATTACHED OPEN session 5e550002..\n"
               "[25989] client < ATTACHED\n"
               "[25989] client: session 5e550002.. opened at the server\n"
               "[25989] client > SETTLE (1) call 1 of session 5e550001..\n"
               "[25999] server < SETTLE (1)\n"
               "[25999] server > SETTLED (1) UNKNOWN\n"
               "[26009] client < SETTLED (1)\n"
               "[26009] client: call 1 ends UNAVAILABLE SESSION_LOST, unknown, settled\n");
}

/* Neither record nor tombstone could be believed there (S2). */
static void calls_do_not_go_to_another_store(void **state) {
  (void)state;
  client_calls(CHARGE, "5");
  as_soon_as("server: Charge 1 is committed", server_dies);
  until(30);
  another_store_takes_its_place();
  until(100);
  client_calls(CHARGE, "6");
  until(150);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Charge 1 runs\n"
               "[  10] server: Charge 1 is committed\n"
               "[  10] * the server dies\n"
               "[  20] client: connection to the server lost: closed by the server\n"
               "[  30] * a server with another store starts\n"
               "[  60] client ERROR: session 5e550001.. (number 1 of this channel) can't go on: "
               "the endpoint serves another store\n"
               "[  60] client: call 1 ends UNAVAILABLE WRONG_STORE, unknown\n"
               "[  80] client: session 5e550002.. opened at the server\n"
               "[ 100] client > REQUEST 1 attempt 1 watermark 1\n"
               "[ 110] server < REQUEST 1 attempt 1\n"
               "[ 110] server: Charge 1 runs\n"
               "[ 110] server: Charge 1 is committed\n"
               "[ 110] server > RESPONSE 1 attempt 1 OK RECORDED\n"
               "[ 120] client < RESPONSE 1 attempt 1\n"
               "[ 120] client: call 2 ends OK, applied: receipt 2\n");
}

/* The cancelled call's only attempt is still under way (S11). */
static void what_comes_late_in_a_closed_session_does_not_run(void **state) {
  (void)state;
  client_calls_within(60, 0, CHARGE, "5");
  until(15);
  connection_is_lost();
  until(100);
  connection_stalls();
  client_calls(CHARGE, "6");
  until(310);
  client_cancels(2);
  until(370);
  client_leaves();
  until(400);
  connections_move_on();
  until(420);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Charge 1 runs\n"
               "[  10] server: Charge 1 is committed\n"
               "[  10] server > RESPONSE 1 attempt 1 OK RECORDED\n"
               "[  15] * the connection is lost\n"
               "[  60] client: call 1 ends DEADLINE_EXCEEDED CHANNEL, unknown\n"
               "[  75] client: session 5e550001.. resumed at the server\n"
               "[ 100] * the connection stalls\n"
               "[ 100] client > REQUEST 2 attempt 1 watermark 1\n"
               "[ 300] client: closing the connection to the server: the server says nothing\n"
               "[ 310] client: call 2 ends CANCELLED CHANNEL, unknown\n"
               "[ 360] client: session 5e550001.. resumed at the server\n"
               "[ 370] client > ACK watermark 1\n"
               "[ 370] client > CLOSE_SESSION\n"
               "[ 370] client > PING (2)\n"
               "[ 380] server < ACK\n"
               "[ 380] server < CLOSE_SESSION\n"
               "[ 380] server < PING (2)\n"
               "[ 380] server > PONG (2)\n"
               "[ 390] client < PONG (2)\n"
               "[ 400] * what has stalled moves on\n"
               "[ 410] server < REQUEST 2 attempt 1 (old connection)\n"
               "[ 410] server > RESPONSE 2 attempt 1 UNAVAILABLE SESSION_LOST (old connection)\n");
}

/* The first session was fenced, and its call could be settled as long as its store was there. */
static void settle_asks_no_other_store(void **state) {
  (void)state;
  client_calls_within(60, 0, CHARGE, "5");
  until(15);
  network_goes_down();
  until(9000);
  network_comes_back();
  until(9400);
  server_dies();
  another_store_takes_its_place();
  until(9600);
  client_settles(1);
  until(9700);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Charge 1 runs\n"
               "[  10] server: Charge 1 is committed\n"
               "[  10] server > RESPONSE 1 attempt 1 OK RECORDED\n"
               "[  15] * the network goes down\n"
               "[  60] client: call 1 ends DEADLINE_EXCEEDED CHANNEL, unknown\n"
               "[5940] server: a session is fenced or forgotten\n"
               "[9000] * the network comes back\n"
               "[9312] client WARNING: session 5e550001.. (number 1 of this channel) is fenced or "
               "forgotten\n"
               "[9332] client: session 5e550002.. opened at the server\n"
               "[9400] * the server dies\n"
               "[9400] * a server with another store starts\n"
               "[9410] client: connection to the server lost: closed by the server\n"
               "[9450] client ERROR: session 5e550002.. (number 2 of this channel) can't go on: "
               "the endpoint serves another store\n"
               "[9470] client: session 5e550003.. opened at the server\n"
               "[9600] client: settle of call 1 ends FAILED_PRECONDITION WRONG_STORE, unknown\n");
}

/* A client whose numbers somebody else uses, too, can't believe a word of what it hears (S3). */
static void a_session_that_someone_else_uses_is_given_up(void **state) {
  (void)state;
  stranger_calls_in_the_clients_session(1, "5");
  until(50);
  client_calls(CHARGE, "6");
  until(150);
  client_calls(CHARGE, "6");
  until(180);
  expect_story("[   0] * a stranger takes part in the session\n"
               "[   0] stranger > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1 (stranger)\n"
               "[  10] server: Charge 1 runs\n"
               "[  10] server: Charge 1 is committed\n"
               "[  10] server > RESPONSE 1 attempt 1 OK RECORDED (stranger)\n"
               "[  20] stranger < RESPONSE 1 attempt 1\n"
               "[  50] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  60] server < REQUEST 1 attempt 1\n"
               "[  60] server > RESPONSE 1 attempt 1 FAILED_PRECONDITION SEQUENCE_REUSED\n"
               "[  70] client < RESPONSE 1 attempt 1\n"
               "[  70] client ERROR: session 5e550001.. (number 1 of this channel) is used by "
               "someone else too (sequence reuse)\n"
               "[  70] client: closing the connection to the server: the session is over\n"
               "[  70] client: call 1 ends FAILED_PRECONDITION SEQUENCE_REUSED, unknown\n"
               "[ 130] client: session 5e550003.. opened at the server\n"
               "[ 150] client > REQUEST 1 attempt 1 watermark 1\n"
               "[ 160] server < REQUEST 1 attempt 1\n"
               "[ 160] server: Charge 1 runs\n"
               "[ 160] server: Charge 1 is committed\n"
               "[ 160] server > RESPONSE 1 attempt 1 OK RECORDED\n"
               "[ 170] client < RESPONSE 1 attempt 1\n"
               "[ 170] client: call 2 ends OK, applied: receipt 2\n");
}

static void a_draining_server_answers_what_runs_and_takes_nothing_new(void **state) {
  (void)state;
  handlers_take_their_time();
  client_calls(CHARGE, "5");
  until(50);
  server_drains();
  until(55);
  client_calls(CHARGE, "6");
  until(70);
  client_calls(CHARGE, "7");
  until(100);
  handlers_go_on();
  until(130);
  next_server_starts();
  until(270);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Charge 1 runs\n"
               "[  20] server > ACCEPTED 1 attempt 1\n"
               "[  30] client < ACCEPTED 1 attempt 1\n"
               "[  50] * the server drains\n"
               "[  50] server > GOAWAY DRAINING\n"
               "[  55] client > REQUEST 2 attempt 1 watermark 1\n"
               "[  60] client < GOAWAY\n"
               "[  60] client: GOAWAY: the server is draining\n"
               "[  65] server < REQUEST 2 attempt 1\n"
               "[  65] server > RESPONSE 2 attempt 1 UNAVAILABLE DRAINING NOT_RUN\n"
               "[  75] client < RESPONSE 2 attempt 1\n"
               "[ 100] server: Charge 1 is committed\n"
               "[ 100] server > RESPONSE 1 attempt 1 OK RECORDED\n"
               "[ 110] client < RESPONSE 1 attempt 1\n"
               "[ 110] client: closing the connection to the server: it is drained\n"
               "[ 110] client: call 1 ends OK, applied: receipt 1\n"
               "[ 130] * the next server starts\n"
               "[ 190] client: session 5e550001.. resumed at the server\n"
               "[ 190] client > REQUEST 3 attempt 1 watermark 2\n"
               "[ 190] client > REQUEST 2 attempt 2 watermark 2\n"
               "[ 200] server < REQUEST 3 attempt 1\n"
               "[ 200] server: records below 2 are freed\n"
               "[ 200] server: Charge 3 runs\n"
               "[ 200] server: Charge 3 is committed\n"
               "[ 200] server > RESPONSE 3 attempt 1 OK RECORDED\n"
               "[ 200] server < REQUEST 2 attempt 2\n"
               "[ 200] server: Charge 2 runs\n"
               "[ 200] server: Charge 2 is committed\n"
               "[ 200] server > RESPONSE 2 attempt 2 OK RECORDED\n"
               "[ 210] client < RESPONSE 3 attempt 1\n"
               "[ 210] client: call 3 ends OK, applied: receipt 2\n"
               "[ 210] client < RESPONSE 2 attempt 2\n"
               "[ 210] client: call 2 ends OK, applied: receipt 3\n"
               "[ 260] client > ACK watermark 4\n"
               "[ 270] server < ACK\n"
               "[ 270] server: records below 4 are freed\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      STORY(captured_bytes_open_nothing_on_another_connection),
      STORY(a_new_connection_resumes_the_session),
      STORY(a_fenced_session_answers_and_its_calls_go_on_in_another),
      STORY(a_forgotten_session_leaves_its_calls_unknown_for_good),
      STORY(calls_do_not_go_to_another_store),
      STORY(what_comes_late_in_a_closed_session_does_not_run),
      STORY(settle_asks_no_other_store),
      STORY(a_session_that_someone_else_uses_is_given_up),
      STORY(a_draining_server_answers_what_runs_and_takes_nothing_new),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
