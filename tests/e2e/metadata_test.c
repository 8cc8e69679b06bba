/* What travels beside requests, replies and failures. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

static const uint8_t binary[] = {0xab, 0x00, 0xab};

struct fixture {
  struct sure_metadata *metadata;
  struct sure_status *status;
  struct sure_call_options options;
};

static struct fixture fixture_begin(void) {
  struct fixture fixture = {.metadata = sure_metadata_new(), .status = sure_status_new()};
  assert_non_null(fixture.metadata);
  assert_non_null(fixture.status);
  assert_int_equal(sure_metadata_add(fixture.metadata, "echo-initial", "tenant 7"), SURE_OK);
  assert_int_equal(sure_metadata_add_bytes(fixture.metadata, "echo-trailing-bin",
                                           (struct sure_bytes){binary, sizeof binary}),
                   SURE_OK);
  fixture.options.metadata = fixture.metadata;
  return fixture;
}

static void fixture_end(struct fixture *fixture) {
  sure_metadata_free(fixture->metadata);
  sure_status_free(fixture->status);
}

static enum sure_code add_with(struct world *world, const Sure__E2e__V1__AddRequest *request,
                               struct fixture *fixture) {
  Sure__E2e__V1__AddReply *reply = NULL;
  enum sure_code code = sure__e2e__v1__counter_client__add(
      world->channel, request, &fixture->options, &reply, fixture->status);
  sure__e2e__v1__add_reply__free_unpacked(reply, NULL);
  return code;
}

static void assert_echoed(const struct sure_status *status) {
  struct sure_bytes value;
  assert_true(sure_metadata_find(sure_status_initial_metadata(status), "echo-initial", &value));
  assert_string_equal((const char *)value.data, "tenant 7");
  assert_false(sure_metadata_find(sure_status_trailing_metadata(status), "echo-initial", &value));
  assert_true(
      sure_metadata_find(sure_status_trailing_metadata(status), "echo-trailing-bin", &value));
  assert_int_equal(value.len, sizeof binary);
  assert_memory_equal(value.data, binary, sizeof binary);
}

static void metadata_comes_back_in_the_beginning_and_at_the_end(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  struct fixture fixture = fixture_begin();
  Sure__E2e__V1__AddRequest request = add_request(1);
  assert_int_equal(add_with(world, &request, &fixture), SURE_OK);
  assert_echoed(fixture.status);
  /* The next call with the same status does not see what the last one brought. */
  fixture.options.metadata = NULL;
  assert_int_equal(add_with(world, &request, &fixture), SURE_OK);
  assert_int_equal(sure_metadata_count(sure_status_initial_metadata(fixture.status)), 0);
  fixture_end(&fixture);
}

static void metadata_may_be_gone_once_the_call_has_begun(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  struct fixture fixture = fixture_begin();
  Sure__E2e__V1__AddRequest request = add_request(1);
  request.meets = true;
  struct pending *pending = pending_add(world, world->channel, &request, &fixture.options);
  fixture_end(&fixture);
  server_wait_in_handler(&world->server);
  server_let_go(&world->server);
  assert_end(pending_wait(pending), SURE_OK, SURE_APPLIED);
}

static void failure_carries_metadata_and_typed_details(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  struct fixture fixture = fixture_begin();
  Sure__E2e__V1__AddRequest request = add_request(17);
  request.fail_code = SURE_FAILED_PRECONDITION;
  assert_int_equal(add_with(world, &request, &fixture), SURE_FAILED_PRECONDITION);
  assert_echoed(fixture.status);
  assert_int_equal(sure_status_origin(fixture.status), SURE_ORIGIN_HANDLER);
  assert_int_equal(sure_status_detail_count(fixture.status), 1);
  assert_string_equal(sure_status_detail_type(fixture.status, 0),
                      "type.googleapis.com/sure.e2e.v1.AddRequest");
  struct sure_bytes detail = sure_status_detail(fixture.status, 0);
  Sure__E2e__V1__AddRequest *copy =
      sure__e2e__v1__add_request__unpack(NULL, detail.len, detail.data);
  assert_non_null(copy);
  assert_int_equal(copy->amount, 17);
  sure__e2e__v1__add_request__free_unpacked(copy, NULL);
  assert_non_null(strstr(sure_status_peer(fixture.status), "tcp://127.0.0.1:"));
  fixture_end(&fixture);
}

static void replayed_answer_has_the_metadata_of_its_run(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  struct fixture fixture = fixture_begin();
  Sure__E2e__V1__AddRequest request = add_request(1);
  relay_arm(world->relay, SURE__RESPONSE, RELAY_CUT);
  assert_int_equal(add_with(world, &request, &fixture), SURE_OK);
  assert_true(sure_status_replayed(fixture.status));
  assert_echoed(fixture.status);
  request.fail_code = SURE_NOT_FOUND;
  relay_arm(world->relay, SURE__RESPONSE, RELAY_CUT);
  assert_int_equal(add_with(world, &request, &fixture), SURE_NOT_FOUND);
  assert_true(sure_status_replayed(fixture.status));
  assert_echoed(fixture.status);
  assert_int_equal(sure_status_detail_count(fixture.status), 1);
  fixture_end(&fixture);
}

static void trace_context_reaches_the_handler(void **state) {
  static const char trace[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  struct world *world = *state;
  world_serve(world, NULL);
  struct fixture fixture = fixture_begin();
  fixture.options.traceparent = trace;
  Sure__E2e__V1__AddRequest request = add_request(1);
  assert_int_equal(add_with(world, &request, &fixture), SURE_OK);
  struct sure_bytes value;
  assert_true(
      sure_metadata_find(sure_status_initial_metadata(fixture.status), "seen-trace", &value));
  assert_string_equal((const char *)value.data, trace);
  fixture_end(&fixture);
}

static void largest_metadata_gets_through(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  struct fixture fixture = fixture_begin();
  static char text[SURE_METADATA_LEN_MAX_DEFAULT];
  struct sure_metadata *large = sure_metadata_new();
  memset(text, 'x', sizeof text - strlen("echo-initial") - 32 - 1);
  assert_int_equal(sure_metadata_add(large, "echo-initial", text), SURE_OK);
  fixture.options.metadata = large;
  Sure__E2e__V1__AddRequest request = add_request(1);
  assert_int_equal(add_with(world, &request, &fixture), SURE_OK);
  struct sure_bytes value;
  assert_true(
      sure_metadata_find(sure_status_initial_metadata(fixture.status), "echo-initial", &value));
  assert_int_equal(value.len, strlen(text));
  sure_metadata_free(large);
  fixture_end(&fixture);
}

static void pushback_of_a_handler_takes_the_place_of_the_backoff(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  struct sure_retry_policy policy = {
      .attempts_max = 2, .backoff_ms_initial = 60000, .backoff_ms_max = 60000};
  Sure__E2e__V1__AddRequest request = add_request(1);
  request.fail_code = SURE_UNAVAILABLE;
  request.retry_after_ms = 30;
  uint64_t begin_ms = now_ms();
  struct end end = add(world->channel, &request,
                       &(struct sure_call_options){.timeout_ms = 120000, .retry = &policy});
  assert_int_equal(end.attempts, 2);
  assert_in_range(now_ms() - begin_ms, 30, 30000);
}

static void pushback_of_never_ends_the_call(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  Sure__E2e__V1__AddRequest request = add_request(1);
  request.fail_code = SURE_UNAVAILABLE;
  request.retry_after_ms = SURE_RETRY_NEVER;
  struct end end = add(world->channel, &request, NULL);
  assert_end(end, SURE_UNAVAILABLE, SURE_NOT_APPLIED);
  assert_int_equal(end.attempts, 1);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      E2E_TEST(metadata_comes_back_in_the_beginning_and_at_the_end),
      E2E_TEST(metadata_may_be_gone_once_the_call_has_begun),
      E2E_TEST(failure_carries_metadata_and_typed_details),
      E2E_TEST(replayed_answer_has_the_metadata_of_its_run),
      E2E_TEST(trace_context_reaches_the_handler),
      E2E_TEST(largest_metadata_gets_through),
      E2E_TEST(pushback_of_a_handler_takes_the_place_of_the_backoff),
      E2E_TEST(pushback_of_never_ends_the_call),
  };
  return e2e_run(tests, argc, argv);
}
