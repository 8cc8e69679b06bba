/* Stories of the client engine with replicas, which keep no sessions and serve what may be old. */
#include "client_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "rpc/core/wire.h"

static const char *const both[] = {"tcp://original:1", "tcp://replica:1", NULL};
static const char *const replica_first[] = {"tcp://replica:1", "tcp://original:1", NULL};

static const struct sure_method look_up = {.full_name = "test.Test/LookUp",
                                           .id = 77,
                                           .semantics = SURE_NO_SIDE_EFFECTS,
                                           .partition = SURE_PARTITION_STALE_OK};

/* The link that is wanted comes about and turns out to be a replica's. Returns which. */
static size_t attach_replica(struct story *story) {
  story_connect(story);
  story_give_attached(story, SURE__ATTACHED_READ_ONLY);
  struct sure__frame attach = story_expect(story, SURE__ATTACH);
  assert_int_equal(attach.attach.mode, SURE__ATTACH_NONE);
  story_give_attached(story, SURE__ATTACHED_NONE);
  return story->at;
}

static void replica_serves_what_may_be_old_and_nothing_else(void **state) {
  (void)state;
  struct story story;
  story_begin_with(&story, SURE_PICK_FIRST, both);
  story_refuse_connection(&story);
  attach_replica(&story);
  struct sure__client_call *payment = story_start_with(&story, &charge, 5000, 0);
  struct sure__client_call *read = story_start(&story, &read_it);
  struct sure__client_call *old = story_start(&story, &look_up);
  struct sure__frame request = story_expect(&story, SURE__REQUEST);
  assert_int_equal(request.request.method, look_up.id);
  assert_int_equal(request.request.watermark, 1);
  story_answer(&story, request.sequence, 1, SURE_OK, 0);
  assert_int_equal(story_ended(&story, old).code, SURE_OK);
  story_pass(&story, 1000); /* time for an ACK, if one were due */
  story_expect_nothing(&story);
  story_pass(&story, 9000);
  assert_int_equal(story_ended(&story, payment).outcome, SURE_NOT_APPLIED);
  assert_int_equal(story_ended(&story, read).code, SURE_DEADLINE_EXCEEDED);
  story_end(&story);
}

static void original_is_preferred_while_it_is_there(void **state) {
  (void)state;
  struct story story;
  story_begin_with(&story, SURE_ROUND_ROBIN, both);
  story_attach(&story);
  size_t original = story.at;
  size_t replica = attach_replica(&story);
  for (int i = 0; i < 3; i++) {
    struct sure__client_call *call = story_start(&story, &look_up);
    story.at = replica;
    story_expect_nothing(&story);
    story.at = original;
    struct sure__frame request = story_expect(&story, SURE__REQUEST);
    story_answer(&story, request.sequence, 1, SURE_OK, 0);
    story_ended(&story, call);
  }
  story_end(&story);
}

/* Found by the bank's test: with a replica attached, PICK_FIRST was content and payments waited. */
static void replica_does_not_keep_pick_first_from_dialing_the_original(void **state) {
  (void)state;
  struct story story;
  story_begin_with(&story, SURE_PICK_FIRST, replica_first);
  attach_replica(&story);
  struct sure__client_call *payment = story_start(&story, &charge);
  assert_true(story_wants_connection(&story));
  story_attach(&story);
  assert_string_equal(story.links[story.at].link->endpoint->url, "tcp://original:1");
  story_expect_request(&story, 1, 1);
  story_answer(&story, 1, 1, SURE_OK, SURE__RECORDED);
  assert_int_equal(story_ended(&story, payment).outcome, SURE_APPLIED);
  story_end(&story);
}

static void call_is_retried_at_a_replica_when_the_original_is_lost(void **state) {
  (void)state;
  struct story story;
  story_begin_with(&story, SURE_ROUND_ROBIN, both);
  story_attach(&story);
  size_t original = story.at;
  size_t replica = attach_replica(&story);
  struct sure__client_call *call = story_start(&story, &look_up);
  story.at = original;
  story_expect(&story, SURE__REQUEST);
  story_lose_connection(&story);
  story_pass(&story, 200); /* the pause before the retry */
  story.at = replica;
  struct sure__frame request = story_expect(&story, SURE__REQUEST);
  assert_int_equal(request.attempt, 2);
  story_answer(&story, request.sequence, 2, SURE_OK, 0);
  assert_int_equal(story_ended(&story, call).code, SURE_OK);
  story_end(&story);
}

/* All but the last frame of what the server says. */
static void give_all_but_the_last(struct story *story, const struct sure__frame *frame) {
  struct sure__buffer bytes = {0};
  assert_true(sure__frame_encode(&bytes, frame));
  size_t len = 0;
  size_t frame_len = 0;
  do {
    len += frame_len;
    frame_len = sure__get_u32(bytes.data + len);
  } while (len + frame_len < bytes.len);
  sure__client_receive(&story->client, story->links[story->at].link,
                       (struct sure_bytes){bytes.data, len}, story->now_ms);
  sure__buffer_fini(&bytes);
}

static void replica_that_claims_a_record_is_not_believed(void **state) {
  (void)state;
  static uint8_t big[180 * 1024];
  struct story story;
  story_begin_with(&story, SURE_PICK_FIRST, both);
  story_refuse_connection(&story);
  attach_replica(&story);
  story_start(&story, &look_up);
  struct sure__frame request = story_expect(&story, SURE__REQUEST);
  give_all_but_the_last(&story, &(struct sure__frame){.type = SURE__RESPONSE,
                                                      .flags = SURE__RECORDED,
                                                      .sequence = request.sequence,
                                                      .attempt = 1,
                                                      .payload = {big, sizeof big}});
  story_lose_connection(&story);
  story_none_ended(&story);
  story_end(&story);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(replica_that_claims_a_record_is_not_believed),
      cmocka_unit_test(replica_serves_what_may_be_old_and_nothing_else),
      cmocka_unit_test(original_is_preferred_while_it_is_there),
      cmocka_unit_test(replica_does_not_keep_pick_first_from_dialing_the_original),
      cmocka_unit_test(call_is_retried_at_a_replica_when_the_original_is_lost),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
