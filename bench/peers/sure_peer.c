/* Sure with its typed stubs: asynchronous calls, inline handlers, the memory store. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sure/sure.h>

#include "peer.h"
#include "peer.sure.h"

typedef Sure__Peer__V1__Packet Packet;
typedef Sure__Peer__V1__KeyedPacket KeyedPacket;

static const char known_key[] = "known";

static void expect_ok(enum sure_code code) {
  if (code != SURE_OK) {
    peer_fail(sure_code_name(code));
  }
}

/* ---- interceptors that let everything pass ---- */

/* Both sides then have one with all hooks. */
static bool is_intercepted(void) {
  return getenv("BENCH_INTERCEPTED") != NULL;
}

static enum sure_code call_begins(void *user, const struct sure_outgoing *outgoing,
                                  uint64_t *slot) {
  (void)user;
  (void)outgoing;
  *slot = peer_now_ns();
  return SURE_OK;
}

static void call_ended(void *user, const struct sure_method *method,
                       const struct sure_status *status, uint64_t slot) {
  (void)user;
  (void)method;
  (void)status;
  (void)slot;
}

static enum sure_code attempt_begins(void *user, const struct sure_outgoing *outgoing) {
  (void)user;
  (void)outgoing;
  return SURE_OK;
}

static void attempt_ended(void *user, const struct sure_attempt_end *end) {
  (void)user;
  (void)end;
}

static const struct sure_client_interceptor client_interceptor = {
    .version = SURE_INTERCEPTOR_VERSION,
    .call_begins = call_begins,
    .call_ended = call_ended,
    .attempt_begins = attempt_begins,
    .attempt_ended = attempt_ended,
};

static enum sure_code attempt_arrives(void *user, struct sure_call *call) {
  (void)user;
  (void)call;
  return SURE_OK;
}

static enum sure_code handler_begins(void *user, struct sure_call *call, uint64_t *slot) {
  (void)user;
  (void)call;
  *slot = peer_now_ns();
  return SURE_OK;
}

static void handler_ended(void *user, struct sure_call *call, enum sure_code code, uint64_t slot) {
  (void)user;
  (void)call;
  (void)code;
  (void)slot;
}

static const struct sure_server_interceptor server_interceptor = {
    .version = SURE_INTERCEPTOR_VERSION,
    .attempt_arrives = attempt_arrives,
    .handler_begins = handler_begins,
    .handler_ended = handler_ended,
};

/* ---- the server ---- */

static enum sure_code echo(void *user, struct sure_call *call, const Packet *request,
                           Packet *reply) {
  (void)user;
  (void)call;
  reply->id = request->id;
  reply->payload = request->payload; /* lives as long as the call */
  return SURE_OK;
}

static enum sure_code echo_keyed(void *user, struct sure_call *call, const KeyedPacket *request,
                                 Packet *reply) {
  (void)user;
  (void)call;
  reply->payload = request->payload;
  return SURE_OK;
}

static enum sure_code pour(void *user, struct sure_call *call, const Packet *request,
                           struct sure_stream *stream) {
  static uint8_t payload[PEER_POURED_LEN];
  Packet packet = SURE__PEER__V1__PACKET__INIT;
  enum sure_code code = SURE_OK;
  (void)user;
  (void)call;
  packet.payload = (ProtobufCBinaryData){sizeof payload, payload};
  for (uint64_t i = 0; i < request->id && code == SURE_OK; i++) {
    code = sure__peer__v1__peer_server__pour__write(stream, &packet);
  }
  return code;
}

static enum sure_code offer(struct sure_server *server) {
  static const struct sure__peer__v1__peer_server handlers = {
      .echo = echo, .echo_again = echo, .echo_keyed = echo_keyed, .pour = pour};
  static const char *const inlined[] = {"sure.peer.v1.Peer/Echo", "sure.peer.v1.Peer/EchoAgain",
                                        "sure.peer.v1.Peer/EchoKeyed"};
  enum sure_code code = SURE_OK;
  for (size_t i = 0; i < sizeof inlined / sizeof inlined[0] && code == SURE_OK; i++) {
    code = sure_server_set_run_mode(server, inlined[i], SURE_RUN_INLINE);
  }
  return code ? code : sure__peer__v1__peer_server__register(server, &handlers, NULL);
}

bool peer_serve(const char *path) {
  char url[PEER_ADDRESS_SIZE] = "tcp://127.0.0.1:0";
  if (path != NULL) {
    snprintf(url, sizeof url, "ipc://%s", path);
  }
  struct sure_store *store = NULL;
  struct sure_server *server = NULL;
  expect_ok(sure_memory_store_open(&(struct sure_memory_store_options){.allow_volatile_keys = true},
                                   &store));
  expect_ok(sure_server_open(&(struct sure_server_options){.store = store}, &server));
  expect_ok(offer(server));
  if (is_intercepted()) {
    expect_ok(sure_server_add_interceptor(server, &server_interceptor));
  }
  expect_ok(sure_server_listen(server, url));
  peer_ready(sure_server_url(server, 0));
  peer_wait_for_end();
  sure_server_free(server);
  sure_store_free(store);
  return true;
}

/* ---- the client ---- */

struct slot {
  struct connection *connection;
  unsigned number;
};

struct connection {
  struct peer_run *run;
  struct sure_channel *channel;
  pthread_mutex_t mutex; /* calls end on several threads */
  void (*begin)(struct slot *slot);
  struct slot slots[];
};

static void ended(void *user, const struct sure_status *status, const Packet *reply) {
  struct slot *slot = user;
  struct connection *connection = slot->connection;
  (void)reply;
  if (sure_status_code(status) != SURE_OK) {
    peer_fail(sure_status_message(status));
  }
  pthread_mutex_lock(&connection->mutex);
  bool goes_on = peer_ended(connection->run, slot->number);
  pthread_mutex_unlock(&connection->mutex);
  if (goes_on) {
    connection->begin(slot);
  }
}

static ProtobufCBinaryData payload_of(const struct slot *slot) {
  size_t len;
  const uint8_t *data = peer_payload(slot->connection->run, &len);
  return (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)data};
}

static Packet packet_of(const struct slot *slot) {
  Packet packet = SURE__PEER__V1__PACKET__INIT;
  packet.id = 1;
  packet.payload = payload_of(slot);
  return packet;
}

static void begin_recorded(struct slot *slot) {
  Packet packet = packet_of(slot);
  expect_ok(sure__peer__v1__peer_client__echo__async(slot->connection->channel, &packet, NULL,
                                                     ended, slot, NULL));
}

static void begin_unrecorded(struct slot *slot) {
  Packet packet = packet_of(slot);
  expect_ok(sure__peer__v1__peer_client__echo_again__async(slot->connection->channel, &packet, NULL,
                                                           ended, slot, NULL));
}

/* All calls have one key: the first is run, the others get its record. */
static void begin_replayed(struct slot *slot) {
  KeyedPacket packet = SURE__PEER__V1__KEYED_PACKET__INIT;
  packet.key = (char *)(uintptr_t)known_key;
  packet.payload = payload_of(slot);
  expect_ok(sure__peer__v1__peer_client__echo_keyed__async(slot->connection->channel, &packet, NULL,
                                                           ended, slot, NULL));
}

static bool is_named(const struct peer_run *run, const char *scenario) {
  return strcmp(peer_scenario(run), scenario) == 0;
}

static struct sure_channel *open_channel(const char *address) {
  struct sure_channel *channel = NULL;
  const struct sure_channel_options options = {
      .target = address,
      .interceptors = &client_interceptor,
      .interceptor_count = is_intercepted() ? 1 : 0,
  };
  return sure_channel_open(&options, &channel) == SURE_OK ? channel : NULL;
}

/* So that it has a record. */
static void make_known_call(struct sure_channel *channel) {
  KeyedPacket packet = SURE__PEER__V1__KEYED_PACKET__INIT;
  Packet *reply = NULL;
  packet.key = (char *)(uintptr_t)known_key;
  expect_ok(sure__peer__v1__peer_client__echo_keyed(channel, &packet, NULL, &reply, NULL));
  sure__peer__v1__packet__free_unpacked(reply, NULL);
}

void *peer_open(struct peer_run *run, const char *address, unsigned slots) {
  struct sure_channel *channel = open_channel(address);
  struct connection *connection =
      channel == NULL ? NULL : calloc(1, sizeof *connection + slots * sizeof connection->slots[0]);
  if (connection == NULL) {
    return NULL;
  }
  connection->run = run;
  connection->channel = channel;
  pthread_mutex_init(&connection->mutex, NULL);
  connection->begin = is_named(run, "unrecorded") ? begin_unrecorded
                      : is_named(run, "replayed") ? begin_replayed
                                                  : begin_recorded;
  for (unsigned i = 0; i < slots; i++) {
    connection->slots[i] = (struct slot){connection, i};
  }
  if (is_named(run, "settled")) {
    make_known_call(channel);
  }
  return connection;
}

void peer_begin(void *connection, unsigned slot) {
  struct connection *own = connection;
  own->begin(&own->slots[slot]);
}

static bool settle_known_call(struct sure_channel *channel) {
  const struct sure_settle what = {.key = {(const uint8_t *)known_key, strlen(known_key)}};
  Packet *reply = NULL;
  enum sure_code code =
      sure__peer__v1__peer_client__echo_keyed__settle(channel, &what, NULL, &reply, NULL);
  sure__peer__v1__packet__free_unpacked(reply, NULL);
  return code == SURE_OK;
}

bool peer_call_and_wait(void *connection) {
  struct connection *own = connection;
  if (is_named(own->run, "settled")) {
    return settle_known_call(own->channel);
  }
  Packet packet = packet_of(&(struct slot){own, 0});
  Packet *reply;
  if (sure__peer__v1__peer_client__echo(own->channel, &packet, NULL, &reply, NULL) != SURE_OK) {
    return false;
  }
  sure__peer__v1__packet__free_unpacked(reply, NULL);
  return true;
}

void peer_close(void *connection) {
  struct connection *own = connection;
  sure_channel_free(own->channel, 0);
  pthread_mutex_destroy(&own->mutex);
  free(own);
}

bool peer_pour(struct peer_run *run, const char *address) {
  struct sure_channel *channel = open_channel(address);
  struct sure_stream *stream = NULL;
  static const struct sure_call_options for_long = {.timeout_ms = 3600 * 1000};
  Packet request = SURE__PEER__V1__PACKET__INIT;
  request.id = UINT64_MAX;
  if (channel == NULL || sure__peer__v1__peer_client__pour__open(channel, &request, &for_long,
                                                                 &stream, NULL) != SURE_OK) {
    return false;
  }
  uint64_t begun_ns = peer_now_ns();
  Packet *packet;
  bool goes_on = true;
  while (goes_on && sure__peer__v1__peer_client__pour__read(stream, &packet) == SURE_OK) {
    sure__peer__v1__packet__free_unpacked(packet, NULL);
    goes_on = peer_count(run, begun_ns);
    begun_ns = peer_now_ns();
  }
  sure_stream_cancel(stream);
  sure__peer__v1__peer_client__pour__finish(stream);
  sure_channel_free(channel, 0);
  return !goes_on;
}
