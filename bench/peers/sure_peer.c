/* Sure with its typed stubs: asynchronous calls, inline handlers, the memory store. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sure/sure.h>

#include "peer.h"
#include "peer.sure.h"

typedef Sure__Peer__V1__Packet Packet;

/* ---- the server ---- */

static enum sure_code echo(void *user, struct sure_call *call, const Packet *request,
                           Packet *reply) {
  (void)user;
  (void)call;
  reply->id = request->id;
  reply->payload = request->payload; /* lives as long as the call */
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

bool peer_serve(const char *path) {
  char url[PEER_ADDRESS_SIZE] = "tcp://127.0.0.1:0";
  if (path != NULL) {
    snprintf(url, sizeof url, "ipc://%s", path);
  }
  static const struct sure__peer__v1__peer_server handlers = {
      .echo = echo, .echo_again = echo, .pour = pour};
  struct sure_server *server = NULL;
  enum sure_code code = sure_server_open(NULL, &server);
  static const char *const inlined[] = {"sure.peer.v1.Peer/Echo", "sure.peer.v1.Peer/EchoAgain"};
  for (int i = 0; i < 2 && code == SURE_OK; i++) {
    code = sure_server_set_run_mode(server, inlined[i], SURE_RUN_INLINE);
  }
  code = code ? code : sure__peer__v1__peer_server__register(server, &handlers, NULL);
  code = code ? code : sure_server_listen(server, url);
  if (code == SURE_OK) {
    peer_ready(sure_server_url(server, 0));
    peer_wait_for_end();
  }
  sure_server_free(server);
  return code == SURE_OK;
}

/* ---- the client ---- */

struct load {
  struct peer_run *run;
  struct sure_channel *channel;
  bool is_unrecorded;
  pthread_mutex_t mutex;
  pthread_cond_t over;
  unsigned open_count;
};

/* One of the calls that are kept open. */
struct slot {
  struct load *load;
  uint64_t begun_ns;
};

static bool start(struct slot *slot);

static void ended(void *user, const struct sure_status *status, const Packet *reply) {
  struct slot *slot = user;
  struct load *load = slot->load;
  (void)reply;
  if (sure_status_code(status) != SURE_OK) {
    fprintf(stderr, "bench-sure: %s\n", sure_status_message(status));
    exit(1);
  }
  pthread_mutex_lock(&load->mutex);
  bool goes_on = peer_count(load->run, slot->begun_ns);
  load->open_count -= !goes_on;
  if (load->open_count == 0) {
    pthread_cond_signal(&load->over);
  }
  pthread_mutex_unlock(&load->mutex);
  if (goes_on && !start(slot)) {
    exit(1);
  }
}

static bool start(struct slot *slot) {
  static uint8_t payload[PEER_PAYLOAD_LEN];
  struct sure_channel *channel = slot->load->channel;
  Packet packet = SURE__PEER__V1__PACKET__INIT;
  packet.id = 1;
  packet.payload = (ProtobufCBinaryData){sizeof payload, payload};
  slot->begun_ns = peer_now_ns();
  enum sure_code code =
      slot->load->is_unrecorded
          ? sure__peer__v1__peer_client__echo_again__async(channel, &packet, NULL, ended, slot,
                                                           NULL)
          : sure__peer__v1__peer_client__echo__async(channel, &packet, NULL, ended, slot, NULL);
  return code == SURE_OK;
}

static struct sure_channel *open_channel(const char *address) {
  struct sure_channel *channel = NULL;
  const struct sure_channel_options options = {.target = address};
  return sure_channel_open(&options, &channel) == SURE_OK ? channel : NULL;
}

static bool call(struct peer_run *run, const char *address, unsigned outstanding,
                 bool is_unrecorded) {
  struct load load = {.run = run,
                      .channel = open_channel(address),
                      .is_unrecorded = is_unrecorded,
                      .mutex = PTHREAD_MUTEX_INITIALIZER,
                      .over = PTHREAD_COND_INITIALIZER,
                      .open_count = outstanding};
  struct slot *slots = calloc(outstanding, sizeof *slots);
  bool has_begun = load.channel != NULL && slots != NULL;
  for (unsigned i = 0; i < outstanding && has_begun; i++) {
    slots[i].load = &load;
    has_begun = start(&slots[i]);
  }
  pthread_mutex_lock(&load.mutex);
  while (has_begun && load.open_count > 0) {
    pthread_cond_wait(&load.over, &load.mutex);
  }
  pthread_mutex_unlock(&load.mutex);
  sure_channel_free(load.channel, 0);
  free(slots);
  return has_begun;
}

bool peer_call(struct peer_run *run, const char *address, unsigned outstanding) {
  return call(run, address, outstanding, false);
}

bool peer_call_unrecorded(struct peer_run *run, const char *address, unsigned outstanding) {
  return call(run, address, outstanding, true);
}

void *peer_connect(const char *address) {
  return open_channel(address);
}

bool peer_call_and_wait(void *connection) {
  static uint8_t payload[PEER_PAYLOAD_LEN];
  Packet packet = SURE__PEER__V1__PACKET__INIT;
  Packet *reply;
  packet.id = 1;
  packet.payload = (ProtobufCBinaryData){sizeof payload, payload};
  if (sure__peer__v1__peer_client__echo(connection, &packet, NULL, &reply, NULL) != SURE_OK) {
    return false;
  }
  sure__peer__v1__packet__free_unpacked(reply, NULL);
  return true;
}

void peer_disconnect(void *connection) {
  sure_channel_free(connection, 0);
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
