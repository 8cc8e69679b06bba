/* The floor: bare nng_stream with frames of the same size, no protocol, and all pending frames in
 * one write, as Sure writes them. */
#include <nng/nng.h>
#include <nng/supplemental/util/platform.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"

enum { FRAME_LEN = PEER_PAYLOAD_LEN + 12, POURED_LEN = PEER_POURED_LEN + 12, BUFFER_LEN = 65536 };

/* One end. Reads go into `in`; what is to be written gathers in `pending` while `writing` is on its
 * way. */
struct end {
  nng_stream *stream;
  nng_aio *read_aio;
  nng_aio *write_aio;
  nng_mtx *mutex;
  uint8_t in[BUFFER_LEN];
  size_t in_len;
  uint8_t *pending;
  uint8_t *writing;
  size_t pending_len;
  size_t writing_len;
  size_t written_len;
  bool pours; /* the server's: it writes without being asked */
  /* The client's. */
  struct peer_run *run;
  size_t frame_len;
  unsigned open_count;
  uint64_t *begun_ns; /* of the calls that are open, a ring */
  unsigned begun_at;
  unsigned outstanding;
  nng_cv *over;
};

static void post_read(struct end *end) {
  nng_iov iov = {.iov_buf = end->in + end->in_len, .iov_len = BUFFER_LEN - end->in_len};
  nng_aio_set_iov(end->read_aio, 1, &iov);
  nng_stream_recv(end->stream, end->read_aio);
}

static void post_write(struct end *end) {
  nng_iov iov = {.iov_buf = end->writing + end->written_len,
                 .iov_len = end->writing_len - end->written_len};
  nng_aio_set_iov(end->write_aio, 1, &iov);
  nng_stream_send(end->stream, end->write_aio);
}

/* With the mutex. True: a write is to be posted. */
static bool take_pending(struct end *end) {
  if (end->writing_len > 0 || end->pending_len == 0) {
    return false;
  }
  uint8_t *spare = end->writing;
  end->writing = end->pending;
  end->writing_len = end->pending_len;
  end->written_len = 0;
  end->pending = spare;
  end->pending_len = 0;
  return true;
}

static void put(struct end *end, const uint8_t *bytes, size_t len) {
  memcpy(end->pending + end->pending_len, bytes, len);
  end->pending_len += len;
}

static void fill(struct end *end) {
  static uint8_t frame[POURED_LEN];
  while (end->pending_len + POURED_LEN <= BUFFER_LEN) {
    put(end, frame, POURED_LEN);
  }
}

static void on_written(void *user) {
  struct end *end = user;
  if (nng_aio_result(end->write_aio) != 0) {
    return;
  }
  nng_mtx_lock(end->mutex);
  end->written_len += nng_aio_count(end->write_aio);
  bool goes_on = end->written_len < end->writing_len;
  if (!goes_on) {
    end->writing_len = 0;
    if (end->pours) {
      fill(end);
    }
    goes_on = take_pending(end);
  }
  nng_mtx_unlock(end->mutex);
  if (goes_on) {
    post_write(end);
  }
}

static struct end *new_end(nng_stream *stream, void (*on_read)(void *user)) {
  struct end *end = calloc(1, sizeof *end);
  end->stream = stream;
  end->pending = malloc(4 * BUFFER_LEN);
  end->writing = malloc(4 * BUFFER_LEN);
  nng_stream_set_bool(stream, NNG_OPT_TCP_NODELAY, true);
  nng_mtx_alloc(&end->mutex);
  nng_cv_alloc(&end->over, end->mutex);
  nng_aio_alloc(&end->read_aio, on_read, end);
  nng_aio_alloc(&end->write_aio, on_written, end);
  return end;
}

/* ---- the server ---- */

/* Gives back what came, and pours for whoever sends a single byte. */
static void on_request(void *user) {
  struct end *end = user;
  if (nng_aio_result(end->read_aio) != 0) {
    return;
  }
  size_t len = nng_aio_count(end->read_aio);
  nng_mtx_lock(end->mutex);
  end->pours = end->pours || len == 1;
  if (end->pours) {
    fill(end);
  } else {
    put(end, end->in, len);
  }
  bool writes = take_pending(end);
  nng_mtx_unlock(end->mutex);
  if (writes) {
    post_write(end);
  }
  post_read(end);
}

static nng_stream_listener *listener;
static nng_aio *accept_aio;

static void on_accept(void *user) {
  (void)user;
  if (nng_aio_result(accept_aio) == 0) {
    post_read(new_end(nng_aio_get_output(accept_aio, 0), on_request));
    nng_stream_listener_accept(listener, accept_aio);
  }
}

/* The address that `listener` has bound. */
static bool tell_address(const char *path) {
  char address[PEER_ADDRESS_SIZE];
  int port = 0;
  if (path != NULL) {
    snprintf(address, sizeof address, "ipc://%s", path);
  } else if (nng_stream_listener_get_int(listener, NNG_OPT_TCP_BOUND_PORT, &port) == 0) {
    snprintf(address, sizeof address, "tcp://127.0.0.1:%d", port);
  } else {
    return false;
  }
  peer_ready(address);
  return true;
}

bool peer_serve(const char *path) {
  char url[PEER_ADDRESS_SIZE] = "tcp://127.0.0.1:0";
  if (path != NULL) {
    snprintf(url, sizeof url, "ipc://%s", path);
  }
  if (nng_stream_listener_alloc(&listener, url) != 0 || nng_stream_listener_listen(listener) != 0 ||
      nng_aio_alloc(&accept_aio, on_accept, NULL) != 0) {
    return false;
  }
  nng_stream_listener_accept(listener, accept_aio);
  if (!tell_address(path)) {
    return false;
  }
  peer_wait_for_end();
  return true;
}

/* ---- the client ---- */

static void begin_call(struct end *end, unsigned slot) {
  static uint8_t frame[FRAME_LEN];
  end->begun_ns[slot] = peer_now_ns();
  put(end, frame, FRAME_LEN);
}

/* Replies come in the order of the requests. */
static void frame_came(struct end *end) {
  unsigned slot = end->begun_at;
  end->begun_at = (end->begun_at + 1) % end->outstanding;
  if (peer_count(end->run, end->begun_ns[slot])) {
    if (end->frame_len == FRAME_LEN) {
      begin_call(end, slot);
    } else {
      end->begun_ns[slot] = peer_now_ns();
    }
  } else if (--end->open_count == 0) {
    nng_cv_wake(end->over);
  }
}

static void on_reply(void *user) {
  struct end *end = user;
  if (nng_aio_result(end->read_aio) != 0) {
    return;
  }
  nng_mtx_lock(end->mutex);
  end->in_len += nng_aio_count(end->read_aio);
  size_t used = 0;
  for (; end->in_len - used >= end->frame_len && end->open_count > 0; used += end->frame_len) {
    frame_came(end);
  }
  end->in_len -= used;
  memmove(end->in, end->in + used, end->in_len);
  bool goes_on = end->open_count > 0;
  bool writes = goes_on && take_pending(end);
  nng_mtx_unlock(end->mutex);
  if (writes) {
    post_write(end);
  }
  if (goes_on) {
    post_read(end);
  }
}

static struct end *connect_to(const char *address) {
  nng_stream_dialer *dialer;
  nng_aio *aio;
  if (nng_stream_dialer_alloc(&dialer, address) != 0 || nng_aio_alloc(&aio, NULL, NULL) != 0) {
    return NULL;
  }
  nng_stream_dialer_dial(dialer, aio);
  nng_aio_wait(aio);
  return nng_aio_result(aio) == 0 ? new_end(nng_aio_get_output(aio, 0), on_reply) : NULL;
}

static bool run(struct peer_run *run, const char *address, unsigned outstanding, bool pours) {
  static uint8_t byte[1];
  struct end *end = connect_to(address);
  if (end == NULL) {
    return false;
  }
  end->run = run;
  end->frame_len = pours ? POURED_LEN : FRAME_LEN;
  end->outstanding = outstanding;
  end->open_count = outstanding;
  end->begun_ns = calloc(outstanding, sizeof *end->begun_ns);
  nng_mtx_lock(end->mutex);
  for (unsigned i = 0; i < outstanding && !pours; i++) {
    begin_call(end, i);
  }
  if (pours) {
    end->begun_ns[0] = peer_now_ns();
    put(end, byte, 1);
  }
  take_pending(end);
  nng_mtx_unlock(end->mutex);
  post_write(end);
  post_read(end);
  nng_mtx_lock(end->mutex);
  while (end->open_count > 0) {
    nng_cv_wait(end->over);
  }
  nng_mtx_unlock(end->mutex);
  return true;
}

bool peer_call(struct peer_run *peer_run, const char *address, unsigned outstanding) {
  return run(peer_run, address, outstanding, false);
}

bool peer_call_unrecorded(struct peer_run *peer_run, const char *address, unsigned outstanding) {
  return run(peer_run, address, outstanding, false);
}

bool peer_pour(struct peer_run *peer_run, const char *address) {
  return run(peer_run, address, 1, true);
}

/* It has no calls that block. */
void *peer_connect(const char *address) {
  (void)address;
  return NULL;
}

bool peer_call_and_wait(void *connection) {
  (void)connection;
  return false;
}

void peer_disconnect(void *connection) {
  (void)connection;
}
