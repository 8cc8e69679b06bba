#include "proxy_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_BACKLOG 512

static bool parse_ipc(const char *path, struct address *out_address) {
  struct sockaddr_un local = {.sun_family = AF_UNIX};
  size_t len = strlen(path);
  if (len == 0 || len >= sizeof local.sun_path) {
    return false;
  }
  memcpy(local.sun_path, path, len);
  memcpy(&out_address->socket, &local, sizeof local);
  out_address->len = sizeof local;
  return true;
}

static bool parse_tcp(const char *text, struct address *out_address) {
  char host[64];
  const char *colon = strrchr(text, ':');
  if (colon == NULL || colon == text || (size_t)(colon - text) >= sizeof host) {
    return false;
  }
  memcpy(host, text, (size_t)(colon - text));
  host[colon - text] = '\0';
  struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
  struct addrinfo *found = NULL;
  if (getaddrinfo(host, colon + 1, &hints, &found) != 0) {
    return false;
  }
  memcpy(&out_address->socket, found->ai_addr, found->ai_addrlen);
  out_address->len = found->ai_addrlen;
  freeaddrinfo(found);
  return true;
}

bool address_parse(const char *url, struct address *out_address) {
  if (strncmp(url, "ipc://", 6) == 0) {
    return parse_ipc(url + 6, out_address);
  }
  if (strncmp(url, "tcp://", 6) == 0) {
    return parse_tcp(url + 6, out_address);
  }
  return false;
}

static int close_and_fail(int fd) {
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

/* Small frames must not wait for the acknowledgment of earlier ones. */
static void send_at_once(int fd) {
  int on = 1;
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* no TCP: no such option */
}

static int open_socket(const struct address *address) {
  int fd = socket(address->socket.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd >= 0) {
    send_at_once(fd);
  }
  return fd;
}

int address_listen(const struct address *address) {
  int fd = open_socket(address);
  if (fd < 0) {
    return -1;
  }
  int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(fd, (const struct sockaddr *)&address->socket, address->len) != 0 ||
      listen(fd, LISTEN_BACKLOG) != 0) {
    return close_and_fail(fd);
  }
  return fd;
}

int address_connect(const struct address *address) {
  int fd = open_socket(address);
  if (fd < 0) {
    return -1;
  }
  if (connect(fd, (const struct sockaddr *)&address->socket, address->len) != 0 &&
      errno != EINPROGRESS) {
    return close_and_fail(fd);
  }
  return fd;
}

int address_accept(int listener) {
  int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {
    send_at_once(fd);
  }
  return fd;
}

static bool write_tcp_url(const struct sockaddr_in *bound, char *out_url, size_t len) {
  char host[INET_ADDRSTRLEN];
  if (inet_ntop(AF_INET, &bound->sin_addr, host, sizeof host) == NULL) {
    return false;
  }
  int written = snprintf(out_url, len, "tcp://%s:%u", host, (unsigned)ntohs(bound->sin_port));
  return written > 0 && (size_t)written < len;
}

bool address_url_of(int fd, char *out_url, size_t len) {
  union {
    struct sockaddr any;
    struct sockaddr_in tcp;
    struct sockaddr_un local;
  } bound = {0};
  socklen_t bound_len = sizeof bound;
  if (getsockname(fd, &bound.any, &bound_len) != 0) {
    return false;
  }
  if (bound.any.sa_family == AF_INET) {
    return write_tcp_url(&bound.tcp, out_url, len);
  }
  int written = snprintf(out_url, len, "ipc://%s", bound.local.sun_path);
  return written > 0 && (size_t)written < len;
}
