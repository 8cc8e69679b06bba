/* The server engine: requests that are cut in the middle go on in the next attempt (protocol 2.7).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "rpc/core/fingerprint.h"
#include "tests/lib/failing_allocator.h"
#include "tests/lib/server_driver.h"

enum { LEN = 150000, PART_MAX = 65536 };

static struct driver driver;
static struct client a;
static struct client b;
static char text[LEN + 1];

/* Whatever way it came, it is one that a client has made. */
static void look_at_request(const struct sure_call *call) {
  if (call->payload.len == LEN) {
    assert_memory_equal(text, call->payload.data, LEN);
  }
}

static int begin(void **state) {
  (void)state;
  for (size_t i = 0; i < LEN; i++) {
    text[i] = (char)('a' + i * 31 / 7 % 26);
  }
  driver_init(&driver, &driver_config);
  driver.reply = "ok";
  driver.watch.runs = look_at_request;
  client_open(&driver, &a);
  return 0;
}

static int end(void **state) {
  (void)state;
  client_fini(&a);
  client_fini(&b);
  driver_fini(&driver);
  assert_int_equal(0, failing_allocator_live());
  return 0;
}

static size_t frame_len(const uint8_t *p) {
  return (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
}

/* The first `count` parts of the request arrive over a's connection. */
static void begin_request(uint64_t sequence, unsigned count) {
  struct sure__buffer bytes = {0};
  struct sure__frame frame = client_request(&a, DRIVER_IN_STORE, sequence, text);
  assert_true(sure__frame_encode(&bytes, &frame));
  size_t len = 0;
  for (unsigned i = 0; i < count; i++) {
    len += frame_len(bytes.data + len);
  }
  assert_true(len < bytes.len);
  client_feed(&a, (struct sure_bytes){bytes.data, len});
  sure__buffer_fini(&bytes);
}

static void lose_and_come_back(void) {
  client_lose(&a);
  assert_true(client_connect(&driver, &b));
  assert_int_equal(SURE__ATTACHED_OPEN, client_attach(&b, SURE__ATTACH_RESUME, &a.session));
}

/* What ATTACHED has told b of the request; 0: nothing. */
static uint32_t held_of(uint64_t sequence) {
  struct sure_bytes rest = {b.out.data, b.heard_len};
  struct sure__frame frame;
  size_t len;
  const char *problem;
  while (sure__frame_decode(rest, &frame, &len, &problem) == SURE__DECODED_FRAME) {
    rest.data += len;
    rest.len -= len;
  }
  assert_int_equal(SURE__ATTACHED, frame.type);
  for (size_t i = 0; i < frame.payload.len / SURE__HELD_LEN; i++) {
    struct sure__held held = sure__held_at(frame.payload, i);
    if (held.sequence == sequence) {
      return held.len;
    }
  }
  return 0;
}

/* Attempt 2 without the first `held` bytes, which are those of a request with this hash. */
static void go_on(uint64_t sequence, uint32_t held, struct sure_fingerprint fingerprint) {
  struct sure__frame frame = client_request(&b, DRIVER_IN_STORE, sequence, text);
  frame.attempt = 2;
  frame.flags = SURE__RESUMED;
  frame.request.resumed = (struct sure__resumption){held, fingerprint};
  frame.payload.data += held;
  frame.payload.len -= held;
  client_send(&b, &frame);
}

static struct sure_fingerprint fingerprint_of_text(void) {
  struct sure__frame frame = client_request(&a, DRIVER_IN_STORE, 1, text);
  return sure__fingerprint(frame.request.method, frame.payload);
}

static void expect_asked_for_the_whole(uint64_t sequence) {
  client_expect_response(&b, sequence, SURE_RESOURCE_EXHAUSTED, SURE_REASON_PARTS_GONE,
                         SURE__NOT_RUN);
  assert_int_equal(0, driver.run_count);
}

static void expect_run(uint64_t sequence) {
  client_expect_response(&b, sequence, SURE_OK, 0, SURE__RECORDED);
  assert_int_equal(1, driver.run_count);
}

static void what_came_of_a_request_is_named_and_need_not_come_again(void **state) {
  (void)state;
  begin_request(1, 2);
  lose_and_come_back();
  uint32_t held = held_of(1);
  assert_true(held > PART_MAX && held < 2 * PART_MAX);
  go_on(1, held, fingerprint_of_text());
  expect_run(1);
}

static void a_request_may_be_cut_again_and_again(void **state) {
  (void)state;
  begin_request(1, 1);
  lose_and_come_back();
  uint32_t held = held_of(1);
  struct sure__frame frame = client_request(&b, DRIVER_IN_STORE, 1, text);
  frame.attempt = 2;
  frame.flags = SURE__RESUMED;
  frame.request.resumed = (struct sure__resumption){held, fingerprint_of_text()};
  frame.payload.data += held;
  frame.payload.len -= held;
  struct sure__buffer bytes = {0};
  assert_true(sure__frame_encode(&bytes, &frame));
  client_feed(&b, (struct sure_bytes){bytes.data, frame_len(bytes.data)});
  sure__buffer_fini(&bytes);
  client_lose(&b);
  client_fini(&b);
  assert_true(client_connect(&driver, &b));
  assert_int_equal(SURE__ATTACHED_OPEN, client_attach(&b, SURE__ATTACH_RESUME, &a.session));
  assert_true(held_of(1) > held);
  frame.attempt = 3;
  go_on(1, held_of(1), fingerprint_of_text());
  expect_run(1);
}

static void parts_of_different_requests_never_become_one(void **state) {
  (void)state;
  begin_request(1, 2);
  lose_and_come_back();
  uint32_t held = held_of(1);
  text[0] ^= 1; /* whoever goes on has another one */
  struct sure_fingerprint other = fingerprint_of_text();
  go_on(1, held, other);
  expect_asked_for_the_whole(1);
  client_retry(&b, DRIVER_IN_STORE, 1, 3, text);
  expect_run(1);
}

static void a_request_that_goes_on_elsewhere_than_told_is_asked_for_as_a_whole(void **state) {
  (void)state;
  begin_request(1, 2);
  lose_and_come_back();
  uint32_t held = held_of(1);
  go_on(1, held - 1, fingerprint_of_text());
  expect_asked_for_the_whole(1);
  go_on(2, held, fingerprint_of_text()); /* nothing came of that one */
  expect_asked_for_the_whole(2);
  go_on(1, held, fingerprint_of_text()); /* it is still there */
  expect_run(1);
}

static void a_request_that_begins_anew_takes_the_place_of_what_came(void **state) {
  (void)state;
  begin_request(1, 2);
  lose_and_come_back();
  client_retry(&b, DRIVER_IN_STORE, 1, 2, "short");
  client_expect_response(&b, 1, SURE_OK, 0, SURE__RECORDED);
  assert_int_equal(0, driver.server.kept_len);
}

static void another_session_is_told_of_nothing(void **state) {
  (void)state;
  begin_request(1, 2);
  client_lose(&a);
  client_open(&driver, &b);
  assert_int_equal(0, held_of(1));
  go_on(1, PART_MAX, fingerprint_of_text());
  expect_asked_for_the_whole(1);
}

static void what_came_is_kept_until_its_deadline(void **state) {
  (void)state;
  struct sure__frame frame = client_request(&a, DRIVER_IN_STORE, 1, text);
  frame.request.timeout_ms = 1000;
  struct sure__buffer bytes = {0};
  assert_true(sure__frame_encode(&bytes, &frame));
  client_feed(&a, (struct sure_bytes){bytes.data, frame_len(bytes.data)});
  sure__buffer_fini(&bytes);
  client_lose(&a);
  driver_advance(&driver, 999);
  assert_int_equal(LEN, driver.server.kept_len);
  driver_advance(&driver, 1);
  assert_int_equal(0, driver.server.kept_len);
}

static void what_came_is_not_kept_for_longer_than_a_lease(void **state) {
  (void)state;
  begin_request(1, 2); /* its deadline is in a minute */
  client_lose(&a);
  driver_advance(&driver, driver_config.session_lease_ms - 1);
  assert_int_equal(LEN, driver.server.kept_len);
  driver_advance(&driver, 1);
  assert_int_equal(0, driver.server.kept_len);
}

static void of_many_that_are_cut_the_oldest_are_forgotten(void **state) {
  (void)state;
  enum { COUNT = 30 };
  size_t room = (size_t)driver_config.message_len_max * 16;
  struct sure_session_id session = a.session;
  for (uint64_t i = 1; i <= COUNT; i++) {
    begin_request(i, 1);
    client_lose(&a);
    client_fini(&a);
    assert_true(client_connect(&driver, &a));
    assert_int_equal(SURE__ATTACHED_OPEN, client_attach(&a, SURE__ATTACH_RESUME, &session));
    assert_true(driver.server.kept_len <= room);
  }
  assert_int_equal(room / LEN * LEN, driver.server.kept_len);
  client_lose(&a);
  lose_and_come_back();
  assert_int_equal(0, held_of(1));
  assert_true(held_of(COUNT) > 0);
}

static void a_server_that_drains_keeps_nothing_of_them(void **state) {
  (void)state;
  begin_request(1, 2);
  client_lose(&a);
  client_fini(&a);
  client_open(&driver, &a);
  begin_request(1, 2);
  sure__server_drain(&driver.server);
  driver_work(&driver);
  client_lose(&a);
  assert_int_equal(0, driver.server.kept_len);
}

static void a_rest_that_is_whole_at_once_needs_no_room(void **state) {
  (void)state;
  static char huge[199001];
  memset(huge, 'x', sizeof huge - 1);
  driver.server.config.connection_calls_max = 100;
  struct sure__buffer bytes = {0};
  struct sure__frame frame = client_request(&a, DRIVER_IN_STORE, 1, huge);
  assert_true(sure__frame_encode(&bytes, &frame));
  size_t len = 0;
  for (unsigned i = 0; i < 3; i++) {
    len += frame_len(bytes.data + len);
  }
  assert_true(len < bytes.len);
  client_feed(&a, (struct sure_bytes){bytes.data, len});
  lose_and_come_back();
  uint32_t held = held_of(1);
  for (uint64_t seq = 2; seq <= 5; seq++) { /* four, as 2.5 allows */
    struct sure__buffer more = {0};
    struct sure__frame other = client_request(&b, DRIVER_IN_STORE, seq, huge);
    assert_true(sure__frame_encode(&more, &other));
    client_feed(&b, (struct sure_bytes){more.data, frame_len(more.data)});
    sure__buffer_fini(&more);
  }
  frame = client_request(&b, DRIVER_IN_STORE, 1, huge);
  struct sure_fingerprint f = sure__fingerprint(frame.request.method, frame.payload);
  frame.attempt = 2;
  frame.flags = SURE__RESUMED;
  frame.request.resumed = (struct sure__resumption){held, f};
  frame.payload.data += held;
  frame.payload.len -= held;
  client_send(&b, &frame);
  sure__buffer_fini(&bytes);
  struct sure__frame r;
  assert_true(client_next(&b, &r));
  assert_int_equal(SURE_OK, r.response.code);
}

static void what_came_of_an_acknowledged_call_is_not_kept(void **state) {
  (void)state;
  /* attempt 1 hangs half sent on a; attempt 2 runs over b and is acknowledged; then a is lost. */
  begin_request(1, 2);
  assert_true(client_connect(&driver, &b));
  assert_int_equal(SURE__ATTACHED_OPEN, client_attach(&b, SURE__ATTACH_RESUME, &a.session));
  client_retry(&b, DRIVER_IN_STORE, 1, 2, text);
  client_expect_response(&b, 1, SURE_OK, 0, SURE__RECORDED);
  client_ack(&b, 2, NULL, 0);
  client_lose(&a);
  client_lose(&b);
  assert_int_equal(0, driver.server.kept_len);
}

static struct sure__frame settle_with(const char *beginning) {
  struct sure_bytes held = {(const uint8_t *)beginning, strlen(beginning)};
  client_send(&b, &(struct sure__frame){.type = SURE__SETTLE,
                                        .sequence = 7,
                                        .settle = {.session = a.session,
                                                   .target = 1,
                                                   .reply_held = (uint32_t)held.len,
                                                   .reply_hash = sure__reply_hash(held)}});
  return client_expect(&b, SURE__SETTLED);
}

static void of_a_recorded_reply_only_the_rest_is_sent(void **state) {
  (void)state;
  driver.reply = "a reply";
  client_call(&a, DRIVER_IN_STORE, 1, "charge");
  lose_and_come_back();
  struct sure__frame frame = settle_with("a re");
  assert_int_equal(SURE__RECORDED | SURE__RESUMED, frame.flags);
  assert_int_equal(7, frame.settled.result.message_len);
  assert_int_equal(3, frame.payload.len);
  assert_memory_equal("ply", frame.payload.data, 3);
  frame = settle_with("b re"); /* of another reply */
  assert_int_equal(SURE__RECORDED, frame.flags);
  assert_int_equal(7, frame.payload.len);
  frame = settle_with("a reply"); /* there is nothing left to send */
  assert_int_equal(SURE__RECORDED, frame.flags);
  assert_int_equal(7, frame.payload.len);
  assert_int_equal(1, driver.run_count);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(what_came_of_a_request_is_named_and_need_not_come_again),
      TEST(a_request_may_be_cut_again_and_again),
      TEST(parts_of_different_requests_never_become_one),
      TEST(a_request_that_goes_on_elsewhere_than_told_is_asked_for_as_a_whole),
      TEST(a_request_that_begins_anew_takes_the_place_of_what_came),
      TEST(another_session_is_told_of_nothing),
      TEST(what_came_is_kept_until_its_deadline),
      TEST(what_came_is_not_kept_for_longer_than_a_lease),
      TEST(of_many_that_are_cut_the_oldest_are_forgotten),
      TEST(a_server_that_drains_keeps_nothing_of_them),
      TEST(a_rest_that_is_whole_at_once_needs_no_room),
      TEST(what_came_of_an_acknowledged_call_is_not_kept),
      TEST(of_a_recorded_reply_only_the_rest_is_sent),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
