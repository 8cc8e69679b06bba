/* Fuzzes the server engine, with a memory store behind it: the input is a script of what two
 * attached clients of one session do, arbitrary bytes among it. The engine's own assertions hold,
 * nothing leaks, and no call has its effect twice. */
#include <stdlib.h>
#include <string.h>

#include "rpc/core/assert.h"
#include "tests/lib/failing_allocator.h"
#include "tests/lib/server_driver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct driver driver;
static struct client clients[2];
static struct sure_session_id session;

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

static void attach(struct client *client, bool is_first) {
  if (client_connect(&driver, client)) {
    (void)client_attach(client, is_first ? SURE__ATTACH_NEW : SURE__ATTACH_RESUME, &session);
  }
}

static void feed_raw(struct script *script, struct client *client) {
  size_t len = (size_t)take(script) * 4;
  len = len < script->len ? len : script->len;
  client_feed(client, (struct sure_bytes){script->data, len});
  script->data += len;
  script->len -= len;
}

static void call(struct script *script, struct client *client) {
  static const char *const texts[] = {"pay-1:charge", "pay-1:other", "pay-2:charge", "unparsable"};
  static char large[140001];
  uint8_t choice = take(script);
  enum driver_method method = (enum driver_method)(choice % DRIVER_METHODS);
  uint64_t sequence = 1 + take(script) % 8;
  const char *text = method == DRIVER_KEYED ? texts[choice / 16 % 3] : texts[choice / 16 % 4];
  if (choice >= 0xF0) {
    memset(large, 'm', sizeof large - 1);
    large[1] = ':';
    text = large;
  }
  struct sure__frame frame = client_request(client, method, sequence, text);
  frame.attempt = 1 + take(script) % 4;
  frame.request.watermark = 1 + take(script) % sequence;
  frame.request.timeout_ms = take(script) * 10u;
  client_send(client, &frame);
}

static void ack(struct script *script, struct client *client) {
  uint64_t watermark = 1 + take(script) % 8;
  uint64_t first = watermark + 1 + take(script) % 4;
  client_ack(client, watermark, &(struct sure_range){first, first + take(script) % 4}, 1);
}

static void settle(struct script *script, struct client *client) {
  uint8_t choice = take(script);
  struct sure__settle_body body = {.session = session, .target = choice % 8};
  if (choice >= 0x80 || body.target == 0) {
    body.method = driver.methods[DRIVER_KEYED].id;
    body.key = (struct sure_bytes){(const uint8_t *)"pay-1", 5};
  }
  client_send(client,
              &(struct sure__frame){.type = SURE__SETTLE, .sequence = choice, .settle = body});
}

static void reconnect(struct client *client) {
  client_fini(client);
  attach(client, false);
}

static void cancel(struct script *script, struct client *client) {
  uint64_t sequence = 1 + take(script) % 8;
  client_send(client, &(struct sure__frame){.type = SURE__CANCEL,
                                            .sequence = sequence,
                                            .attempt = 1 + take(script) % 4});
}

static void step(struct script *script) {
  uint8_t choice = take(script);
  struct client *client = &clients[choice >> 7];
  static const enum sure_code codes[] = {SURE_OK, SURE_NOT_FOUND, SURE_UNAVAILABLE};
  switch (choice % 16) {
  case 0:
    feed_raw(script, client);
    break;
  case 1:
    reconnect(client);
    break;
  case 2:
    driver.holds_runs = true;
    break;
  case 3:
    driver_release_runs(&driver);
    break;
  case 4:
    driver.holds_store = true;
    break;
  case 5:
    driver_release_store(&driver);
    break;
  case 6:
    driver_advance(&driver, take(script) * 50u);
    break;
  case 7:
    driver.code = codes[take(script) % 3];
    break;
  case 8:
    ack(script, client);
    break;
  case 9:
    settle(script, client);
    break;
  case 10:
    cancel(script, client);
    break;
  case 11:
    failing_allocator_arm(take(script));
    break;
  case 12:
    client_send(client, &(struct sure__frame){.type = SURE__CLOSE_SESSION});
    break;
  default:
    call(script, client);
    break;
  }
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc;
  (void)argv;
  failing_allocator_install();
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct script script = {data, size};
  driver_init(&driver, &driver_config);
  attach(&clients[0], true);
  session = clients[0].session;
  attach(&clients[1], false);
  while (script.len > 0) {
    step(&script);
  }
  failing_allocator_arm(0);
  client_fini(&clients[0]);
  client_fini(&clients[1]);
  driver_release_runs(&driver);
  driver_release_store(&driver);
  driver_advance(&driver, 200); /* an end that the store had no memory for is written now */
  driver_fini(&driver);
  for (size_t i = 0; i < sizeof driver.effects / sizeof driver.effects[0]; i++) {
    sure__assert(driver.effects[i] <= 1 && "a call has its effect once");
  }
  sure__assert(failing_allocator_live() == 0 && "everything was given back");
  return 0;
}
