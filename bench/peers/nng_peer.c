/* The floor: bare nng_stream with frames of the same size, no protocol, and all pending frames in
 * one write, as Sure writes them. */
#include <nng/nng.h>
#include <nng/supplemental/util/platform.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"

/* What a frame has beside its payload. */
enum { HEADER_LEN = 12, POURED_LEN = PEER_POURED_LEN + HEADER_LEN, BUFFER_LEN = 65536 };

struct bytes {
  uint8_t *data;
  size_t len;
  size_t room;
};

/* One end. What is read goes into `in`, where a client's frames are in one piece, as whoever takes
 * them apart needs them. What is to be written gathers in `pending` while `writing` is on its way.
 */
struct end {
  nng_stream *stream;
  nng_aio *read_aio;
  nng_aio *write_aio;
  nng_mtx *mutex;
  uint8_t *in;
  size_t in_len;
  struct bytes pending;
  struct bytes writing;
  size_t written_len;
  /* The server's. */
  bool has_begun;
  bool pours; /* it writes without being asked */
  /* The client's. */
  struct peer_run *run;
  size_t frame_len;
  uint8_t *frame;
  unsigned slot_count;
  unsigned *order; /* slots of the calls that are open, a ring */
  unsigned first;
  unsigned open_count;
  bool is_over;
  nng_cv *over;
};

static void post_read(struct end *end) {
  nng_iov iov = {.iov_buf = end->in + end->in_len, .iov_len = BUFFER_LEN};
  nng_aio_set_iov(end->read_aio, 1, &iov);
  nng_stream_recv(end->stream, end->read_aio);
}

static void post_write(struct end *end) {
  nng_iov iov = {.iov_buf = end->writing.data + end->written_len,
                 .iov_len = end->writing.len - end->written_len};
  nng_aio_set_iov(end->write_aio, 1, &iov);
  nng_stream_send(end->stream, end->write_aio);
}

/* With the mutex. True: a write is to be posted. */
static bool take_pending(struct end *end) {
  if (end->writing.len > 0 || end->pending.len == 0) {
    return false;
  }
  struct bytes spare = end->writing;
  end->writing = end->pending;
  end->written_len = 0;
  end->pending = spare;
  end->pending.len = 0;
  return true;
}

static void put(struct end *end, const uint8_t *data, size_t len) {
  struct bytes *pending = &end->pending;
  if (len > pending->room - pending->len) {
    size_t room = (pending->len + len) * 2;
    uint8_t *larger = realloc(pending->data, room);
    if (larger == NULL) {
      peer_fail("memory is short");
      return;
    }
    *pending = (struct bytes){larger, pending->len, room};
  }
  memcpy(pending->data + pending->len, data, len);
  pending->len += len;
}

static void fill(struct end *end) {
  static uint8_t frame[POURED_LEN];
  while (end->pending.len + POURED_LEN <= BUFFER_LEN) {
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
  bool goes_on = end->written_len < end->writing.len;
  if (!goes_on) {
    end->writing.len = 0;
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

static struct end *new_end(nng_stream *stream, void (*on_read)(void *user), size_t frame_len) {
  struct end *end = calloc(1, sizeof *end);
  end->stream = stream;
  end->frame_len = frame_len;
  end->in = malloc(frame_len + BUFFER_LEN);
  nng_stream_set_bool(stream, NNG_OPT_TCP_NODELAY, true);
  nng_mtx_alloc(&end->mutex);
  nng_cv_alloc(&end->over, end->mutex);
  nng_aio_alloc(&end->read_aio, on_read, end);
  nng_aio_alloc(&end->write_aio, on_written, end);
  return end;
}

/* ---- the server ---- */

/* Gives back what came, and pours for whoever begins with a single byte. */
static void on_request(void *user) {
  struct end *end = user;
  if (nng_aio_result(end->read_aio) != 0) {
    return;
  }
  size_t len = nng_aio_count(end->read_aio);
  nng_mtx_lock(end->mutex);
  end->pours = end->pours || (!end->has_begun && len == 1);
  end->has_begun = true;
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
    post_read(new_end(nng_aio_get_output(accept_aio, 0), on_request, 0));
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

static void put_call(struct end *end, unsigned slot) {
  end->order[(end->first + end->open_count) % end->slot_count] = slot;
  end->open_count++;
  put(end, end->frame, end->frame_len);
}

/* Replies come in the order of the requests. */
static void reply_came(struct end *end) {
  unsigned slot = end->order[end->first];
  end->first = (end->first + 1) % end->slot_count;
  end->open_count--;
  if (peer_ended(end->run, slot)) {
    put_call(end, slot);
  }
}

static void message_came(struct end *end) {
  static uint64_t begun_ns;
  if (!peer_count(end->run, begun_ns == 0 ? peer_now_ns() : begun_ns)) {
    end->is_over = true;
    nng_cv_wake(end->over);
  }
  begun_ns = peer_now_ns();
}

static void on_reply(void *user) {
  struct end *end = user;
  if (nng_aio_result(end->read_aio) != 0) {
    return;
  }
  nng_mtx_lock(end->mutex);
  end->in_len += nng_aio_count(end->read_aio);
  size_t used = 0;
  for (; end->in_len - used >= end->frame_len && !end->is_over; used += end->frame_len) {
    end->slot_count > 0 ? reply_came(end) : message_came(end);
  }
  end->in_len -= used;
  memmove(end->in, end->in + used, end->in_len);
  bool reads = !end->is_over;
  bool writes = take_pending(end);
  nng_mtx_unlock(end->mutex);
  if (writes) {
    post_write(end);
  }
  if (reads) {
    post_read(end);
  }
}

static struct end *connect_to(const char *address, size_t frame_len) {
  nng_stream_dialer *dialer;
  nng_aio *aio;
  if (nng_stream_dialer_alloc(&dialer, address) != 0 || nng_aio_alloc(&aio, NULL, NULL) != 0) {
    return NULL;
  }
  nng_stream_dialer_dial(dialer, aio);
  nng_aio_wait(aio);
  return nng_aio_result(aio) == 0 ? new_end(nng_aio_get_output(aio, 0), on_reply, frame_len) : NULL;
}

static struct end *open_end(struct peer_run *run, const char *address, size_t payload_len) {
  struct end *end = connect_to(address, payload_len + HEADER_LEN);
  if (end != NULL) {
    end->run = run;
    post_read(end);
  }
  return end;
}

void *peer_open(struct peer_run *run, const char *address, unsigned slots) {
  size_t payload_len;
  peer_payload(run, &payload_len);
  struct end *end = slots > 0 ? open_end(run, address, payload_len) : NULL;
  if (end != NULL) {
    end->slot_count = slots;
    end->order = calloc(slots, sizeof *end->order);
    end->frame = calloc(1, end->frame_len);
  }
  return end;
}

void peer_begin(void *connection, unsigned slot) {
  struct end *end = connection;
  nng_mtx_lock(end->mutex);
  put_call(end, slot);
  bool writes = take_pending(end);
  nng_mtx_unlock(end->mutex);
  if (writes) {
    post_write(end);
  }
}

bool peer_call_and_wait(void *connection) {
  (void)connection;
  return false;
}

void peer_close(void *connection) {
  struct end *end = connection;
  nng_stream_close(end->stream); /* the rest goes with the process */
}

bool peer_pour(struct peer_run *run, const char *address) {
  struct end *end = open_end(run, address, PEER_POURED_LEN);
  if (end == NULL) {
    return false;
  }
  nng_mtx_lock(end->mutex);
  put(end, (const uint8_t *)"", 1);
  take_pending(end);
  nng_mtx_unlock(end->mutex);
  post_write(end);
  nng_mtx_lock(end->mutex);
  while (!end->is_over) {
    nng_cv_wait(end->over);
  }
  nng_mtx_unlock(end->mutex);
  return true;
}
