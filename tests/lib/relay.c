/* One thread and poll(2). A connection is two flows, one for each direction; a flow reads into
 * `in`, where frames are looked at, and passes them on from `out`. */
#include "relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "rpc/core/wire.h"

enum { CONNECTIONS_MAX = 4096, READ_LEN = 65536, WAIT_S = 30, HEADER_LEN = 32 };

struct bytes {
  uint8_t *data;
  size_t len;
  size_t room;
};

struct flow {
  int from;
  int to;
  struct bytes in;
  struct bytes out;
  bool held;
  bool seen; /* the first frame of `in` was looked at before it was held */
};

struct connection {
  struct flow up;   /* client to server */
  struct flow down; /* server to client */
  bool swallowed;
  bool cut_when_sent;
  bool orphaned; /* the client is gone, held frames may still go up */
  bool is_first; /* what its client sends is captured */
  unsigned part_count;
  bool over;
};

struct relay {
  pthread_t thread;
  int listener;
  int wake[2];
  char url[64];

  pthread_mutex_t mutex; /* guards all that follows */
  pthread_cond_t changed;
  struct sockaddr_in upstream;
  bool locked_out;
  bool stopping;
  uint8_t rule_type; /* 0: no rule */
  enum relay_action rule_action;
  unsigned parts_max; /* 0: any number */
  struct connection *connections[CONNECTIONS_MAX];
  size_t connection_count;
  bool has_accepted;
  unsigned counts[256];
  struct relay_answer last_answer;
  struct bytes captured;
};

static void fail(const char *what) {
  fprintf(stderr, "relay: %s\n", what);
  abort();
}

static void append(struct bytes *bytes, const uint8_t *data, size_t len) {
  if (len > bytes->room - bytes->len) {
    bytes->room = (bytes->len + len) * 2;
    bytes->data = realloc(bytes->data, bytes->room);
    if (bytes->data == NULL) {
      fail("memory is short");
    }
  }
  if (len > 0) {
    memcpy(bytes->data + bytes->len, data, len);
    bytes->len += len;
  }
}

static void drop_front(struct bytes *bytes, size_t len) {
  bytes->len -= len;
  memmove(bytes->data, bytes->data + len, bytes->len);
}

/* ---- frames, under the mutex ---- */

static void note(struct relay *relay, const uint8_t *frame) {
  uint8_t type = frame[4];
  relay->counts[type]++;
  if (type == SURE__RESPONSE || type == SURE__SETTLED) {
    const uint8_t *fixed = frame + HEADER_LEN + (type == SURE__SETTLED ? 1 : 0);
    relay->last_answer = (struct relay_answer){.code = fixed[0],
                                               .reason = fixed[1],
                                               .flags = sure__get_u16(frame + 6),
                                               .sequence = sure__get_u64(frame + 8)};
  }
  pthread_cond_broadcast(&relay->changed);
}

/* False: the frame, and what follows it, stays where it is. */
static bool obey(struct relay *relay, struct connection *connection, struct flow *flow,
                 size_t frame_len) {
  relay->rule_type = 0;
  pthread_cond_broadcast(&relay->changed);
  switch (relay->rule_action) {
  case RELAY_HOLD:
    flow->held = true;
    flow->seen = true;
    return false;
  case RELAY_CUT:
    connection->cut_when_sent = true;
    return false;
  case RELAY_CUT_HALF:
    append(&flow->out, flow->in.data, frame_len / 2);
    connection->cut_when_sent = true;
    return false;
  case RELAY_SWALLOW:
    connection->swallowed = true;
    return false;
  }
  return true;
}

/* The frame is one too many of those that are parts of something longer. */
static bool is_worn_out(const struct relay *relay, struct connection *connection,
                        const uint8_t *frame) {
  bool is_part = (sure__get_u16(frame + 6) & (SURE__MORE | SURE__CONT)) != 0;
  connection->part_count += is_part;
  return is_part && relay->parts_max > 0 && connection->part_count > relay->parts_max;
}

static void pass_frames(struct relay *relay, struct connection *connection, struct flow *flow) {
  while (!flow->held && !connection->cut_when_sent && !connection->swallowed &&
         flow->in.len >= HEADER_LEN) {
    size_t len = sure__get_u32(flow->in.data);
    if (len < HEADER_LEN || flow->in.len < len) {
      return;
    }
    if (!flow->seen) {
      note(relay, flow->in.data);
      if (relay->rule_type == flow->in.data[4] && !obey(relay, connection, flow, len)) {
        return;
      }
      if (is_worn_out(relay, connection, flow->in.data)) {
        connection->cut_when_sent = true;
        return;
      }
    }
    flow->seen = false;
    append(&flow->out, flow->in.data, len);
    drop_front(&flow->in, len);
  }
}

static void flow_read(struct relay *relay, struct connection *connection, struct flow *flow) {
  uint8_t buffer[READ_LEN];
  ssize_t len = recv(flow->from, buffer, sizeof buffer, MSG_DONTWAIT);
  if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
    return;
  }
  if (len <= 0) {
    bool keeps = flow == &connection->up && (flow->held || flow->in.len + flow->out.len > 0);
    connection->orphaned = keeps;
    connection->over = connection->over || !keeps;
    return;
  }
  if (connection->is_first && flow == &connection->up) {
    append(&relay->captured, buffer, (size_t)len);
  }
  append(&flow->in, buffer, (size_t)len);
  pass_frames(relay, connection, flow);
}

static void flow_write(struct connection *connection, struct flow *flow) {
  if (flow == &connection->down && connection->orphaned) {
    flow->out.len = 0;
    return;
  }
  ssize_t len = send(flow->to, flow->out.data, flow->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (len > 0) {
    drop_front(&flow->out, (size_t)len);
  } else if (errno != EAGAIN && errno != EINTR) {
    connection->over = true;
  }
}

/* ---- connections, under the mutex ---- */

static void connection_free(struct connection *connection) {
  close(connection->up.from);
  close(connection->up.to);
  free(connection->up.in.data);
  free(connection->up.out.data);
  free(connection->down.in.data);
  free(connection->down.out.data);
  free(connection);
}

static void connection_new(struct relay *relay) {
  int client = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC);
  if (client < 0) {
    return;
  }
  int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (relay->locked_out || relay->connection_count == CONNECTIONS_MAX ||
      connect(server, (struct sockaddr *)&relay->upstream, sizeof relay->upstream) != 0) {
    close(server);
    close(client);
    return;
  }
  int on = 1; /* as both sides do */
  (void)setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  (void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  struct connection *connection = calloc(1, sizeof *connection);
  if (connection == NULL) {
    fail("memory is short");
  }
  connection->up.from = connection->down.to = client;
  connection->up.to = connection->down.from = server;
  connection->is_first = !relay->has_accepted;
  relay->has_accepted = true;
  relay->connections[relay->connection_count++] = connection;
}

static void remove_over(struct relay *relay) {
  size_t kept = 0;
  for (size_t i = 0; i < relay->connection_count; i++) {
    struct connection *connection = relay->connections[i];
    bool is_sent = connection->up.out.len + connection->down.out.len == 0;
    if (connection->over || (connection->cut_when_sent && is_sent)) {
      connection_free(connection);
    } else {
      relay->connections[kept++] = connection;
    }
  }
  relay->connection_count = kept;
}

/* ---- the thread ---- */

static size_t fill_polls(const struct relay *relay, struct pollfd *polls) {
  size_t count = 0;
  polls[count++] = (struct pollfd){.fd = relay->wake[0], .events = POLLIN};
  polls[count++] = (struct pollfd){.fd = relay->listener, .events = POLLIN};
  for (size_t i = 0; i < relay->connection_count; i++) {
    const struct connection *connection = relay->connections[i];
    short client = (short)((connection->down.out.len > 0 ? POLLOUT : 0) | POLLIN);
    short server = (short)((connection->up.out.len > 0 ? POLLOUT : 0) | POLLIN);
    polls[count++] = (struct pollfd){connection->orphaned ? -1 : connection->up.from, client, 0};
    polls[count++] = (struct pollfd){connection->up.to, server, 0};
  }
  return count;
}

static void serve_connection(struct relay *relay, struct connection *connection, short client,
                             short server) {
  const short readable = POLLIN | POLLHUP | POLLERR;
  if ((client & readable) != 0) {
    flow_read(relay, connection, &connection->up);
  }
  if ((server & readable) != 0 && !connection->over) {
    flow_read(relay, connection, &connection->down);
  }
  if (connection->up.out.len > 0 && !connection->over) {
    flow_write(connection, &connection->up);
  }
  if (connection->down.out.len > 0 && !connection->over) {
    flow_write(connection, &connection->down);
  }
}

static void serve(struct relay *relay, const struct pollfd *polls, size_t poll_count) {
  char bytes[16];
  if (polls[0].revents != 0 && read(relay->wake[0], bytes, sizeof bytes) < 0) {
    fail("the wake-up pipe is broken");
  }
  for (size_t i = 2; i + 1 < poll_count; i += 2) {
    serve_connection(relay, relay->connections[i / 2 - 1], polls[i].revents, polls[i + 1].revents);
  }
  remove_over(relay);
  if (polls[1].revents != 0) {
    connection_new(relay);
  }
}

static void *run(void *user) {
  struct relay *relay = user;
  static _Thread_local struct pollfd polls[2 + 2 * CONNECTIONS_MAX];
  pthread_mutex_lock(&relay->mutex);
  while (!relay->stopping) {
    size_t count = fill_polls(relay, polls);
    pthread_mutex_unlock(&relay->mutex);
    int ready = poll(polls, count, -1);
    pthread_mutex_lock(&relay->mutex);
    if (ready > 0) {
      serve(relay, polls, count);
    }
  }
  pthread_mutex_unlock(&relay->mutex);
  return NULL;
}

/* ---- what tests call ---- */

static void wake(struct relay *relay) {
  if (write(relay->wake[1], "", 1) != 1) {
    fail("the wake-up pipe is broken");
  }
}

static struct sockaddr_in address_of(const char *url) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  static const char prefix[] = "tcp://127.0.0.1:";
  if (strncmp(url, prefix, sizeof prefix - 1) != 0) {
    fail("only tcp://127.0.0.1:port");
  }
  unsigned long port = strtoul(url + sizeof prefix - 1, NULL, 10);
  address.sin_port = htons((uint16_t)port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

struct relay *relay_open(const char *upstream) {
  struct relay *relay = calloc(1, sizeof *relay);
  if (relay == NULL || pipe2(relay->wake, O_CLOEXEC) != 0) {
    fail("memory or files are short");
  }
  relay->upstream = address_of(upstream);
  struct sockaddr_in here = address_of("tcp://127.0.0.1:0");
  socklen_t len = sizeof here;
  relay->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (bind(relay->listener, (struct sockaddr *)&here, len) != 0 ||
      listen(relay->listener, 128) != 0 ||
      getsockname(relay->listener, (struct sockaddr *)&here, &len) != 0) {
    fail("can't listen");
  }
  snprintf(relay->url, sizeof relay->url, "tcp://127.0.0.1:%u", ntohs(here.sin_port));
  pthread_mutex_init(&relay->mutex, NULL);
  pthread_cond_init(&relay->changed, NULL);
  if (pthread_create(&relay->thread, NULL, run, relay) != 0) {
    fail("threads are short");
  }
  return relay;
}

struct relay *relay_free(struct relay *relay) {
  if (relay == NULL) {
    return NULL;
  }
  pthread_mutex_lock(&relay->mutex);
  relay->stopping = true;
  pthread_mutex_unlock(&relay->mutex);
  wake(relay);
  pthread_join(relay->thread, NULL);
  for (size_t i = 0; i < relay->connection_count; i++) {
    connection_free(relay->connections[i]);
  }
  close(relay->listener);
  close(relay->wake[0]);
  close(relay->wake[1]);
  pthread_cond_destroy(&relay->changed);
  pthread_mutex_destroy(&relay->mutex);
  free(relay->captured.data);
  free(relay);
  return NULL;
}

const char *relay_url(const struct relay *relay) {
  return relay->url;
}

void relay_point_at(struct relay *relay, const char *upstream) {
  pthread_mutex_lock(&relay->mutex);
  relay->upstream = address_of(upstream);
  pthread_mutex_unlock(&relay->mutex);
}

void relay_lock_out(struct relay *relay, bool on) {
  pthread_mutex_lock(&relay->mutex);
  relay->locked_out = on;
  pthread_mutex_unlock(&relay->mutex);
}

void relay_arm(struct relay *relay, uint8_t type, enum relay_action action) {
  pthread_mutex_lock(&relay->mutex);
  relay->rule_type = type;
  relay->rule_action = action;
  pthread_mutex_unlock(&relay->mutex);
}

static struct timespec wait_until_when(void) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += WAIT_S;
  return until;
}

static void wait_for_change(struct relay *relay, const struct timespec *until, const char *what) {
  if (pthread_cond_timedwait(&relay->changed, &relay->mutex, until) != 0) {
    fail(what);
  }
}

void relay_wear_out(struct relay *relay, unsigned parts_max) {
  pthread_mutex_lock(&relay->mutex);
  relay->parts_max = parts_max;
  pthread_mutex_unlock(&relay->mutex);
}

void relay_wait_fired(struct relay *relay) {
  struct timespec until = wait_until_when();
  pthread_mutex_lock(&relay->mutex);
  while (relay->rule_type != 0) {
    wait_for_change(relay, &until, "the frame that was waited for did not come");
  }
  pthread_mutex_unlock(&relay->mutex);
}

void relay_wait_count(struct relay *relay, uint8_t type, unsigned count) {
  struct timespec until = wait_until_when();
  pthread_mutex_lock(&relay->mutex);
  while (relay->counts[type] < count) {
    wait_for_change(relay, &until, "the frames that were waited for did not come");
  }
  pthread_mutex_unlock(&relay->mutex);
}

void relay_release(struct relay *relay) {
  pthread_mutex_lock(&relay->mutex);
  for (size_t i = 0; i < relay->connection_count; i++) {
    struct connection *connection = relay->connections[i];
    connection->up.held = false;
    connection->down.held = false;
    pass_frames(relay, connection, &connection->up);
    pass_frames(relay, connection, &connection->down);
  }
  pthread_mutex_unlock(&relay->mutex);
  wake(relay);
}

void relay_cut(struct relay *relay) {
  pthread_mutex_lock(&relay->mutex);
  for (size_t i = 0; i < relay->connection_count; i++) {
    relay->connections[i]->over = true;
  }
  pthread_mutex_unlock(&relay->mutex);
  wake(relay);
}

unsigned relay_count(struct relay *relay, uint8_t type) {
  pthread_mutex_lock(&relay->mutex);
  unsigned count = relay->counts[type];
  pthread_mutex_unlock(&relay->mutex);
  return count;
}

bool relay_is_empty(struct relay *relay) {
  pthread_mutex_lock(&relay->mutex);
  bool is_empty = relay->connection_count == 0;
  pthread_mutex_unlock(&relay->mutex);
  return is_empty;
}

struct relay_answer relay_last_answer(struct relay *relay) {
  pthread_mutex_lock(&relay->mutex);
  struct relay_answer answer = relay->last_answer;
  pthread_mutex_unlock(&relay->mutex);
  return answer;
}

size_t relay_captured(struct relay *relay, uint8_t *out_bytes, size_t size) {
  pthread_mutex_lock(&relay->mutex);
  size_t len = relay->captured.len < size ? relay->captured.len : size;
  memcpy(out_bytes, relay->captured.data, len);
  pthread_mutex_unlock(&relay->mutex);
  return len;
}
