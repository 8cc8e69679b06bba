/* A story's beginning and end, and its time. */
#include "tests/stories/story.h"

#include <string.h>

#include "tests/stories/stage.h"

struct stage stage;

static uint64_t earlier(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

static uint64_t next_ms(void) {
  uint64_t at_ms = earlier(network_next_ms(), sure__server_next_wake(&stage.driver.server));
  for (unsigned i = 0; i < ACTORS_MAX; i++) {
    at_ms = earlier(at_ms, actor_next_ms(&stage.actors[i]));
  }
  return at_ms;
}

/* What is due at `at_ms`: first at the server, then on the network, then at the clients. */
static void step(uint64_t at_ms) {
  driver_advance(&stage.driver, at_ms - stage_now_ms());
  network_send_from_server();
  trace_do_what_is_due();
  network_arrive();
  for (unsigned i = 0; i < ACTORS_MAX; i++) {
    if (actor_next_ms(&stage.actors[i]) <= stage_now_ms()) {
      actor_advance(&stage.actors[i]);
      trace_do_what_is_due();
    }
  }
}

void until(uint64_t ms) {
  uint64_t end_ms = stage.begin_ms + ms;
  assert_true(end_ms >= stage_now_ms());
  uint64_t at_ms;
  while ((at_ms = next_ms()) <= end_ms) {
    step(at_ms > stage_now_ms() ? at_ms : stage_now_ms());
  }
  step(end_ms);
}

void greetings_are_told(void) {
  stage.tells_greetings = true;
}

int story_begin(void **state) {
  (void)state;
  memset(&stage, 0, sizeof stage);
  sure__list_init(&stage.flying);
  sure__list_init(&stage.held);
  trace_begin();
  server_begin();
  actor_start(&stage.actors[0], "client");
  while (stage.actors[0].engine.connectivity != SURE_READY) {
    step(next_ms());
  }
  stage.begin_ms = stage_now_ms();
  trace_begin();
  return 0;
}

int story_end(void **state) {
  (void)state;
  for (unsigned i = 0; i < ACTORS_MAX; i++) {
    actor_end(&stage.actors[i]);
  }
  network_clear();
  server_end();
  return 0;
}
