/* Stories of the four semantics: the same loss, and what each makes of it (docs/exactly-once.md,
 * "Semantics"; S18). */
#include "tests/stories/story.h"

static void lose_the_reply(enum story_method method) {
  client_calls(method, "5");
  until(15);
  connection_is_lost();
  until(120);
}

static void exactly_once_replays_the_recorded_reply(void **state) {
  (void)state;
  lose_the_reply(CHARGE);
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

static void at_least_once_doubles(void **state) {
  (void)state;
  lose_the_reply(ADD_NOTE);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: AddNote 1 runs\n"
               "[  10] server > RESPONSE 1 attempt 1 OK\n"
               "[  15] * the connection is lost\n"
               "[  75] client: session 5e550001.. resumed at the server\n"
               "[  75] client > REQUEST 1 attempt 2 watermark 1\n"
               "[  85] server < REQUEST 1 attempt 2\n"
               "[  85] server: AddNote 1 runs\n"
               "[  85] server > RESPONSE 1 attempt 2 OK\n"
               "[  95] client < RESPONSE 1 attempt 2\n"
               "[  95] client: call 1 ends OK, applied: receipt 2\n");
}

static void at_most_once_is_never_sent_again(void **state) {
  (void)state;
  lose_the_reply(RING);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: Ring 1 runs\n"
               "[  10] server > RESPONSE 1 attempt 1 OK\n"
               "[  15] * the connection is lost\n"
               "[  15] client: call 1 ends UNAVAILABLE CONNECTION, unknown\n"
               "[  75] client: session 5e550001.. resumed at the server\n");
}

static void no_side_effects_is_read_again_and_recorded_nowhere(void **state) {
  (void)state;
  lose_the_reply(GET_BALANCE);
  expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
               "[  10] server < REQUEST 1 attempt 1\n"
               "[  10] server: GetBalance 1 runs\n"
               "[  10] server > RESPONSE 1 attempt 1 OK\n"
               "[  15] * the connection is lost\n"
               "[  75] client: session 5e550001.. resumed at the server\n"
               "[  75] client > REQUEST 1 attempt 2 watermark 1\n"
               "[  85] server < REQUEST 1 attempt 2\n"
               "[  85] server: GetBalance 1 runs\n"
               "[  85] server > RESPONSE 1 attempt 2 OK\n"
               "[  95] client < RESPONSE 1 attempt 2\n"
               "[  95] client: call 1 ends OK, applied: re:5\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      STORY(exactly_once_replays_the_recorded_reply),
      STORY(at_least_once_doubles),
      STORY(at_most_once_is_never_sent_again),
      STORY(no_side_effects_is_read_again_and_recorded_nowhere),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
