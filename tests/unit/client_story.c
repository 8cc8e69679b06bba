#include "client_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

const struct sure_method charge = {
    .full_name = "bank.v1.Bank/Charge", .id = 11, .semantics = SURE_EXACTLY_ONCE};
const struct sure_method read_it = {
    .full_name = "bank.v1.Bank/GetBalance", .id = 12, .semantics = SURE_NO_SIDE_EFFECTS};
const struct sure_method ping_it = {
    .full_name = "bank.v1.Bank/Notify", .id = 13, .semantics = SURE_AT_MOST_ONCE};
const struct sure_method repeat = {
    .full_name = "bank.v1.Bank/Repeat", .id = 14, .semantics = SURE_AT_LEAST_ONCE};

void story_begin_with(struct story *story, enum sure_balancing balancing, const char *const *urls) {
  const struct sure__client_config config = {
      .accept_timeout_ms = 1000,
      .connect_timeout_ms = 5000,
      .reconnect_ms_initial = 50,
      .reconnect_ms_max = 2000,
      .keepalive_time_ms = 10000,
      .keepalive_timeout_ms = 5000,
      .ack_idle_ms = 50,
      .idle_timeout_ms = 600000,
      .message_len_max = 200 * 1024,
      .unresolved_calls_max = 2,
      .balancing = balancing,
      .outlier_detection = {.interval_ms = 10000,
                            .base_ejection_ms = 30000,
                            .max_ejection_ms = 60000,
                            .max_ejection_percent = 40,
                            .consecutive_failures = 5,
                            .failure_percent = 60,
                            .request_volume = 10},
      .random_seed = 1,
  };
  size_t count = 0;
  while (urls[count] != NULL) {
    count++;
  }
  *story = (struct story){.now_ms = 1000, .store = {{7}}, .session = {{1}}};
  assert_true(sure__client_init(&story->client, &config));
  assert_true(sure__client_set_endpoints(&story->client, urls, count, story->now_ms));
}

void story_begin(struct story *story) {
  static const char *const urls[] = {"tcp://a:1", NULL};
  story_begin_with(story, SURE_PICK_FIRST, urls);
}

static struct story_link *link_of(struct story *story, struct sure__link *link) {
  for (size_t i = 0; i < story->link_count; i++) {
    if (story->links[i].link == link) {
      return &story->links[i];
    }
  }
  assert_true(story->link_count < STORY_LINKS_MAX);
  story->links[story->link_count].link = link;
  return &story->links[story->link_count++];
}

/* What a shell does after each event. */
static void look(struct story *story) {
  struct sure__client *client = &story->client;
  struct sure__list *l;
  while ((l = sure__list_pop(&client->acting)) != NULL) {
    struct sure__link *link = sure__container_of(l, struct sure__link, acting);
    struct story_link *seen = link_of(story, link);
    sure__buffer_append(&seen->wire, link->out.data, link->out.len);
    link->out.len = 0;
    seen->dial_wanted = seen->dial_wanted || link->dial_wanted;
    link->dial_wanted = false;
    if (link->close_reason != NULL) {
      seen->closed = link->close_reason;
      seen->dial_wanted = false;
      seen->link = NULL;
      sure__client_link_closed(client, link);
    }
  }
  client->log.count = 0;
  client->log.dropped_count = 0;
}

void story_end(struct story *story) {
  sure__client_shut_down(&story->client, story->now_ms);
  struct sure__list *link;
  while ((link = sure__list_pop(&story->client.completed)) != NULL) {
    sure__client_recycle(&story->client, sure__container_of(link, struct sure__client_call, link));
  }
  sure__client_hang_up(&story->client, story->now_ms);
  look(story);
  sure__client_fini(&story->client);
  for (size_t i = 0; i < story->link_count; i++) {
    sure__buffer_fini(&story->links[i].wire);
  }
  sure__buffer_fini(&story->from_server);
}

void story_pass(struct story *story, uint64_t ms) {
  uint64_t end_ms = story->now_ms + ms;
  while (sure__client_next_ms(&story->client) <= end_ms) {
    if (story->now_ms < sure__client_next_ms(&story->client)) {
      story->now_ms = sure__client_next_ms(&story->client);
    }
    sure__client_advance(&story->client, story->now_ms);
    look(story);
  }
  story->now_ms = end_ms;
  sure__client_advance(&story->client, end_ms);
  look(story);
}

static struct story_link *present(struct story *story) {
  return &story->links[story->at];
}

struct sure__frame story_expect(struct story *story, uint8_t type) {
  struct story_link *link = present(story);
  struct sure__frame frame = {0};
  size_t len = 0;
  const char *problem = "nothing was sent";
  struct sure_bytes rest = {link->wire.data + link->looked_len, link->wire.len - link->looked_len};
  if (sure__frame_decode(rest, &frame, &len, &problem) != SURE__DECODED_FRAME) {
    fail_msg("expected %s: %s", sure__frame_type_name(type), problem);
  }
  if (frame.type != type) {
    fail_msg("expected %s, got %s", sure__frame_type_name(type), sure__frame_type_name(frame.type));
  }
  link->looked_len += len;
  return frame;
}

void story_expect_nothing(struct story *story) {
  const struct story_link *link = present(story);
  if (link->wire.len != link->looked_len) {
    fail_msg("sent: %s", sure__frame_type_name(link->wire.data[link->looked_len + 4]));
  }
}

void story_expect_request(struct story *story, uint64_t sequence, uint32_t attempt) {
  struct sure__frame frame = story_expect(story, SURE__REQUEST);
  assert_int_equal(frame.sequence, sequence);
  assert_int_equal(frame.attempt, attempt);
}

void story_give(struct story *story, const struct sure__frame *frame) {
  sure__buffer_clear(&story->from_server, SIZE_MAX);
  assert_true(sure__frame_encode(&story->from_server, frame));
  struct sure_bytes bytes = {story->from_server.data, story->from_server.len};
  assert_non_null(present(story)->link);
  sure__client_receive(&story->client, present(story)->link, bytes, story->now_ms);
  look(story);
}

static struct story_link *find_wanted(const struct story *story) {
  for (size_t i = 0; i < story->link_count; i++) {
    if (story->links[i].dial_wanted) {
      return (struct story_link *)(uintptr_t)&story->links[i];
    }
  }
  return NULL;
}

bool story_wants_connection(const struct story *story) {
  return find_wanted(story) != NULL;
}

const char *story_closed(const struct story *story) {
  const char *closed = NULL;
  for (size_t i = story->at; i < story->link_count; i++) {
    closed = story->links[i].closed != NULL ? story->links[i].closed : closed;
  }
  return closed;
}

/* The link that is to be connected, or not. */
static struct story_link *dialed(struct story *story) {
  story_pass(story, 0);
  for (int i = 0; i < 100 && !story_wants_connection(story); i++) {
    story_pass(story, 50);
  }
  struct story_link *link = find_wanted(story);
  assert_non_null(link);
  link->dial_wanted = false;
  return link;
}

void story_refuse_connection(struct story *story) {
  struct story_link *link = dialed(story);
  struct sure__link *gone = link->link;
  link->link = NULL;
  sure__client_not_connected(&story->client, gone, "connection refused", story->now_ms);
  look(story);
}

void story_connect(struct story *story) {
  struct story_link *link = dialed(story);
  story->at = (size_t)(link - story->links);
  sure__client_connected(&story->client, link->link, story->now_ms);
  look(story);
  story_expect(story, SURE__HELLO);
  story_give(story, &(struct sure__frame){.type = SURE__WELCOME,
                                          .welcome = {.version = 1,
                                                      .message_len_max = 100 * 1024,
                                                      .challenge = {{9, 9}},
                                                      .store_id = story->store}});
  if (link->link != NULL && link->wire.len > link->looked_len) {
    struct sure__frame attach = story_expect(story, SURE__ATTACH);
    assert_int_equal(attach.attach.challenge.bytes[1], 9);
  }
}

void story_give_attached(struct story *story, uint8_t state) {
  story_give(story, &(struct sure__frame){.type = SURE__ATTACHED,
                                          .attached = {.session = story->session, .state = state}});
}

void story_attach(struct story *story) {
  story_connect(story);
  story_give_attached(story, SURE__ATTACHED_OPEN);
}

void story_lose_connection(struct story *story) {
  struct sure__link *gone = present(story)->link;
  assert_non_null(gone);
  present(story)->link = NULL;
  sure__client_disconnected(&story->client, gone, "connection reset", story->now_ms);
  look(story);
}

struct sure__client_call *story_start_with(struct story *story, const struct sure_method *method,
                                           uint32_t timeout_ms, uint32_t attempts_max) {
  struct sure__client_call *call = sure__client_call_new(&story->client);
  assert_non_null(call);
  call->method = method;
  call->timeout_ms = timeout_ms;
  call->retry.attempts_max = attempts_max;
  call->request = sure__bytes_of("abc");
  assert_null(sure__client_start(&story->client, call, story->now_ms).text);
  look(story);
  return call;
}

struct sure__client_call *story_start(struct story *story, const struct sure_method *method) {
  return story_start_with(story, method, 10000, 0);
}

void story_refuse(struct story *story, uint64_t sequence, uint32_t attempt, enum sure_code code,
                  enum sure_reason reason, unsigned flags) {
  story_give(story, &(struct sure__frame){.type = SURE__RESPONSE,
                                          .flags = (uint16_t)flags,
                                          .sequence = sequence,
                                          .attempt = attempt,
                                          .response = {.code = code, .reason = reason}});
}

void story_answer(struct story *story, uint64_t sequence, uint32_t attempt, enum sure_code code,
                  unsigned flags) {
  story_refuse(story, sequence, attempt, code, SURE_REASON_NONE, flags);
}

void story_settled(struct story *story, uint64_t number, uint8_t verdict, enum sure_code code) {
  story_give(story,
             &(struct sure__frame){.type = SURE__SETTLED,
                                   .sequence = number,
                                   .settled = {.verdict = verdict, .result = {.code = code}}});
}

struct sure__end story_ended(struct story *story, const struct sure__client_call *call) {
  struct sure__list *link = sure__list_pop(&story->client.completed);
  assert_non_null(link);
  struct sure__client_call *ended = sure__container_of(link, struct sure__client_call, link);
  assert_ptr_equal(ended, call);
  struct sure__end end = ended->end;
  sure__client_recycle(&story->client, ended);
  return end;
}

void story_none_ended(struct story *story) {
  assert_true(sure__list_is_empty(&story->client.completed));
}
