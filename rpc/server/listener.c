/* One address that a server listens on. */
#include <nng/nng.h>
#include <stdio.h>
#include <string.h>

#include "rpc/core/log.h"
#include "rpc/core/memory.h"
#include "rpc/server/shell.h"

/* After an accept that failed, as when there are no more files: long enough not to spin, short
 * enough not to be noticed. */
enum { URL_LEN_MAX = 255, ACCEPT_PAUSE_MS = 50 };

struct sure__listener {
  struct sure_server *server;
  nng_stream_listener *stream_listener;
  nng_aio *accept_aio; /* accepts, or waits before the next accept */
  bool is_pausing;
  char url[URL_LEN_MAX + 1];
};

static void on_accept(void *user) {
  struct sure__listener *listener = user;
  int error = nng_aio_result(listener->accept_aio);
  if (error == NNG_ECLOSED || error == NNG_ECANCELED) {
    return;
  }
  if (error != 0) {
    sure__log(&listener->server->options.logger, SURE_LOG_WARNING, "%s: accept: %s", listener->url,
              nng_strerror(error)); /* of one connection, or of too many files: go on */
    listener->is_pausing = true;
    nng_sleep_aio(ACCEPT_PAUSE_MS, listener->accept_aio);
    return;
  }
  if (!listener->is_pausing) {
    sure__link_open(listener->server, nng_aio_get_output(listener->accept_aio, 0));
  }
  listener->is_pausing = false;
  nng_stream_listener_accept(listener->stream_listener, listener->accept_aio);
}

static enum sure_code code_of(int error) {
  switch (error) {
  case NNG_EADDRINUSE:
    return SURE_ALREADY_EXISTS;
  case NNG_EADDRINVAL:
  case NNG_EINVAL:
  case NNG_ENOTSUP:
    return SURE_INVALID_ARGUMENT;
  case NNG_EPERM:
    return SURE_PERMISSION_DENIED;
  case NNG_ENOMEM:
    return SURE_RESOURCE_EXHAUSTED;
  default:
    return SURE_UNAVAILABLE;
  }
}

/* "tcp://127.0.0.1:0" with the port that the system has chosen. */
static void take_bound_port(struct sure__listener *listener) {
  int port = 0;
  char *colon = strrchr(listener->url, ':');
  if (strncmp(listener->url, "tcp", 3) != 0 || colon == NULL ||
      nng_stream_listener_get_int(listener->stream_listener, NNG_OPT_TCP_BOUND_PORT, &port) != 0) {
    return;
  }
  size_t room = sizeof listener->url - (size_t)(colon + 1 - listener->url);
  snprintf(colon + 1, room, "%d", port);
}

/* Only byte streams that Sure is tested over. */
static bool is_known_scheme(const char *url) {
  return strncmp(url, "tcp://", 6) == 0 || strncmp(url, "ipc://", 6) == 0;
}

enum sure_code sure__listener_open(struct sure_server *server, const char *url,
                                   struct sure__listener **out_listener) {
  if (url == NULL || strlen(url) > URL_LEN_MAX || !is_known_scheme(url)) {
    sure__log(&server->options.logger, SURE_LOG_ERROR,
              "%s: no address to listen on; use tcp://host:port or ipc:///path",
              url == NULL ? "(none)" : url);
    return SURE_INVALID_ARGUMENT;
  }
  struct sure__listener *listener = sure__alloc(sizeof *listener);
  if (listener == NULL) {
    return SURE_RESOURCE_EXHAUSTED;
  }
  listener->server = server;
  memcpy(listener->url, url, strlen(url) + 1);
  int error = nng_stream_listener_alloc(&listener->stream_listener, url);
  if (error == 0) {
    /* nng leaves Nagle's algorithm on. What is not TCP does not know the option. */
    (void)nng_stream_listener_set_bool(listener->stream_listener, NNG_OPT_TCP_NODELAY, true);
    error = nng_aio_alloc(&listener->accept_aio, on_accept, listener);
  }
  if (error == 0) {
    error = nng_stream_listener_listen(listener->stream_listener);
  }
  if (error != 0) {
    sure__log(&server->options.logger, SURE_LOG_ERROR, "%s: %s", url, nng_strerror(error));
    sure__listener_free(listener);
    return code_of(error);
  }
  take_bound_port(listener);
  nng_aio_set_timeout(listener->accept_aio, NNG_DURATION_INFINITE);
  nng_stream_listener_accept(listener->stream_listener, listener->accept_aio);
  *out_listener = listener;
  return SURE_OK;
}

const char *sure__listener_url(const struct sure__listener *listener) {
  return listener->url;
}

void sure__listener_close(struct sure__listener *listener) {
  nng_stream_listener_close(listener->stream_listener);
  nng_aio_stop(listener->accept_aio);
}

void sure__listener_free(struct sure__listener *listener) {
  if (listener->stream_listener != NULL) {
    nng_stream_listener_close(listener->stream_listener);
  }
  nng_aio_free(listener->accept_aio);
  if (listener->stream_listener != NULL) {
    nng_stream_listener_free(listener->stream_listener);
  }
  sure__free(listener);
}
