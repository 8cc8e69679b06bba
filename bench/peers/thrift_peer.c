/* Thrift for C (c_glib). It has calls that block and nothing else; the fastest that its generated
 * code allows is to send as many calls ahead as are to be open, and to send the next one when a
 * reply is here. With more bytes under way than the sockets hold, both sides would wait for each
 * other. Its only server has one thread. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <thrift/c_glib/protocol/thrift_binary_protocol.h>
#include <thrift/c_glib/protocol/thrift_binary_protocol_factory.h>
#include <thrift/c_glib/server/thrift_simple_server.h>
#include <thrift/c_glib/transport/thrift_framed_transport.h>
#include <thrift/c_glib/transport/thrift_framed_transport_factory.h>
#include <thrift/c_glib/transport/thrift_server_socket.h>
#include <thrift/c_glib/transport/thrift_socket.h>
#include <unistd.h>

#include "bench_peer.h"
#include "peer.h"

/* ---- the server ---- */

typedef struct {
  benchPeerHandler parent;
} Echo;

typedef struct {
  benchPeerHandlerClass parent;
} EchoClass;

GType echo_get_type(void);
G_DEFINE_TYPE(Echo, echo, BENCH_TYPE_PEER_HANDLER)

static gboolean echo(benchPeerIf *iface, benchPacket **reply, const benchPacket *packet,
                     GError **error) {
  (void)iface;
  (void)error;
  g_object_set(*reply, "id", packet->id, "payload", packet->payload, NULL);
  return TRUE;
}

static void echo_class_init(EchoClass *class) {
  ((benchPeerHandlerClass *)class)->echo = echo;
}

static void echo_init(Echo *self) {
  (void)self;
}

/* One that was free a moment ago: the library can't be asked which one it has taken. */
static guint free_port(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t len = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 ||
      getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
    peer_fail("no port is free");
  }
  close(fd);
  return ntohs(address.sin_port);
}

/* It tells the terminal of each connection that ends. */
static void say_nothing(const gchar *domain, GLogLevelFlags level, const gchar *text, void *user) {
  (void)domain;
  (void)level;
  (void)text;
  (void)user;
}

static void *serve(void *server) {
  GError *error = NULL; /* it looks into it without asking */
  thrift_server_serve(THRIFT_SERVER(server), &error);
  return NULL;
}

/* Until it listens, connections are refused. */
static void wait_until_it_listens(guint port) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
  for (int tries = 0; tries < 1000; tries++) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool listens = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    if (listens) {
      return;
    }
    g_usleep(1000);
  }
  peer_fail("it does not listen");
}

bool peer_serve(const char *path) {
  if (path != NULL) {
    return false;
  }
  guint port = free_port();
  pthread_t thread;
  g_log_set_default_handler(say_nothing, NULL);
  void *handler = g_object_new(echo_get_type(), NULL);
  void *processor = g_object_new(BENCH_TYPE_PEER_PROCESSOR, "handler", handler, NULL);
  void *socket = g_object_new(THRIFT_TYPE_SERVER_SOCKET, "port", port, NULL);
  void *transports = g_object_new(THRIFT_TYPE_FRAMED_TRANSPORT_FACTORY, NULL);
  void *protocols = g_object_new(THRIFT_TYPE_BINARY_PROTOCOL_FACTORY, NULL);
  void *server =
      g_object_new(THRIFT_TYPE_SIMPLE_SERVER, "processor", processor, "server_transport", socket,
                   "input_transport_factory", transports, "output_transport_factory", transports,
                   "input_protocol_factory", protocols, "output_protocol_factory", protocols, NULL);
  char address[PEER_ADDRESS_SIZE];
  g_snprintf(address, sizeof address, "%u", port);
  if (pthread_create(&thread, NULL, serve, server) != 0) {
    return false;
  }
  wait_until_it_listens(port);
  peer_ready(address);
  peer_wait_for_end(); /* its thread waits for a connection, and ends with the process */
  return true;
}

/* ---- the client ---- */

struct connection {
  struct peer_run *run;
  benchPeerIf *client;
  benchPacket *packet;
  pthread_t receiver;
  pthread_mutex_t mutex; /* guards what follows, and sending */
  pthread_cond_t is_sent;
  unsigned slot_count;
  unsigned *order; /* slots of the calls that are open, a ring */
  unsigned first;
  unsigned open_count;
};

static unsigned next_to_end(struct connection *connection) {
  pthread_mutex_lock(&connection->mutex);
  while (connection->open_count == 0) {
    pthread_cond_wait(&connection->is_sent, &connection->mutex);
  }
  unsigned slot = connection->order[connection->first];
  connection->first = (connection->first + 1) % connection->slot_count;
  connection->open_count--;
  pthread_mutex_unlock(&connection->mutex);
  return slot;
}

/* Replies come in the order of the requests. It ends with the process. */
static void *receive(void *user) {
  struct connection *connection = user;
  for (;;) {
    unsigned slot = next_to_end(connection);
    benchPacket *reply = g_object_new(BENCH_TYPE_PACKET, NULL);
    if (!bench_peer_client_recv_echo(connection->client, &reply, NULL)) {
      peer_fail("a reply did not come");
    }
    g_object_unref(reply);
    if (peer_ended(connection->run, slot)) {
      peer_begin(connection, slot);
    }
  }
  return NULL;
}

static benchPeerIf *connect_to(const char *address) {
  void *socket = g_object_new(THRIFT_TYPE_SOCKET, "hostname", "127.0.0.1", "port",
                              (guint)strtoul(address, NULL, 10), NULL);
  void *transport = g_object_new(THRIFT_TYPE_FRAMED_TRANSPORT, "transport", socket, NULL);
  void *protocol = g_object_new(THRIFT_TYPE_BINARY_PROTOCOL, "transport", transport, NULL);
  if (!thrift_transport_open(transport, NULL)) {
    return NULL;
  }
  int on = 1;
  setsockopt(THRIFT_SOCKET(socket)->sd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return g_object_new(BENCH_TYPE_PEER_CLIENT, "input_protocol", protocol, "output_protocol",
                      protocol, NULL);
}

void *peer_open(struct peer_run *run, const char *address, unsigned slots) {
  size_t len;
  const uint8_t *data = peer_payload(run, &len);
  benchPeerIf *client = slots > 0 ? connect_to(address) : NULL;
  struct connection *connection = client == NULL ? NULL : calloc(1, sizeof *connection);
  if (connection == NULL) {
    return NULL;
  }
  GByteArray *payload = g_byte_array_new();
  g_byte_array_append(payload, data, (guint)len);
  connection->run = run;
  connection->client = client;
  connection->packet = g_object_new(BENCH_TYPE_PACKET, "id", (gint64)1, "payload", payload, NULL);
  pthread_mutex_init(&connection->mutex, NULL);
  pthread_cond_init(&connection->is_sent, NULL);
  connection->slot_count = slots;
  connection->order = calloc(slots, sizeof *connection->order);
  if (pthread_create(&connection->receiver, NULL, receive, connection) != 0) {
    peer_fail("no thread");
  }
  return connection;
}

void peer_begin(void *connection, unsigned slot) {
  struct connection *own = connection;
  pthread_mutex_lock(&own->mutex);
  own->order[(own->first + own->open_count) % own->slot_count] = slot;
  own->open_count++;
  if (!bench_peer_client_send_echo(own->client, own->packet, NULL)) {
    peer_fail("a request could not be sent");
  }
  pthread_cond_signal(&own->is_sent);
  pthread_mutex_unlock(&own->mutex);
}

bool peer_call_and_wait(void *connection) {
  (void)connection;
  return false;
}

void peer_close(void *connection) {
  (void)connection; /* the receiver uses it */
}

bool peer_pour(struct peer_run *run, const char *address) {
  (void)run;
  (void)address;
  return false;
}
