#include "tests/e2e/raw_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static bool is_ipc(const char *url) {
  return strncmp(url, "ipc://", 6) == 0;
}

void raw_socket(struct raw_client *client, const char *url) {
  struct timeval limit = {.tv_sec = 10};
  *client = (struct raw_client){0};
  client->fd = socket(is_ipc(url) ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

static int connect_tcp(int fd, const char *url) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port =
                                    htons((uint16_t)strtoul(strrchr(url, ':') + 1, NULL, 10)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  return connect(fd, (struct sockaddr *)&address, sizeof address);
}

static int connect_ipc(int fd, const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  return connect(fd, (struct sockaddr *)&address, sizeof address);
}

void raw_connect(struct raw_client *client, const char *url) {
  assert_int_equal(0,
                   is_ipc(url) ? connect_ipc(client->fd, url + 6) : connect_tcp(client->fd, url));
}

void raw_dial(struct raw_client *client, const char *url) {
  raw_socket(client, url);
  raw_connect(client, url);
}

void raw_close(struct raw_client *client) {
  close(client->fd);
  sure__buffer_fini(&client->in);
}

void raw_send_bytes(struct raw_client *client, const void *bytes, size_t len) {
  const uint8_t *rest = bytes;
  while (len > 0) {
    ssize_t sent = send(client->fd, rest, len, MSG_NOSIGNAL);
    if (sent <= 0) {
      return; /* the server has closed, which the next read tells */
    }
    rest += sent;
    len -= (size_t)sent;
  }
}

void raw_send(struct raw_client *client, const struct sure__frame *frame) {
  struct sure__buffer bytes = {0};
  assert_true(sure__frame_encode(&bytes, frame));
  raw_send_bytes(client, bytes.data, bytes.len);
  sure__buffer_fini(&bytes);
}

/* False at the end of the stream, or after a reset. A time-out fails the test. */
static bool read_more(struct raw_client *client) {
  uint8_t bytes[65536];
  ssize_t len = recv(client->fd, bytes, sizeof bytes, 0);
  if (len > 0) {
    assert_true(sure__buffer_append(&client->in, bytes, (size_t)len));
    return true;
  }
  if (len < 0) {
    assert_int_equal(ECONNRESET, errno);
  }
  return false;
}

/* Whether a whole frame is there. */
static bool take_frame(struct raw_client *client, struct sure__frame *out_frame) {
  if (client->in.len == client->taken_len) {
    return false;
  }
  struct sure_bytes rest = {client->in.data + client->taken_len,
                            client->in.len - client->taken_len};
  size_t len = 0;
  const char *problem = NULL;
  enum sure__decoded decoded = sure__frame_decode(rest, out_frame, &len, &problem);
  assert_int_not_equal(SURE__DECODED_INVALID, decoded);
  client->taken_len += len;
  return decoded == SURE__DECODED_FRAME;
}

bool raw_next(struct raw_client *client, struct sure__frame *out_frame) {
  while (!take_frame(client, out_frame)) {
    if (!read_more(client)) {
      return false;
    }
  }
  return true;
}

struct sure__frame raw_expect(struct raw_client *client, enum sure__frame_type type) {
  struct sure__frame frame = {0};
  do {
    assert_true(raw_next(client, &frame));
  } while (frame.type == SURE__ACCEPTED && type != SURE__ACCEPTED);
  assert_string_equal(sure__frame_type_name((uint8_t)type), sure__frame_type_name(frame.type));
  return frame;
}

void raw_expect_closed(struct raw_client *client) {
  struct sure__frame frame;
  while (raw_next(client, &frame)) {
    assert_int_equal(SURE__ACCEPTED, frame.type); /* which may come at any time */
  }
}

static int attach(struct raw_client *client, struct sure__attach attach) {
  raw_send(client, &(struct sure__frame){
                       .type = SURE__HELLO,
                       .hello = {.version_min = 1, .version_max = 1, .message_len_max = 1 << 20}});
  client->challenge = raw_expect(client, SURE__WELCOME).welcome.challenge;
  attach.challenge = client->challenge;
  raw_send(client, &(struct sure__frame){.type = SURE__ATTACH, .attach = attach});
  struct sure__frame frame = raw_expect(client, SURE__ATTACHED);
  client->session = frame.attached.session;
  return frame.attached.state;
}

int raw_try_open(struct raw_client *client, const char *url) {
  raw_dial(client, url);
  return attach(client, (struct sure__attach){.mode = SURE__ATTACH_NEW});
}

void raw_open(struct raw_client *client, const char *url) {
  assert_int_equal(SURE__ATTACHED_OPEN, raw_try_open(client, url));
}

int raw_resume(struct raw_client *client, const char *url, const struct sure_session_id *session) {
  raw_dial(client, url);
  return attach(client, (struct sure__attach){.mode = SURE__ATTACH_RESUME, .session = *session});
}
