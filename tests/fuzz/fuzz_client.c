/* Fuzzes the client engine: the input is a script of what two servers, an application and the clock
 * do to it. The servers keep the handshake when the script says so, and otherwise say what they
 * like. The engine's own assertions hold, nothing leaks, every call ends once, and of its effect
 * nothing is said that the servers have not said (S19). */
#include <stdlib.h>
#include <string.h>

#include "rpc/core/assert.h"
#include "rpc/core/client.h"
#include "tests/lib/failing_allocator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { CALLS_MAX = 64, ATTEMPTS_MAX = 512, LINKS_MAX = 64, ADVANCES_MAX = 4096 };

static const struct sure_method methods[] = {
    {.full_name = "a/Charge", .id = 11, .semantics = SURE_EXACTLY_ONCE},
    {.full_name = "a/Read", .id = 12, .semantics = SURE_NO_SIDE_EFFECTS},
    {.full_name = "a/Notify", .id = 13, .semantics = SURE_AT_MOST_ONCE},
    {.full_name = "a/Repeat", .id = 14, .semantics = SURE_AT_LEAST_ONCE},
};

/* What the application knows of a call, and what servers have said of it. */
struct known_call {
  struct sure__client_call *call; /* NULL: it has ended, or was refused */
  const struct sure_method *method;
  struct sure_bytes key;
  struct sure_call_id id; /* it ended UNKNOWN: to be settled or released */
  uint64_t handle;
  bool may_be_applied; /* some answer said so */
  bool is_refuted;     /* some final answer said the contrary */
  bool has_store;
  struct sure_store_id store; /* where its attempts go (S2) */
};

struct known_attempt {
  size_t call;
  size_t link;
  uint64_t sequence;
  uint32_t number;
  bool is_undone;
};

struct known_link {
  struct sure__link *link; /* NULL: it is over */
  bool is_dialed;
  struct sure_store_id store; /* as WELCOME said */
};

static struct {
  struct sure__client client;
  uint64_t now_ms;
  struct known_call calls[CALLS_MAX];
  size_t call_count;
  struct known_attempt attempts[ATTEMPTS_MAX];
  size_t attempt_count;
  struct known_link links[LINKS_MAX];
  size_t link_count;
  struct sure__buffer wire;
} world;

struct script {
  const uint8_t *data;
  size_t len;
};

static uint8_t take(struct script *script) {
  if (script->len == 0) {
    return 0;
  }
  script->len--;
  return *script->data++;
}

/* ---- what the client says ---- */

static size_t index_of_link(const struct sure__link *link) {
  for (size_t i = 0; i < world.link_count; i++) {
    if (world.links[i].link == link) {
      return i;
    }
  }
  sure__assert(world.link_count < LINKS_MAX && "the script is bounded");
  world.links[world.link_count] = (struct known_link){.link = (struct sure__link *)link};
  return world.link_count++;
}

/* A request's payload is the number of its call. */
static void note_request(const struct sure__frame *frame, size_t link) {
  if ((frame->flags & SURE__CONT) != 0) {
    return;
  }
  size_t number = frame->payload.data[0];
  struct known_call *known = &world.calls[number];
  sure__assert(frame->sequence >= frame->request.watermark && "S3");
  if (known->method->semantics == SURE_EXACTLY_ONCE) {
    const struct sure_store_id *store = &world.links[link].store;
    sure__assert((!known->has_store || memcmp(&known->store, store, sizeof *store) == 0) &&
                 "the attempts of a call go to one store (S2)");
    known->has_store = true;
    known->store = *store;
  }
  if (world.attempt_count < ATTEMPTS_MAX) {
    world.attempts[world.attempt_count++] = (struct known_attempt){
        .call = number, .link = link, .sequence = frame->sequence, .number = frame->attempt};
  }
}

static void note_said(const struct sure__buffer *out, size_t link) {
  struct sure_bytes rest = {out->data, out->len};
  while (rest.len > 0) {
    struct sure__frame frame;
    size_t len = 0;
    const char *problem = NULL;
    enum sure__decoded decoded = sure__frame_decode(rest, &frame, &len, &problem);
    sure__assert(decoded == SURE__DECODED_FRAME && "a client sends whole and valid frames");
    if (frame.type == SURE__REQUEST) {
      note_request(&frame, link);
    }
    rest.data += len;
    rest.len -= len;
  }
}

/* ---- how calls end ---- */

static bool is_all_undone(size_t call) {
  for (size_t i = 0; i < world.attempt_count; i++) {
    if (world.attempts[i].call == call && !world.attempts[i].is_undone) {
      return false;
    }
  }
  return true;
}

static void check_end(size_t number, const struct sure__end *end) {
  const struct known_call *known = &world.calls[number];
  enum sure_semantics semantics = known->method->semantics;
  if (end->outcome == SURE_APPLIED) {
    sure__assert(known->may_be_applied && "APPLIED needs the word of a server");
  }
  if (end->outcome == SURE_NOT_APPLIED && semantics != SURE_NO_SIDE_EFFECTS) {
    bool is_proven = known->is_refuted || is_all_undone(number);
    sure__assert((is_proven || world.attempt_count == ATTEMPTS_MAX) &&
                 "NOT_APPLIED needs a proof (S19)");
  }
  if (end->code == SURE_OK) {
    sure__assert(end->is_answered && "nobody else says OK");
  }
}

static void deliver(void) {
  struct sure__list *link;
  while ((link = sure__list_pop(&world.client.completed)) != NULL) {
    struct sure__client_call *call = sure__container_of(link, struct sure__client_call, link);
    size_t number = 0;
    while (world.calls[number].call != call) {
      number++;
      sure__assert(number < world.call_count && "a call ends once");
    }
    check_end(number, &call->end);
    world.calls[number].id =
        call->end.outcome == SURE_OUTCOME_UNKNOWN ? call->end.id : (struct sure_call_id){0};
    world.calls[number].call = NULL;
    sure__client_recycle(&world.client, call);
  }
}

/* What a shell does after each event. */
static void look(void) {
  struct sure__client *client = &world.client;
  struct sure__list *l;
  deliver(); /* before the bytes that ended the calls go away */
  while ((l = sure__list_pop(&client->acting)) != NULL) {
    struct sure__link *link = sure__container_of(l, struct sure__link, acting);
    size_t index = index_of_link(link);
    note_said(&link->out, index);
    link->out.len = 0;
    world.links[index].is_dialed = world.links[index].is_dialed || link->dial_wanted;
    link->dial_wanted = false;
    if (link->close_reason != NULL) {
      world.links[index] = (struct known_link){0};
      sure__client_link_closed(client, link);
    }
  }
  client->log.count = 0;
  client->log.dropped_count = 0;
}

/* ---- what the servers say ---- */

static void note_response(const struct sure__frame *frame, size_t link) {
  bool is_ok = frame->response.code == SURE_OK || frame->response.reason == SURE_REASON_REPLY_LOST;
  for (size_t i = 0; i < world.attempt_count; i++) {
    struct known_attempt *attempt = &world.attempts[i];
    if (attempt->link != link || attempt->sequence != frame->sequence ||
        attempt->number != frame->attempt) {
      continue;
    }
    struct known_call *known = &world.calls[attempt->call];
    attempt->is_undone =
        attempt->is_undone || (frame->flags & (SURE__NOT_RUN | SURE__ROLLED_BACK)) != 0;
    known->may_be_applied = known->may_be_applied || is_ok;
    known->is_refuted = known->is_refuted || (!is_ok && (frame->flags & SURE__RECORDED) != 0);
  }
}

static void note_settled(const struct sure__frame *frame) {
  for (size_t i = 0; i < world.call_count; i++) {
    if (world.calls[i].handle == frame->sequence) {
      world.calls[i].may_be_applied = true; /* what a RECORD says is in a later part, perhaps */
      world.calls[i].is_refuted = true;
    }
  }
}

static void note_heard(struct sure_bytes bytes, size_t link) {
  struct sure__frame frame;
  size_t len = 0;
  const char *problem = NULL;
  while (bytes.len > 0 &&
         sure__frame_decode(bytes, &frame, &len, &problem) == SURE__DECODED_FRAME) {
    if (frame.type == SURE__RESPONSE && (frame.flags & SURE__CONT) == 0) {
      note_response(&frame, link);
    } else if (frame.type == SURE__SETTLED) {
      note_settled(&frame);
    } else if (frame.type == SURE__WELCOME) {
      world.links[link].store = frame.welcome.store_id;
    }
    bytes.data += len;
    bytes.len -= len;
  }
}

static void say(size_t index, struct sure_bytes bytes) {
  struct sure__link *link = world.links[index].link;
  if (link == NULL || link->state == SURE__LINK_DIALING) {
    return;
  }
  note_heard(bytes, index);
  sure__client_receive(&world.client, link, bytes, world.now_ms);
  look();
}

static void say_frame(size_t index, const struct sure__frame *frame) {
  sure__buffer_clear(&world.wire, SIZE_MAX);
  failing_allocator_arm(0);
  if (sure__frame_encode(&world.wire, frame)) {
    say(index, (struct sure_bytes){world.wire.data, world.wire.len});
  }
}

static void say_raw(struct script *script, size_t index) {
  size_t len = (size_t)take(script) * 2;
  len = len < script->len ? len : script->len;
  /* Whole frames by their length fields are what the connection hands on. */
  struct sure_bytes rest = {script->data, len};
  size_t whole_len = 0;
  while (rest.len - whole_len >= SURE__FRAME_HEADER_LEN) {
    const uint8_t *at = rest.data + whole_len;
    size_t frame_len = (size_t)at[0] | (size_t)at[1] << 8;
    if (frame_len < SURE__FRAME_HEADER_LEN || frame_len > rest.len - whole_len) {
      break;
    }
    whole_len += frame_len;
  }
  say(index, (struct sure_bytes){rest.data, whole_len});
  script->data += len;
  script->len -= len;
}

static void welcome(struct script *script, size_t index) {
  uint8_t choice = take(script);
  say_frame(index,
            &(struct sure__frame){.type = SURE__WELCOME,
                                  .welcome = {.version = choice < 250 ? 1 : choice,
                                              .message_len_max = 64u << (choice % 12),
                                              .challenge = {{choice}},
                                              .store_id = {{(uint8_t)(1 + choice % 8 / 7)}}}});
}

static void attached(struct script *script, size_t index) {
  uint8_t choice = take(script);
  uint8_t state = choice < 128 ? SURE__ATTACHED_OPEN : choice % 9;
  say_frame(index, &(struct sure__frame){.type = SURE__ATTACHED,
                                         .attached = {.session = {{(uint8_t)(1 + choice / 32 % 2)}},
                                                      .state = state,
                                                      .code = take(script),
                                                      .retry_after_ms = choice}});
}

static uint16_t some_flags(uint8_t choice) {
  static const uint16_t flags[] = {
      SURE__RECORDED, SURE__NOT_RUN, SURE__ROLLED_BACK, 0,
      SURE__REPLAYED, SURE__JOINED,  SURE__MORE,        SURE__RECORDED | SURE__NOT_RUN};
  return flags[choice % 8];
}

/* Mostly about an attempt that was made over this very link. */
static void about_attempt(struct script *script, size_t index, struct sure__frame *frame) {
  uint8_t choice = take(script);
  for (size_t back = choice % 16; back < world.attempt_count; back++) {
    const struct known_attempt *attempt = &world.attempts[world.attempt_count - 1 - back];
    if (attempt->link == index) {
      frame->sequence = attempt->sequence;
      frame->attempt = attempt->number;
      break;
    }
  }
  if (choice >= 0xF0) {
    frame->sequence += 1;
  }
}

static struct sure__result some_result(struct script *script) {
  static const uint32_t pauses[] = {0, 0, 10, 100, 100000, UINT32_MAX};
  uint8_t choice = take(script);
  return (struct sure__result){.code = choice < 128 ? SURE_OK : choice % 17,
                               .reason = choice < 160 ? SURE_REASON_NONE : choice % 24,
                               .encoding = choice == 255,
                               .retry_after_ms = pauses[choice % 6]};
}

static struct sure_bytes some_payload(struct script *script) {
  static const uint8_t bytes[140000];
  uint8_t choice = take(script);
  return (struct sure_bytes){bytes, choice < 250 ? choice : 23000u * (choice - 249u)};
}

static void respond(struct script *script, size_t index) {
  struct sure__frame frame = {.type = SURE__RESPONSE};
  about_attempt(script, index, &frame);
  frame.response = some_result(script);
  frame.flags = some_flags(take(script)) & ~SURE__MORE;
  if (frame.response.code == SURE_OK) {
    frame.payload = some_payload(script);
  }
  say_frame(index, &frame);
}

static void accept(struct script *script, size_t index) {
  struct sure__frame frame = {.type = SURE__ACCEPTED};
  about_attempt(script, index, &frame);
  say_frame(index, &frame);
}

static void settled(struct script *script, size_t index) {
  uint8_t choice = take(script);
  struct sure__frame frame = {
      .type = SURE__SETTLED,
      .sequence =
          world.client.handle_last - (choice % 4 < world.client.handle_last ? choice % 4 : 0),
      .settled = {.verdict = 1 + choice / 16 % 7, .result = some_result(script)}};
  frame.payload = some_payload(script);
  say_frame(index, &frame);
}

static void go_away(struct script *script, size_t index) {
  say_frame(index,
            &(struct sure__frame){.type = SURE__GOAWAY, .goaway = {.reason = take(script) % 8}});
}

/* ---- what the network does ---- */

static void connect(size_t index, bool works) {
  struct known_link *known = &world.links[index];
  if (known->link == NULL || !known->is_dialed) {
    return;
  }
  known->is_dialed = false;
  if (works) {
    sure__client_connected(&world.client, known->link, world.now_ms);
  } else {
    struct sure__link *link = known->link;
    known->link = NULL;
    sure__client_not_connected(&world.client, link, "refused", world.now_ms);
  }
  look();
}

static void cut(size_t index) {
  struct sure__link *link = world.links[index].link;
  if (link == NULL || link->state == SURE__LINK_DIALING) {
    return;
  }
  world.links[index] = (struct known_link){0};
  sure__client_disconnected(&world.client, link, "cut", world.now_ms);
  look();
}

static void pass(uint64_t ms) {
  uint64_t end_ms = world.now_ms + ms;
  for (int i = 0; sure__client_next_ms(&world.client) <= end_ms; i++) {
    sure__assert(i < ADVANCES_MAX && "it does not ask to be woken for nothing");
    uint64_t next_ms = sure__client_next_ms(&world.client);
    world.now_ms = next_ms > world.now_ms ? next_ms : world.now_ms;
    sure__client_advance(&world.client, world.now_ms);
    look();
    if (world.link_count > LINKS_MAX / 2) {
      break; /* enough of them for one script */
    }
  }
  world.now_ms = end_ms > world.now_ms ? end_ms : world.now_ms;
}

/* ---- what the application does ---- */

static void start(struct script *script) {
  static uint8_t numbers[CALLS_MAX][8192];
  uint8_t choice = take(script);
  uint8_t more = take(script);
  if (world.call_count == CALLS_MAX) {
    return;
  }
  struct sure__client_call *call = sure__client_call_new(&world.client);
  if (call == NULL) {
    return;
  }
  size_t number = world.call_count;
  numbers[number][0] = (uint8_t)number;
  call->method = &methods[choice < 160 ? 0 : choice % 4];
  call->timeout_ms = 1 + more * 40u;
  call->attempt_timeout_ms = choice % 3 == 0 ? 1 + more * 3u : 0;
  call->is_fail_fast = choice % 16 == 15;
  call->retry.attempts_max = choice % 5;
  call->hedging.attempts_max = choice % 7 == 0 ? 3 : 0;
  call->hedging.delay_ms = more;
  if (!sure__arena_copy(&call->arena,
                        (struct sure_bytes){numbers[number], more % 16 == 0 ? 8192u : 1u},
                        &call->request) ||
      !sure__arena_copy(&call->arena, (struct sure_bytes){numbers[number], choice % 2},
                        &call->key)) {
    sure__client_recycle(&world.client, call);
    return;
  }
  call->key_is_beside = call->key.len > 0;
  world.calls[number] = (struct known_call){
      .call = call, .method = call->method, .key = {numbers[number], call->key.len}};
  world.call_count++;
  if (sure__client_start(&world.client, call, world.now_ms).text != NULL) {
    world.calls[number].call = NULL;
    sure__client_recycle(&world.client, call);
  } else {
    world.calls[number].handle = call->handle;
  }
  look();
}

/* What a settle finds out is about the call, and is known of the settle as well. */
static void settle(struct script *script) {
  uint8_t choice = take(script);
  if (world.call_count == 0 || world.call_count == CALLS_MAX) {
    return;
  }
  const struct known_call *about = &world.calls[choice % world.call_count];
  struct sure__client_call *call = sure__client_call_new(&world.client);
  if (call == NULL) {
    return;
  }
  call->method = about->method;
  call->timeout_ms = 1 + choice * 10u;
  call->settle_id = about->id;
  (void)sure__arena_copy(&call->arena, choice < 64 ? about->key : (struct sure_bytes){0},
                         &call->key);
  size_t number = world.call_count++;
  world.calls[number] = (struct known_call){.call = call, .method = call->method};
  if (sure__client_settle(&world.client, call, world.now_ms).text != NULL) {
    world.calls[number].call = NULL;
    sure__client_recycle(&world.client, call);
  } else {
    world.calls[number].handle = call->handle;
  }
  look();
}

static void cancel_or_release(struct script *script) {
  uint8_t choice = take(script);
  if (world.call_count == 0) {
    return;
  }
  const struct known_call *known = &world.calls[choice % world.call_count];
  if (known->call != NULL && choice < 128) {
    sure__client_cancel(&world.client, known->handle, world.now_ms);
  } else if (known->call != NULL) {
    sure__client_cancel_soon(&world.client, known->call);
  } else if (known->id.epoch != 0) {
    sure__client_release(&world.client, known->id, world.now_ms);
  }
  look();
}

/* ---- the script ---- */

static void step(struct script *script) {
  uint8_t choice = take(script);
  size_t index =
      world.link_count == 0 ? 0 : world.link_count - 1 - (choice >> 5) % world.link_count;
  switch (choice % 16) {
  case 0:
    say_raw(script, index);
    break;
  case 1:
    connect(index, choice < 0xE0);
    break;
  case 2:
    welcome(script, index);
    break;
  case 3:
    attached(script, index);
    break;
  case 4:
  case 5:
    respond(script, index);
    break;
  case 6:
    accept(script, index);
    break;
  case 7:
    settled(script, index);
    break;
  case 8:
    go_away(script, index);
    break;
  case 9:
    cut(index);
    break;
  case 10:
    pass(take(script) * 20u);
    break;
  case 11:
    settle(script);
    break;
  case 12:
    cancel_or_release(script);
    break;
  case 13:
    failing_allocator_arm(take(script));
    break;
  default:
    start(script);
    break;
  }
}

static bool begin(uint8_t choice) {
  static const char *const urls[] = {"tcp://a:1", "tcp://b:1"};
  const struct sure__client_config config = {
      .accept_timeout_ms = 500,
      .connect_timeout_ms = 2000,
      .reconnect_ms_initial = 50,
      .reconnect_ms_max = 1000,
      .keepalive_time_ms = 3000,
      .keepalive_timeout_ms = 1000,
      .ack_idle_ms = 50,
      .idle_timeout_ms = 20000,
      .message_len_max = 100 * 1024,
      .unresolved_calls_max = 4,
      .balancing = (enum sure_balancing)(choice % 3),
      .outlier_detection = {.interval_ms = 1000,
                            .base_ejection_ms = 1000,
                            .max_ejection_ms = 3000,
                            .max_ejection_percent = 50,
                            .consecutive_failures = 3,
                            .failure_percent = 60,
                            .request_volume = 5},
      .random_seed = choice,
  };
  memset(&world, 0, sizeof world);
  world.now_ms = 1000;
  failing_allocator_arm(0);
  return sure__client_init(&world.client, &config) &&
         sure__client_set_endpoints(&world.client, urls, 2, world.now_ms);
}

static void end(void) {
  failing_allocator_arm(0);
  pass(1 + 40 * 255); /* the longest deadline */
  for (size_t i = 0; i < world.call_count; i++) {
    sure__assert((world.calls[i].call == NULL || world.link_count > LINKS_MAX / 2) &&
                 "no call is open after its deadline");
  }
  sure__client_shut_down(&world.client, world.now_ms);
  look();
  sure__client_hang_up(&world.client, world.now_ms);
  look();
  sure__client_fini(&world.client);
  sure__buffer_fini(&world.wire);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc;
  (void)argv;
  failing_allocator_install();
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct script script = {data, size};
  bool has_begun = begin(take(&script));
  sure__assert(has_begun && "there is memory");
  look();
  while (script.len > 0 && world.link_count <= LINKS_MAX / 2) {
    step(&script);
  }
  end();
  sure__assert(failing_allocator_live() == 0 && "everything was given back");
  return 0;
}
