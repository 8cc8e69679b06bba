/* The frame codec: round trips, every check at its bound and one past it (protocol 2 to 9). */
#include "rpc/core/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rpc/core/ranges.h"
#include "rpc/core/wire.h"
#include "tests/lib/failing_allocator.h"

static struct sure__buffer bytes;

static int end(void **state) {
  (void)state;
  sure__buffer_fini(&bytes);
  assert_int_equal(0, failing_allocator_live());
  return 0;
}

static struct sure_bytes whole(void) {
  return (struct sure_bytes){bytes.data, bytes.len};
}

static void encode(const struct sure__frame *frame) {
  sure__buffer_clear(&bytes, SIZE_MAX);
  assert_true(sure__frame_encode(&bytes, frame));
}

static struct sure__frame decode_at(size_t *at) {
  struct sure__frame frame;
  size_t len = 0;
  const char *problem = "";
  struct sure_bytes rest = {bytes.data + *at, bytes.len - *at};
  assert_int_equal(SURE__DECODED_FRAME, sure__frame_decode(rest, &frame, &len, &problem));
  *at += len;
  return frame;
}

static struct sure__frame round_trip(const struct sure__frame *frame) {
  size_t at = 0;
  encode(frame);
  struct sure__frame back = decode_at(&at);
  assert_int_equal(bytes.len, at);
  assert_int_equal(frame->type, back.type);
  assert_int_equal(frame->flags, back.flags);
  assert_int_equal(frame->sequence, back.sequence);
  assert_int_equal(frame->clock, back.clock);
  assert_int_equal(frame->attempt, back.attempt);
  return back;
}

static void expect_bytes(struct sure_bytes a, struct sure_bytes b) {
  assert_int_equal(a.len, b.len);
  if (a.len > 0) {
    assert_memory_equal(a.data, b.data, a.len);
  }
}

static struct sure_bytes text(const char *s) {
  return (struct sure_bytes){(const uint8_t *)s, strlen(s)};
}

/* What is in `bytes` is refused, with a text that contains `why`. */
static void expect_invalid(const char *why) {
  struct sure__frame frame;
  size_t len = 12345;
  const char *problem = NULL;
  assert_int_equal(SURE__DECODED_INVALID, sure__frame_decode(whole(), &frame, &len, &problem));
  assert_int_equal(12345, len);
  assert_non_null(strstr(problem, why));
}

static void expect_valid(void) {
  size_t at = 0;
  (void)decode_at(&at);
}

/* ---- frames that round-trip ---- */

static struct sure__frame a_request(void) {
  return (struct sure__frame){.type = SURE__REQUEST,
                              .sequence = 7,
                              .attempt = 2,
                              .clock = 99,
                              .metadata = text("meta"),
                              .payload = text("payload"),
                              .request = {.method = UINT64_MAX,
                                          .watermark = 7,
                                          .timeout_ms = UINT32_MAX,
                                          .encoding = 3,
                                          .key = text("key")}};
}

static struct sure__frame a_response(void) {
  return (struct sure__frame){.type = SURE__RESPONSE,
                              .flags = SURE__RECORDED | SURE__REPLAYED,
                              .sequence = 7,
                              .attempt = 2,
                              .payload = text("payload"),
                              .response = {.code = SURE_UNAUTHENTICATED,
                                           .reason = SURE_REASON_REPLY_LOST,
                                           .encoding = 1,
                                           .retry_after_ms = SURE__RETRY_AFTER_NEVER_MS,
                                           .text = text("why")}};
}

static struct sure__frame a_settled(void) {
  return (struct sure__frame){.type = SURE__SETTLED,
                              .sequence = 70,
                              .payload = text("payload"),
                              .settled = {.verdict = SURE__SETTLED_KEY_REUSED,
                                          .result = {.code = SURE_ABORTED,
                                                     .reason = SURE_REASON_TOMBSTONE,
                                                     .encoding = 1,
                                                     .retry_after_ms = 5,
                                                     .text = text("why")}}};
}

static struct sure__frame a_settle(void) {
  return (struct sure__frame){.type = SURE__SETTLE,
                              .sequence = 70,
                              .settle = {.session = {{1, 2}},
                                         .target = 7,
                                         .method = 8,
                                         .fingerprint = {9, 10},
                                         .reply_held = 11,
                                         .reply_hash = 12,
                                         .key = text("key")}};
}

static struct sure__frame a_hello(void) {
  return (struct sure__frame){.type = SURE__HELLO,
                              .hello = {.version_min = 1,
                                        .version_max = 0xFFFF,
                                        .features = UINT64_MAX,
                                        .message_len_max = UINT32_MAX}};
}

static void a_request_round_trips(void **state) {
  (void)state;
  struct sure__frame frame = a_request();
  struct sure__frame back = round_trip(&frame);
  expect_bytes(frame.metadata, back.metadata);
  expect_bytes(frame.payload, back.payload);
  expect_bytes(frame.request.key, back.request.key);
  assert_true(frame.request.method == back.request.method);
  assert_int_equal(7, back.request.watermark);
  assert_true(back.request.timeout_ms == UINT32_MAX);
  assert_int_equal(7, back.request.message_len);
  assert_int_equal(3, back.request.encoding);
}

static void expect_result(const struct sure__result *a, const struct sure__result *b) {
  assert_int_equal(a->code, b->code);
  assert_int_equal(a->reason, b->reason);
  assert_int_equal(a->encoding, b->encoding);
  assert_int_equal(a->retry_after_ms, b->retry_after_ms);
  assert_int_equal(7, b->message_len);
  expect_bytes(a->text, b->text);
}

static void results_round_trip(void **state) {
  (void)state;
  struct sure__frame frame = a_response();
  struct sure__frame back = round_trip(&frame);
  expect_result(&frame.response, &back.response);
  expect_bytes(frame.payload, back.payload);
  frame = a_settled();
  back = round_trip(&frame);
  assert_int_equal(SURE__SETTLED_KEY_REUSED, back.settled.verdict);
  expect_result(&frame.settled.result, &back.settled.result);
  expect_bytes(frame.payload, back.payload);
}

static void the_handshake_round_trips(void **state) {
  (void)state;
  struct sure__frame hello = a_hello();
  struct sure__frame back = round_trip(&hello);
  assert_int_equal(0xFFFF, back.hello.version_max);
  assert_true(back.hello.features == UINT64_MAX);
  assert_true(back.hello.message_len_max == UINT32_MAX);

  struct sure__frame welcome = {.type = SURE__WELCOME,
                                .welcome = {.version = 1,
                                            .message_len_max = 2,
                                            .features = 3,
                                            .lease_ms = 4,
                                            .challenge = {{5, 6}},
                                            .store_id = {{7, 8}}}};
  back = round_trip(&welcome);
  assert_int_equal(1, back.welcome.version);
  assert_int_equal(2, back.welcome.message_len_max);
  assert_int_equal(3, back.welcome.features);
  assert_int_equal(4, back.welcome.lease_ms);
  assert_memory_equal(&welcome.welcome.challenge, &back.welcome.challenge, 16);
  assert_memory_equal(&welcome.welcome.store_id, &back.welcome.store_id, 16);

  struct sure__frame attach = {
      .type = SURE__ATTACH,
      .attach = {.mode = SURE__ATTACH_NONE, .challenge = {{5, 6}}, .session = {{7, 8}}}};
  back = round_trip(&attach);
  assert_int_equal(SURE__ATTACH_NONE, back.attach.mode);
  assert_memory_equal(&attach.attach.challenge, &back.attach.challenge, 16);
  assert_memory_equal(&attach.attach.session, &back.attach.session, 16);

  struct sure__frame attached = {
      .type = SURE__ATTACHED,
      .attached = {.session = {{7, 8}}, .state = SURE__ATTACHED_NONE, .retry_after_ms = 9}};
  back = round_trip(&attached);
  assert_int_equal(SURE__ATTACHED_NONE, back.attached.state);
  assert_int_equal(9, back.attached.retry_after_ms);
  assert_memory_equal(&attached.attached.session, &back.attached.session, 16);
}

static void the_small_frames_round_trip(void **state) {
  (void)state;
  static const uint8_t types[] = {SURE__ACCEPTED, SURE__CANCEL, SURE__CLOSE_SESSION, SURE__PING,
                                  SURE__PONG};
  for (size_t i = 0; i < sizeof types; i++) {
    (void)round_trip(&(struct sure__frame){.type = types[i], .sequence = 3, .attempt = 4});
  }
  struct sure__frame frame = a_settle();
  struct sure__frame back = round_trip(&frame);
  assert_int_equal(7, back.settle.target);
  assert_int_equal(8, back.settle.method);
  assert_int_equal(9, back.settle.fingerprint.low);
  assert_int_equal(10, back.settle.fingerprint.high);
  assert_int_equal(11, back.settle.reply_held);
  assert_int_equal(12, back.settle.reply_hash);
  expect_bytes(frame.settle.key, back.settle.key);
  back = round_trip(&(struct sure__frame){
      .type = SURE__GOAWAY, .goaway = {.reason = SURE__GOAWAY_IDLE, .text = text("bye")}});
  assert_int_equal(SURE__GOAWAY_IDLE, back.goaway.reason);
  expect_bytes(text("bye"), back.goaway.text);
}

static struct sure__frame a_part(void) {
  return (struct sure__frame){.type = SURE__DATA,
                              .sequence = 3,
                              .attempt = 4,
                              .payload = {(const uint8_t *)"part", 4},
                              .data = {.index = 5, .offset = 6, .total = 20}};
}

static void parts_and_windows_of_streams_round_trip(void **state) {
  (void)state;
  struct sure__frame frame = a_part();
  struct sure__frame back = round_trip(&frame);
  assert_int_equal(5, back.data.index);
  assert_int_equal(6, back.data.offset);
  assert_int_equal(20, back.data.total);
  assert_false(back.data.is_end);
  assert_int_equal(4, back.data.bytes.len);
  assert_memory_equal("part", back.data.bytes.data, 4);
  back = round_trip(&(struct sure__frame){
      .type = SURE__DATA, .flags = SURE__END, .sequence = 3, .attempt = 4, .data = {.index = 5}});
  assert_true(back.data.is_end);
  back = round_trip(
      &(struct sure__frame){.type = SURE__WINDOW,
                            .sequence = 3,
                            .attempt = 4,
                            .window = {.index = 7, .offset = 8, .credit = 9, .acked = 6}});
  assert_int_equal(7, back.window.index);
  assert_int_equal(8, back.window.offset);
  assert_int_equal(9, back.window.credit);
  assert_int_equal(6, back.window.acked);
}

static void parts_that_contradict_themselves_are_refused(void **state) {
  (void)state;
  struct sure__frame frame = a_part();
  frame.data.total = 10;
  encode(&frame); /* up to its end */
  expect_valid();
  frame.data.total = 9;
  encode(&frame);
  expect_invalid("beyond");
  frame = a_part();
  frame.data.index = 0;
  encode(&frame);
  expect_invalid("numbers");
  frame = a_part();
  frame.flags = SURE__END;
  encode(&frame);
  expect_invalid("end of a stream");
  frame = (struct sure__frame){
      .type = SURE__WINDOW, .sequence = 3, .attempt = 4, .window = {.index = 7, .acked = 7}};
  encode(&frame);
  expect_invalid("acknowledges");
  frame.attempt = 0;
  encode(&frame);
  expect_invalid("numbers");
}

static void an_ack_round_trips(void **state) {
  (void)state;
  struct sure_range ranges[] = {{5, 5}, {7, 9}, {11, SURE__SEQUENCE_MAX}};
  size_t at = 0;
  assert_true(sure__ack_encode(&bytes, 4, ranges, 3));
  struct sure__frame back = decode_at(&at);
  assert_int_equal(4, back.ack.watermark);
  assert_int_equal(3, back.ack.range_count);
  for (uint32_t i = 0; i < 3; i++) {
    struct sure_range range = sure__ack_range(&back.ack, i);
    assert_true(range.first == ranges[i].first && range.last == ranges[i].last);
  }
}

static void a_request_that_goes_on_round_trips(void **state) {
  (void)state;
  struct sure__frame frame = a_request();
  frame.flags = SURE__RESUMED;
  frame.request.resumed = (struct sure__resumption){UINT32_MAX - 7, {8, 9}};
  struct sure__frame back = round_trip(&frame);
  assert_int_equal(SURE__RESUMED, back.flags);
  assert_int_equal(UINT32_MAX - 7, back.request.resumed.held);
  assert_int_equal(8, back.request.resumed.fingerprint.low);
  assert_int_equal(9, back.request.resumed.fingerprint.high);
  assert_int_equal(UINT32_MAX, back.request.message_len);
  expect_bytes(frame.request.key, back.request.key);
  expect_bytes(frame.payload, back.payload);
  sure__put_u32(bytes.data + 52, UINT32_MAX - 1); /* of the whole */
  expect_invalid("message length");
}

/* ---- parts ---- */

static void a_message_of_three_frames_is_cut_and_its_parts_are_right(void **state) {
  (void)state;
  enum { LEN = 150000 };
  uint8_t *payload = malloc(LEN);
  for (size_t i = 0; i < LEN; i++) {
    payload[i] = (uint8_t)(i * 31 + i / 256);
  }
  struct sure__frame frames[] = {a_request(), a_response(), a_settled()};
  for (size_t i = 0; i < 3; i++) {
    frames[i].payload = (struct sure_bytes){payload, LEN};
    encode(&frames[i]);
    size_t at = 0;
    size_t taken = 0;
    for (int part = 0; part < 3; part++) {
      struct sure__frame back = decode_at(&at);
      assert_int_equal(frames[i].type, back.type);
      assert_int_equal(frames[i].sequence, back.sequence);
      assert_int_equal(frames[i].attempt, back.attempt);
      assert_int_equal(part > 0, (back.flags & SURE__CONT) != 0);
      assert_int_equal(part < 2, (back.flags & SURE__MORE) != 0);
      assert_memory_equal(payload + taken, back.payload.data, back.payload.len);
      taken += back.payload.len;
    }
    assert_int_equal(LEN, taken);
    assert_int_equal(bytes.len, at);
  }
  free(payload);
}

static void a_message_that_fills_a_frame_is_one_and_a_byte_more_is_two(void **state) {
  (void)state;
  enum { FITS = 65536 - 32 - 32 };
  static uint8_t payload[FITS + 1];
  struct sure__frame frame = a_request();
  frame.metadata.len = 0;
  frame.request.key.len = 0;
  frame.payload = (struct sure_bytes){payload, FITS};
  encode(&frame);
  assert_int_equal(SURE__FRAME_LEN_MAX, bytes.len);
  size_t at = 0;
  assert_int_equal(0, decode_at(&at).flags);
  frame.payload.len++;
  encode(&frame);
  at = 0;
  assert_int_equal(SURE__MORE, decode_at(&at).flags);
  struct sure__frame last = decode_at(&at);
  assert_int_equal(SURE__CONT, last.flags);
  assert_int_equal(1, last.payload.len);
}

static void nothing_is_appended_when_memory_is_short(void **state) {
  (void)state;
  struct sure__frame frame = a_request();
  encode(&frame);
  size_t len = bytes.len;
  static uint8_t payload[100000];
  frame.payload = (struct sure_bytes){payload, sizeof payload};
  failing_allocator_fail_all(true);
  assert_false(sure__frame_encode(&bytes, &frame));
  static struct sure_range ranges[4001];
  assert_false(sure__ack_encode(&bytes, 1, ranges, 4001));
  failing_allocator_fail_all(false);
  assert_int_equal(len, bytes.len);
  expect_valid();
}

/* ---- what is refused ---- */

static void a_truncated_frame_needs_more_at_every_byte(void **state) {
  (void)state;
  struct sure__frame frame = a_request();
  encode(&frame);
  for (size_t len = 0; len < bytes.len; len++) {
    uint8_t *exact = malloc(len + 1); /* so that a read past the end is seen */
    memcpy(exact, bytes.data, len);
    struct sure__frame back;
    size_t back_len = 12345;
    const char *problem = "untouched";
    enum sure__decoded decoded =
        sure__frame_decode((struct sure_bytes){exact, len}, &back, &back_len, &problem);
    assert_int_equal(SURE__DECODED_NEED_MORE, decoded);
    assert_int_equal(12345, back_len);
    assert_string_equal("untouched", problem);
    free(exact);
  }
}

static void lengths_out_of_range_are_refused(void **state) {
  (void)state;
  encode(&(struct sure__frame){.type = SURE__PING});
  sure__put_u32(bytes.data, SURE__FRAME_HEADER_LEN - 1);
  expect_invalid("length");
  sure__put_u32(bytes.data, SURE__FRAME_LEN_MAX + 1);
  expect_invalid("length");
  sure__put_u32(bytes.data, UINT32_MAX);
  expect_invalid("length");
  sure__put_u32(bytes.data, SURE__FRAME_LEN_MAX);
  struct sure__frame frame;
  size_t len;
  const char *problem;
  assert_int_equal(SURE__DECODED_NEED_MORE, sure__frame_decode(whole(), &frame, &len, &problem));
  assert_non_null(sure__buffer_extend(&bytes, SURE__FRAME_LEN_MAX - bytes.len));
  expect_valid();
}

static void unknown_types_are_refused_unless_they_may_be_ignored(void **state) {
  (void)state;
  encode(&(struct sure__frame){.type = SURE__PING});
  for (unsigned type = 0; type < 256; type++) {
    bytes.data[4] = (uint8_t)type;
    if (type >= 0x80) {
      expect_valid();
    } else if (type == 0 || type > SURE__GOAWAY) {
      expect_invalid("unknown frame type");
    }
  }
}

static void unknown_flags_of_the_low_byte_are_refused_and_of_the_high_byte_ignored(void **state) {
  (void)state;
  struct sure__frame frame = a_response();
  encode(&frame);
  for (unsigned bit = 0; bit < 16; bit++) {
    sure__put_u16(bytes.data + 6, (uint16_t)(1u << bit));
    if (bit >= 8) {
      expect_valid();
    } else if (bit >= 3) {
      expect_invalid("flag");
    }
  }
  encode(&(struct sure__frame){.type = SURE__PING, .flags = SURE__MORE});
  expect_invalid("flag");
}

static void parts_that_do_not_fit_into_the_frame_are_refused(void **state) {
  (void)state;
  struct sure__frame frame = a_request();
  encode(&frame);
  sure__put_u32(bytes.data + 28, 4 + 3 + 7); /* metadata, up to the end */
  expect_invalid("REQUEST");                 /* then the key is missing */
  sure__put_u32(bytes.data + 28, 4 + 3 + 7 + 1);
  expect_invalid("shorter");
  sure__put_u32(bytes.data + 28, UINT32_MAX);
  expect_invalid("shorter");
  sure__put_u32(bytes.data, SURE__FRAME_HEADER_LEN + 31); /* less than the fixed part */
  sure__put_u32(bytes.data + 28, 0);
  expect_invalid("shorter");
  encode(&(struct sure__frame){
      .type = SURE__REQUEST, .flags = SURE__CONT, .metadata = text("meta"), .sequence = 1});
  expect_invalid("metadata");
}

/* One field of the frame in `bytes`, one past its bound. */
static void expect_refused_with(const struct sure__frame *frame, const char *why) {
  encode(frame);
  expect_invalid(why);
}

static void numbers_of_a_request_are_checked(void **state) {
  (void)state;
  struct sure__frame frame = a_request();
  frame.sequence = SURE__SEQUENCE_MAX;
  frame.request.watermark = SURE__SEQUENCE_MAX;
  (void)round_trip(&frame);
  frame.sequence = SURE__SEQUENCE_MAX + 1;
  expect_refused_with(&frame, "sequence");
  frame = a_request();
  frame.sequence = 0;
  expect_refused_with(&frame, "sequence");
  frame = a_request();
  frame.attempt = 0;
  expect_refused_with(&frame, "attempt");
  frame = a_request();
  frame.request.watermark = 8;
  expect_refused_with(&frame, "watermark");
  frame.request.watermark = 0;
  expect_refused_with(&frame, "watermark");
  frame = a_request();
  encode(&frame);
  sure__put_u32(bytes.data + 52, 8); /* message length */
  expect_invalid("message length");
  sure__put_u32(bytes.data + 52, 6);
  expect_invalid("message length");
  sure__put_u16(bytes.data + 6, SURE__MORE);
  expect_invalid("message length"); /* more than the whole */
  sure__put_u32(bytes.data + 52, 7);
  expect_invalid("message length"); /* nothing is left for the next part */
  sure__put_u32(bytes.data + 52, 8);
  expect_valid();
}

static void a_key_has_so_many_bytes_and_no_more(void **state) {
  (void)state;
  static uint8_t key[256];
  struct sure__frame frame = a_request();
  frame.request.key = (struct sure_bytes){key, 255};
  (void)round_trip(&frame);
  frame.request.key.len = 256;
  expect_refused_with(&frame, "key");
  frame = a_settle();
  frame.settle.key = (struct sure_bytes){key, 255};
  (void)round_trip(&frame);
  frame.settle.key.len = 256;
  expect_refused_with(&frame, "key");
  frame = a_settle();
  encode(&frame);
  sure__put_u16(bytes.data + 32 + 48, 2); /* a byte stays over */
  expect_invalid("key");
  sure__put_u16(bytes.data + 32 + 48, 4); /* a byte is missing */
  expect_invalid("key");
}

static void results_are_checked(void **state) {
  (void)state;
  static uint8_t message[1025];
  struct sure__frame frame = a_response();
  frame.response.text = (struct sure_bytes){message, 1024};
  (void)round_trip(&frame);
  frame.response.text.len = 1025;
  expect_refused_with(&frame, "text");
  frame = a_response();
  encode(&frame);
  bytes.data[32] = SURE_CODE_MAX + 1;
  expect_invalid("code");
  frame.sequence = 0;
  expect_refused_with(&frame, "sequence");
  frame = a_settled();
  frame.settled.verdict = 0;
  expect_refused_with(&frame, "verdict");
  frame.settled.verdict = SURE__SETTLED_KEY_REUSED + 1;
  expect_refused_with(&frame, "verdict");
  frame = a_settled();
  frame.settled.result.code = (enum sure_code)17;
  expect_refused_with(&frame, "code");
}

static void the_handshake_is_checked(void **state) {
  (void)state;
  struct sure__frame frame = a_hello();
  encode(&frame);
  bytes.data[32] = 's';
  expect_invalid("magic");
  frame.hello.version_min = 2;
  frame.hello.version_max = 1;
  expect_refused_with(&frame, "versions");
  for (uint8_t mode = 0; mode < 5; mode++) {
    encode(&(struct sure__frame){.type = SURE__ATTACH, .attach = {.mode = mode}});
    mode == 0 || mode == 4 ? expect_invalid("mode") : expect_valid();
  }
  for (uint8_t attached = 0; attached < 10; attached++) {
    encode(&(struct sure__frame){.type = SURE__ATTACHED,
                                 .attached = {.state = attached, .code = SURE_UNAUTHENTICATED}});
    attached == 0 || attached == 9 ? expect_invalid("state") : expect_valid();
  }
  for (uint8_t code = 0; code < 18; code++) {
    encode(&(struct sure__frame){.type = SURE__ATTACHED,
                                 .attached = {.state = SURE__ATTACHED_REFUSED, .code = code}});
    code == SURE_OK || code > SURE_CODE_MAX ? expect_invalid("code") : expect_valid();
  }
}

static void unfinished_requests_are_checked(void **state) {
  (void)state;
  static uint8_t held[(SURE__HELD_MAX + 1) * SURE__HELD_LEN];
  sure__held_put(held, (struct sure__held){7, 8});
  struct sure__frame frame = {.type = SURE__ATTACHED,
                              .attached = {.state = SURE__ATTACHED_OPEN},
                              .payload = {held, SURE__HELD_MAX * SURE__HELD_LEN}};
  struct sure__frame back = round_trip(&frame);
  assert_int_equal(7, sure__held_at(back.payload, 0).sequence);
  assert_int_equal(8, sure__held_at(back.payload, 0).len);
  frame.payload.len += SURE__HELD_LEN;
  expect_refused_with(&frame, "unfinished");
  frame.payload.len = SURE__HELD_LEN + 1;
  expect_refused_with(&frame, "unfinished");
  frame.payload.len = SURE__HELD_LEN;
  frame.attached.state = SURE__ATTACHED_BUSY;
  expect_refused_with(&frame, "no session");
}

static void other_frames_are_checked(void **state) {
  (void)state;
  struct sure__frame frame = a_settle();
  frame.settle.target = 0;
  (void)round_trip(&frame);
  frame.settle.key.len = 0;
  expect_refused_with(&frame, "neither");
  frame.settle.target = SURE__SEQUENCE_MAX;
  (void)round_trip(&frame);
  frame.settle.target = SURE__SEQUENCE_MAX + 1;
  expect_refused_with(&frame, "sequence");
  expect_refused_with(&(struct sure__frame){.type = SURE__CANCEL, .sequence = 1}, "number");
  expect_refused_with(&(struct sure__frame){.type = SURE__ACCEPTED, .attempt = 1}, "number");
  encode(&(struct sure__frame){.type = SURE__GOAWAY, .goaway = {.text = text("bye")}});
  sure__put_u16(bytes.data + 34, 4);
  expect_invalid("text");
}

static void expect_ack_refused(uint64_t watermark, const struct sure_range *ranges, size_t count) {
  sure__buffer_clear(&bytes, SIZE_MAX);
  assert_true(sure__ack_encode(&bytes, watermark, ranges, count));
  expect_invalid("ACK");
}

static void acks_are_checked(void **state) {
  (void)state;
  expect_ack_refused(0, NULL, 0);
  expect_ack_refused(SURE__SEQUENCE_MAX + 1, NULL, 0);
  expect_ack_refused(4, &(struct sure_range){4, 6}, 1);             /* at the watermark */
  expect_ack_refused(4, &(struct sure_range){7, 6}, 1);             /* backwards */
  expect_ack_refused(4, (struct sure_range[]){{5, 6}, {7, 8}}, 2);  /* touching */
  expect_ack_refused(4, (struct sure_range[]){{5, 9}, {7, 12}}, 2); /* overlapping */
  expect_ack_refused(4, (struct sure_range[]){{9, 9}, {5, 6}}, 2);  /* descending */
  expect_ack_refused(4, &(struct sure_range){5, SURE__SEQUENCE_MAX + 1}, 1);
  expect_ack_refused(4, &(struct sure_range){5, UINT64_MAX}, 1);
  sure__put_u32(bytes.data + 40, 2);
  expect_invalid("number of ranges");
  sure__put_u32(bytes.data + 40, 0);
  expect_invalid("number of ranges");
  sure__put_u32(bytes.data + 40, 0x10000001); /* times 16 it wraps to the length that is there */
  expect_invalid("number of ranges");
}

static void an_ack_has_so_many_ranges_and_no_more(void **state) {
  (void)state;
  static struct sure_range ranges[SURE__ACK_RANGES_MAX];
  for (uint64_t i = 0; i < SURE__ACK_RANGES_MAX; i++) {
    ranges[i] = (struct sure_range){2 + 2 * i, 2 + 2 * i};
  }
  assert_true(sure__ack_encode(&bytes, 1, ranges, SURE__ACK_RANGES_MAX));
  expect_valid();
  uint8_t *more = sure__buffer_extend(&bytes, 16);
  sure__put_u64(more, 100000);
  sure__put_u64(more + 8, 100000);
  sure__put_u32(bytes.data, (uint32_t)bytes.len);
  sure__put_u32(bytes.data + 40, SURE__ACK_RANGES_MAX + 1);
  expect_invalid("number of ranges");
}

#define TEST(name) cmocka_unit_test_teardown(name, end)

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      TEST(a_request_round_trips),
      TEST(a_request_that_goes_on_round_trips),
      TEST(results_round_trip),
      TEST(the_handshake_round_trips),
      TEST(the_small_frames_round_trip),
      TEST(an_ack_round_trips),
      TEST(parts_and_windows_of_streams_round_trip),
      TEST(parts_that_contradict_themselves_are_refused),
      TEST(a_message_of_three_frames_is_cut_and_its_parts_are_right),
      TEST(a_message_that_fills_a_frame_is_one_and_a_byte_more_is_two),
      TEST(nothing_is_appended_when_memory_is_short),
      TEST(a_truncated_frame_needs_more_at_every_byte),
      TEST(lengths_out_of_range_are_refused),
      TEST(unknown_types_are_refused_unless_they_may_be_ignored),
      TEST(unknown_flags_of_the_low_byte_are_refused_and_of_the_high_byte_ignored),
      TEST(parts_that_do_not_fit_into_the_frame_are_refused),
      TEST(numbers_of_a_request_are_checked),
      TEST(a_key_has_so_many_bytes_and_no_more),
      TEST(results_are_checked),
      TEST(the_handshake_is_checked),
      TEST(unfinished_requests_are_checked),
      TEST(other_frames_are_checked),
      TEST(acks_are_checked),
      TEST(an_ack_has_so_many_ranges_and_no_more),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
