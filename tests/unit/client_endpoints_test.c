/* Stories of the client engine with several endpoints: which are dialed, which get the attempts,
 * which are left alone, and what a caller can see of it (S2). */
#include "client_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "rpc/core/client_stream.h"

static const char *const two[] = {"tcp://a:1", "tcp://b:1", NULL};
static const char *const three[] = {"tcp://a:1", "tcp://b:1", "tcp://c:1", NULL};

/* All endpoints connected, in their order; links 0, 1, ... belong to them. */
static void attach_all(struct story *story, size_t count) {
  story_attach(story);
  for (size_t i = 1; i < count; i++) {
    story_attach(story);
  }
}

static uint8_t take_type(struct story *story, size_t at) {
  const struct story_link *link = &story->links[at];
  return link->wire.len > link->looked_len ? link->wire.data[link->looked_len + 4] : 0;
}

/* The link, of the first `count`, over which a REQUEST has left that nobody looked at yet. */
static size_t find_request(struct story *story, size_t count) {
  for (size_t i = 0; i < count; i++) {
    story->at = i;
    while (take_type(story, i) == SURE__ACK) {
      story_expect(story, SURE__ACK);
    }
    if (take_type(story, i) == SURE__REQUEST) {
      return i;
    }
  }
  fail_msg("no request has left");
  return 0;
}

/* One call, sent and answered OK; returns over which link. */
static size_t call_once(struct story *story, size_t count) {
  struct sure__client_call *call = story_start(story, &charge);
  size_t at = find_request(story, count);
  struct sure__frame request = story_expect(story, SURE__REQUEST);
  story_answer(story, request.sequence, request.attempt, SURE_OK, SURE__RECORDED);
  story_ended(story, call);
  return at;
}

/* ---- dialing ---- */

static void pick_first_dials_one_and_stays_with_it(void **state) {
  (void)state;
  struct story story;
  story_begin_with(&story, SURE_PICK_FIRST, two);
  story_attach(&story);
  assert_string_equal(story.links[0].link->endpoint->url, "tcp://a:1");
  story_pass(&story, 60000);
  assert_false(story_wants_connection(&story));
  story_end(&story);
}

static void pick_first_goes_to_the_next_at_once_when_one_can_not_be_had(void **state) {
  (void)state;
  struct story story;
  story_begin_with(&story, SURE_PICK_FIRST, two);
  story_refuse_connection(&story);
  assert_true(story_wants_connection(&story));
  story_attach(&story);
  assert_string_equal(story.links[1].link->endpoint->url, "tcp://b:1");
  story_end(&story);
}

/* Found by the simulator: it waited for a connection that nobody dialed. */
static void pick_first_comes_back_to_where_a_stream_is(void **state) {
  (void)state;
  static const struct sure_method watch = {.full_name = "t.T/Watch",
                                           .id = 77,
                                           .server_streams = true,
                                           .semantics = SURE_NO_SIDE_EFFECTS};
  struct story story;
  story_begin_with(&story, SURE_PICK_FIRST, two);
  story_attach(&story);
  struct sure__client_stream stream;
  sure__client_stream_init(&stream, &watch, 1000);
  struct sure__client_call *call = sure__client_call_new(&story.client);
  call->method = &watch;
  call->timeout_ms = 10000;
  call->stream = &stream;
  assert_null(sure__client_start(&story.client, call, story.now_ms).text);
  story_pass(&story, 0);
  uint64_t sequence = story_expect(&story, SURE__REQUEST).sequence;
  story_give(&story, &(struct sure__frame){.type = SURE__DATA,
                                           .sequence = sequence,
                                           .attempt = 1,
                                           .payload = {(const uint8_t *)"one", 3},
                                           .data = {.index = 1, .total = 3}});
  story_lose_connection(&story);
  story_attach(&story); /* at once; the first has to wait for a moment */
  assert_string_equal(story.links[story.at].link->endpoint->url, "tcp://b:1");
  story_attach(&story);
  assert_string_equal(story.links[story.at].link->endpoint->url, "tcp://a:1");
  story_expect_request(&story, sequence, 2);
  sure__client_cancel(&story.client, call->handle, story.now_ms);
  story_pass(&story, 0);
  story_ended(&story, call);
  sure__client_stream_fini(&stream);
  story_end(&story);
}

static void round_robin_dials_all_and_opens_one_session_for_them(void **state) {
  (void)state;
  struct story story;
  story_begin_with(&story, SURE_ROUND_ROBIN, two);
  story_connect(&story); /* sends ATTACH */
  size_t first = story.at;
  story_connect(&story); /* waits: the other link is opening the session */
  size_t second = story.at;
  story_expect_nothing(&story);
  story.at = first;
  story_give_attached(&story, SURE__ATTACHED_OPEN);
  story.at = second;
  struct sure__frame attach = story_expect(&story, SURE__ATTACH);
  assert_int_equal(attach.attach.mode, SURE__ATTACH_RESUME);
  assert_memory_equal(&attach.attach.session, &story.session, sizeof story.session);
  story_give_attached(&story, SURE__ATTACHED_OPEN);
  assert_int_equal(story.client.stats.sessions, 1);
  assert_int_equal(story.client.stats.connects, 2);
  story_end(&story);
}

static void
link_that_was_to_open_the_session_and_broke_is_replaced_by_one_that_waits(void **state) {
  (void)state;
  struct story story;
  story_begin_with(&story, SURE_ROUND_ROBIN, two);
  story_connect(&story);
  size_t first = story.at;
  story_connect(&story);
  size_t second = story.at;
  story.at = first;
  story_lose_connection(&story);
  story.at = second;
  struct sure__frame attach = story_expect(&story, SURE__ATTACH);
  assert_int_equal(attach.attach.mode, SURE__ATTACH_NEW);
  story_end(&story);
}

static void endpoint_with_another_store_is_not_used_and_ends_nothing(void **state) {
  (void)state;
  struct story story;
  story_begin_with(&story, SURE_ROUND_ROBIN, two);
  story_attach(&story);
  struct sure__client_call *call = story_start(&story, &charge);
  story_expect_request(&story, 1, 1);
  story.store.bytes[0] = 8;
  story_connect(&story);
  assert_string_equal(story_closed(&story), "it serves another store");
  story_none_ended(&story);
  story.at = 0;
  story_answer(&story, 1, 1, SURE_OK, SURE__RECORDED);
  assert_int_equal(story_ended(&story, call).outcome, SURE_APPLIED);
  story_end(&story);
}

static void new_addresses_replace_the_old_ones_and_what_runs_is_answered(void **state) {
  (void)state;
  static const char *const other[] = {"tcp://c:1"};
  struct story story;
  story_begin_with(&story, SURE_PICK_FIRST, two);
  story_attach(&story);
  struct sure__client_call *call = story_start(&story, &charge);
  story_expect_request(&story, 1, 1);
  assert_true(sure__client_set_endpoints(&story.client, other, 1, story.now_ms));
  story_attach(&story);
  assert_string_equal(story.links[story.at].link->endpoint->url, "tcp://c:1");
  struct sure__client_call *next = story_start(&story, &charge);
  story_expect_request(&story, 2, 1);
  story_answer(&story, 2, 1, SURE_OK, SURE__RECORDED);
  story_ended(&story, next);
  story.at = 0;
  story_answer(&story, 1, 1, SURE_OK, SURE__RECORDED);
  story_ended(&story, call);
  assert_string_equal(story.links[0].closed, "it is drained");
  story_end(&story);
}

/* ---- balancing ---- */

static void round_robin_takes_turns(void **state) {
  (void)state;
  struct story story;
  story_begin_with(&story, SURE_ROUND_ROBIN, three);
  attach_all(&story, 3);
  for (size_t i = 0; i < 9; i++) {
    assert_int_equal(call_once(&story, 3), i % 3);
  }
  story_end(&story);
}

static void least_outstanding_prefers_who_has_less_to_do(void **state) {
  (void)state;
  struct story story;
  story_begin_with(&story, SURE_LEAST_OUTSTANDING, two);
  attach_all(&story, 2);
  struct sure__client_call *slow = story_start(&story, &charge);
  size_t busy = find_request(&story, 2);
  story_expect(&story, SURE__REQUEST);
  for (int i = 0; i < 20; i++) {
    assert_int_equal(call_once(&story, 2), 1 - busy);
  }
  (void)slow;
  story_end(&story);
}

static void retry_goes_to_another_endpoint(void **state) {
  (void)state;
  struct story story;
  story_begin_with(&story, SURE_ROUND_ROBIN, two);
  attach_all(&story, 2);
  for (int i = 0; i < 5; i++) {
    struct sure__client_call *call = story_start(&story, &charge);
    size_t first = find_request(&story, 2);
    struct sure__frame request = story_expect(&story, SURE__REQUEST);
    story_refuse(&story, request.sequence, 1, SURE_UNAVAILABLE, SURE_REASON_STORE_BUSY,
                 SURE__NOT_RUN);
    story_pass(&story, 60);
    assert_int_equal(find_request(&story, 2), 1 - first);
    story_expect(&story, SURE__REQUEST);
    story_answer(&story, request.sequence, 2, SURE_OK, SURE__RECORDED);
    story_ended(&story, call);
  }
  story_end(&story);
}

static void lost_endpoint_leaves_its_calls_to_the_other_under_their_numbers(void **state) {
  (void)state;
  struct story story;
  story_begin_with(&story, SURE_ROUND_ROBIN, two);
  attach_all(&story, 2);
  struct sure__client_call *call = story_start(&story, &charge);
  size_t first = find_request(&story, 2);
  story_expect_request(&story, 1, 1);
  story_lose_connection(&story);
  story_pass(&story, 60);
  story.at = 1 - first;
  story_expect_request(&story, 1, 2);
  story_answer(&story, 1, 2, SURE_OK, SURE__RECORDED | SURE__REPLAYED);
  assert_true(story_ended(&story, call).replayed);
  story_end(&story);
}

/* Bytes of one connection mean nothing on another (S1). */
static void answer_on_another_connection_is_no_answer(void **state) {
  (void)state;
  struct story story;
  story_begin_with(&story, SURE_ROUND_ROBIN, two);
  attach_all(&story, 2);
  struct sure__client_call *call = story_start(&story, &charge);
  size_t asked = find_request(&story, 2);
  story.at = 1 - asked;
  story_refuse(&story, 1, 1, SURE_NOT_FOUND, SURE_REASON_NONE, SURE__RECORDED);
  story_none_ended(&story);
  story.at = asked;
  story_answer(&story, 1, 1, SURE_OK, SURE__RECORDED);
  assert_int_equal(story_ended(&story, call).outcome, SURE_APPLIED);
  story_end(&story);
}

static void draining_endpoint_gets_nothing_new_and_answers_what_it_has(void **state) {
  (void)state;
  struct story story;
  story_begin_with(&story, SURE_ROUND_ROBIN, two);
  attach_all(&story, 2);
  struct sure__client_call *running = story_start(&story, &charge);
  size_t draining = find_request(&story, 2);
  story_expect(&story, SURE__REQUEST);
  story_give(&story, &(struct sure__frame){.type = SURE__GOAWAY,
                                           .goaway = {.reason = SURE__GOAWAY_DRAINING}});
  for (int i = 0; i < 4; i++) {
    assert_int_equal(call_once(&story, 2), 1 - draining);
  }
  story.at = draining;
  story_answer(&story, 1, 1, SURE_OK, SURE__RECORDED);
  story_ended(&story, running);
  assert_string_equal(story.links[draining].closed, "it is drained");
  story_end(&story);
}

/* ---- outliers ---- */

static void fail_once(struct story *story, size_t *out_at) {
  struct sure__client_call *call = story_start_with(story, &charge, 10000, 1);
  *out_at = find_request(story, 3);
  struct sure__frame request = story_expect(story, SURE__REQUEST);
  story_refuse(story, request.sequence, 1, SURE_UNAVAILABLE, SURE_REASON_NONE, SURE__ROLLED_BACK);
  story_ended(story, call);
}

static void fail_on(struct story *story, size_t bad, unsigned count) {
  for (unsigned i = 0; i < count;) {
    struct sure__client_call *call = story_start_with(story, &charge, 10000, 1);
    size_t at = find_request(story, 3);
    struct sure__frame request = story_expect(story, SURE__REQUEST);
    if (at == bad) {
      story_refuse(story, request.sequence, 1, SURE_UNAVAILABLE, SURE_REASON_NONE,
                   SURE__ROLLED_BACK);
      i++;
    } else {
      story_answer(story, request.sequence, 1, SURE_OK, SURE__RECORDED);
    }
    story_ended(story, call);
  }
}

static void five_failures_in_a_row_eject_an_endpoint_for_a_while(void **state) {
  (void)state;
  struct story story;
  story_begin_with(&story, SURE_ROUND_ROBIN, three);
  attach_all(&story, 3);
  fail_on(&story, 1, 5);
  assert_int_equal(story.client.stats.ejections, 1);
  for (int i = 0; i < 8; i++) {
    assert_int_not_equal(call_once(&story, 3), 1);
  }
  story_pass(&story, 30000);
  bool is_back = false;
  for (int i = 0; i < 3; i++) {
    is_back = is_back || call_once(&story, 3) == 1;
  }
  assert_true(is_back);
  story_end(&story);
}

static void each_ejection_is_longer_up_to_a_limit(void **state) {
  (void)state;
  struct story story;
  story_begin_with(&story, SURE_ROUND_ROBIN, three);
  attach_all(&story, 3);
  const uint64_t expected_ms[] = {30000, 60000, 60000};
  for (size_t i = 0; i < 3; i++) {
    fail_on(&story, 0, 5);
    const struct sure__endpoint_health *health = &story.links[0].link->endpoint->health;
    assert_int_equal(health->ejected_until_ms - story.now_ms, expected_ms[i]);
    sure__timers_cancel(&story.client.timers, &story.client.outlier_timer); /* no forgiveness */
    story_pass(&story, expected_ms[i]);
  }
  story_end(&story);
}

static void share_of_failures_ejects_without_a_row_of_them(void **state) {
  (void)state;
  struct story story;
  story_begin_with(&story, SURE_ROUND_ROBIN, three);
  attach_all(&story, 3);
  for (int i = 0; i < 6; i++) {
    fail_on(&story, 2, 2); /* two of three */
    while (call_once(&story, 3) != 2) {
    }
  }
  assert_int_equal(story.client.stats.ejections, 0);
  story_pass(&story, 10000);
  assert_int_equal(story.client.stats.ejections, 1);
  for (int i = 0; i < 4; i++) {
    assert_int_not_equal(call_once(&story, 3), 2);
  }
  story_end(&story);
}

static void no_more_endpoints_are_ejected_than_may_be(void **state) {
  (void)state;
  struct story story;
  story_begin_with(&story, SURE_ROUND_ROBIN, three);
  attach_all(&story, 3);
  size_t at;
  for (int i = 0; i < 60; i++) {
    fail_once(&story, &at);
  }
  assert_int_equal(story.client.stats.ejections, 1); /* two of three are over 40 % */
  story_end(&story);
}

static void only_endpoint_is_never_ejected(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  for (int i = 0; i < 20; i++) {
    size_t at;
    fail_once(&story, &at);
  }
  assert_int_equal(story.client.stats.ejections, 0);
  call_once(&story, 1);
  story_end(&story);
}

/* ---- connectivity ---- */

static void state_tells_of_connecting_readiness_and_failure(void **state) {
  (void)state;
  struct story story;
  story_begin_with(&story, SURE_PICK_FIRST, two);
  assert_int_equal(story.client.connectivity, SURE_CONNECTING);
  story_refuse_connection(&story);
  assert_int_equal(story.client.connectivity, SURE_CONNECTING); /* one is left to try */
  story_refuse_connection(&story);
  assert_int_equal(story.client.connectivity, SURE_TRANSIENT_FAILURE);
  story_pass(&story, 60); /* the next tries are under way, and nothing is better yet */
  assert_int_equal(story.client.connectivity, SURE_TRANSIENT_FAILURE);
  story.client.state_has_changed = false;
  story_attach(&story);
  assert_int_equal(story.client.connectivity, SURE_READY);
  assert_true(story.client.state_has_changed);
  story_lose_connection(&story);
  assert_int_not_equal(story.client.connectivity, SURE_READY);
  story_end(&story);
}

static struct sure__client_call *start_impatient(struct story *story) {
  struct sure__client_call *call = sure__client_call_new(&story->client);
  call->method = &charge;
  call->timeout_ms = 10000;
  call->is_fail_fast = true;
  assert_null(sure__client_start(&story->client, call, story->now_ms).text);
  return call;
}

static void impatient_call_fails_while_no_endpoint_can_be_reached(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  struct sure__client_call *impatient = start_impatient(&story);
  struct sure__client_call *patient = story_start(&story, &charge);
  story_none_ended(&story); /* nothing has failed yet */
  story_refuse_connection(&story);
  struct sure__end end = story_ended(&story, impatient);
  assert_int_equal(end.code, SURE_UNAVAILABLE);
  assert_int_equal(end.outcome, SURE_NOT_APPLIED);
  story_none_ended(&story);
  struct sure__client_call *late = sure__client_call_new(&story.client);
  late->method = &charge;
  late->timeout_ms = 10000;
  late->is_fail_fast = true;
  assert_int_equal(sure__client_start(&story.client, late, story.now_ms).code, SURE_UNAVAILABLE);
  sure__client_recycle(&story.client, late);
  story_attach(&story);
  story_expect_request(&story, 1, 1);
  story_answer(&story, 1, 1, SURE_OK, SURE__RECORDED);
  story_ended(&story, patient);
  story_end(&story);
}

static void channel_without_calls_gives_its_session_up_and_comes_back(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  call_once(&story, 1);
  story_pass(&story, 100);
  story_expect(&story, SURE__ACK);
  story_pass(&story, 600000);
  story_expect(&story, SURE__ACK);
  story_expect(&story, SURE__CLOSE_SESSION);
  struct sure__frame ping = story_expect(&story, SURE__PING);
  story_give(&story, &(struct sure__frame){.type = SURE__PONG, .sequence = ping.sequence});
  assert_string_equal(story.links[0].closed, "the channel is idle");
  assert_int_equal(story.client.connectivity, SURE_IDLE);
  story_pass(&story, 600000);
  assert_false(story_wants_connection(&story));
  struct sure__client_call *call = story_start(&story, &charge);
  story_attach(&story);
  story_expect_request(&story, 1, 1);
  story_answer(&story, 1, 1, SURE_OK, SURE__RECORDED);
  assert_int_equal(story_ended(&story, call).id.epoch, 2);
  story_end(&story);
}

static void channel_with_an_unresolved_call_is_not_idle(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start_with(&story, &charge, 100, 0);
  story_pass(&story, 100);
  assert_int_equal(story_ended(&story, call).outcome, SURE_OUTCOME_UNKNOWN);
  story_give(&story, &(struct sure__frame){.type = SURE__ACCEPTED, .sequence = 1, .attempt = 1});
  story_pass(&story, 3000000);
  assert_int_not_equal(story.client.connectivity, SURE_IDLE);
  story_end(&story);
}

static void failure_names_the_endpoint(void **state) {
  (void)state;
  struct story story;
  story_begin_with(&story, SURE_PICK_FIRST, two);
  story_attach(&story);
  struct sure__client_call *call = story_start(&story, &charge);
  story_refuse(&story, 1, 1, SURE_NOT_FOUND, SURE_REASON_NONE, SURE__RECORDED);
  const struct sure_bytes *peer = &call->end.peer;
  assert_int_equal(peer->len, strlen("tcp://a:1"));
  assert_memory_equal(peer->data, "tcp://a:1", peer->len);
  story_ended(&story, call);
  story_end(&story);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pick_first_dials_one_and_stays_with_it),
      cmocka_unit_test(pick_first_goes_to_the_next_at_once_when_one_can_not_be_had),
      cmocka_unit_test(pick_first_comes_back_to_where_a_stream_is),
      cmocka_unit_test(round_robin_dials_all_and_opens_one_session_for_them),
      cmocka_unit_test(link_that_was_to_open_the_session_and_broke_is_replaced_by_one_that_waits),
      cmocka_unit_test(endpoint_with_another_store_is_not_used_and_ends_nothing),
      cmocka_unit_test(new_addresses_replace_the_old_ones_and_what_runs_is_answered),
      cmocka_unit_test(round_robin_takes_turns),
      cmocka_unit_test(least_outstanding_prefers_who_has_less_to_do),
      cmocka_unit_test(retry_goes_to_another_endpoint),
      cmocka_unit_test(lost_endpoint_leaves_its_calls_to_the_other_under_their_numbers),
      cmocka_unit_test(answer_on_another_connection_is_no_answer),
      cmocka_unit_test(draining_endpoint_gets_nothing_new_and_answers_what_it_has),
      cmocka_unit_test(five_failures_in_a_row_eject_an_endpoint_for_a_while),
      cmocka_unit_test(each_ejection_is_longer_up_to_a_limit),
      cmocka_unit_test(share_of_failures_ejects_without_a_row_of_them),
      cmocka_unit_test(no_more_endpoints_are_ejected_than_may_be),
      cmocka_unit_test(only_endpoint_is_never_ejected),
      cmocka_unit_test(state_tells_of_connecting_readiness_and_failure),
      cmocka_unit_test(impatient_call_fails_while_no_endpoint_can_be_reached),
      cmocka_unit_test(channel_without_calls_gives_its_session_up_and_comes_back),
      cmocka_unit_test(channel_with_an_unresolved_call_is_not_idle),
      cmocka_unit_test(failure_names_the_endpoint),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
