#include "rpc/net/connection.h"

#include <nng/nng.h>
#include <pthread.h>

#include "rpc/core/assert.h"
#include "rpc/core/memory.h"
#include "rpc/core/wire.h"
#include "rpc/net/clock.h"
#include "rpc/net/reader.h"

/* A write buffer that has grown over this gives its memory back. */
enum { WRITE_BUFFER_KEPT_MAX = 512 * 1024 };
/* Unsent bytes, from which down there is room for more. */
#define ROOM_LEN (64 * 1024)
/* Writes in a row without a read between them that whoever flushes does by itself. */
enum { WRITES_AT_ONCE_MAX = 2 };
/* Frames that are handed out at a time (docs/performance.md). */
#define PORTION_LEN (16 * 1024)

struct sure__connection {
  struct sure__connection_config config;
  nng_stream *stream;
  nng_aio *read_aio;
  nng_aio *write_aio;   /* for what the socket has no room for now */
  nng_aio *at_once_aio; /* has no callback */

  pthread_mutex_t mutex;
  unsigned hold_count; /* a posted read, a running delivery and a write in flight hold it too */
  bool started;
  const char *close_reason;  /* NULL: running */
  bool closed;               /* on_closed was called, or is being called */
  const char *finish_reason; /* not NULL: to be closed when all is written */

  struct sure__reader reader;
  bool delivering; /* on_bytes may be running */
  bool arrived;    /* a read has completed and is not delivered yet */
  size_t arrived_len;
  uint64_t stalled_since_ms; /* not 0: no read is posted, for too much is unsent */
  uint64_t finishing_since_ms;

  struct sure__buffer pending;
  struct sure__buffer written; /* its bytes from written_len on are in flight */
  size_t written_len;
  size_t backlog_len;     /* sure__connection_set_backlog */
  bool writing;           /* some thread, or a write in flight, has `written` to itself */
  unsigned at_once_count; /* of writes since the last read */
  bool asks_room;         /* somebody waits for on_room */
  bool bytes_lost;        /* memory was short: the stream has a hole and must end */
};

static void on_read(void *user);
static void on_written(void *user);

struct sure__connection *sure__connection_open(nng_stream *stream,
                                               const struct sure__connection_config *config) {
  struct sure__connection *c = sure__alloc(sizeof *c);
  if (c == NULL) {
    nng_stream_free(stream);
    return NULL;
  }
  c->config = *config;
  c->stream = stream;
  sure__reader_init(&c->reader);
  pthread_mutex_init(&c->mutex, NULL);
  if (nng_aio_alloc(&c->read_aio, on_read, c) != 0 ||
      nng_aio_alloc(&c->write_aio, on_written, c) != 0 ||
      nng_aio_alloc(&c->at_once_aio, NULL, NULL) != 0) {
    return sure__connection_free(c);
  }
  /* A finite time-out would put the aio on a list that nng 1.5 scans at every wake-up. */
  nng_aio_set_timeout(c->read_aio, NNG_DURATION_INFINITE);
  nng_aio_set_timeout(c->write_aio, NNG_DURATION_INFINITE);
  nng_aio_set_timeout(c->at_once_aio, NNG_DURATION_INFINITE);
  return c;
}

struct sure__connection *sure__connection_free(struct sure__connection *c) {
  if (c == NULL) {
    return NULL;
  }
  nng_aio_free(c->read_aio); /* these wait for their callbacks */
  nng_aio_free(c->write_aio);
  nng_aio_free(c->at_once_aio);
  nng_stream_free(c->stream);
  sure__reader_fini(&c->reader);
  sure__buffer_fini(&c->pending);
  sure__buffer_fini(&c->written);
  pthread_mutex_destroy(&c->mutex);
  sure__free(c);
  return NULL;
}

bool sure__connection_hold(struct sure__connection *c) {
  pthread_mutex_lock(&c->mutex);
  bool alive = !c->closed;
  if (alive) {
    c->hold_count++;
  }
  pthread_mutex_unlock(&c->mutex);
  return alive;
}

void sure__connection_release(struct sure__connection *c) {
  pthread_mutex_lock(&c->mutex);
  sure__assert(c->hold_count > 0 && "hold and release come in pairs");
  c->hold_count--;
  bool over = c->hold_count == 0 && c->started && c->close_reason != NULL && !c->closed;
  if (over) {
    c->closed = true;
  }
  pthread_mutex_unlock(&c->mutex);
  if (over) {
    c->config.on_closed(c->config.user, c->close_reason);
  }
}

void sure__connection_close(struct sure__connection *c, const char *reason) {
  pthread_mutex_lock(&c->mutex);
  bool first = c->close_reason == NULL;
  if (first) {
    c->close_reason = reason;
  }
  pthread_mutex_unlock(&c->mutex);
  if (first) {
    nng_stream_close(c->stream);
    nng_aio_abort(c->read_aio, NNG_ECLOSED);
    nng_aio_abort(c->write_aio, NNG_ECLOSED);
  }
}

/* Reading. */

static size_t unsent_len(const struct sure__connection *c) {
  return c->pending.len + c->written.len - c->written_len;
}

static size_t backed_up_len(const struct sure__connection *c) {
  return unsent_len(c) + c->backlog_len;
}

static bool is_over_limit(const struct sure__connection *c) {
  return c->config.unsent_len_max != 0 && backed_up_len(c) > c->config.unsent_len_max;
}

/* Under the lock: whether a read is to be posted now, and where to. The read holds the connection.
 */
static bool prepare_read(struct sure__connection *c, nng_iov *out_room) {
  if (c->close_reason != NULL) {
    return false;
  }
  if (is_over_limit(c)) {
    c->stalled_since_ms = sure__clock_ms();
    return false;
  }
  c->stalled_since_ms = 0;
  uint8_t *room;
  if (!sure__reader_offer(&c->reader, &room, &out_room->iov_len)) {
    c->bytes_lost = true;
    return false;
  }
  out_room->iov_buf = room;
  c->hold_count++;
  return true;
}

/* After an operation was posted: nng 1.5 may never finish one that comes after the close. */
static void abort_if_closing(struct sure__connection *c, nng_aio *aio) {
  pthread_mutex_lock(&c->mutex);
  bool closing = c->close_reason != NULL;
  pthread_mutex_unlock(&c->mutex);
  if (closing) {
    nng_aio_abort(aio, NNG_ECLOSED);
  }
}

/* Without the lock. */
static void post_read(struct sure__connection *c, const nng_iov *room) {
  nng_aio_set_iov(c->read_aio, 1, room);
  nng_stream_recv(c->stream, c->read_aio);
  abort_if_closing(c, c->read_aio);
}

static void close_if_bytes_lost(struct sure__connection *c) {
  pthread_mutex_lock(&c->mutex);
  bool lost = c->bytes_lost;
  pthread_mutex_unlock(&c->mutex);
  if (lost) {
    sure__connection_close(c, "memory is short");
  }
}

void sure__connection_start(struct sure__connection *c) {
  nng_iov room;
  pthread_mutex_lock(&c->mutex);
  c->started = true;
  c->hold_count++;
  bool post = prepare_read(c, &room);
  pthread_mutex_unlock(&c->mutex);
  if (post) {
    post_read(c, &room);
  }
  close_if_bytes_lost(c);
  sure__connection_release(c);
}

/* Whole frames from the front of `frames`, as many as are worth a lock and a write. */
static size_t portion_len(struct sure_bytes frames) {
  size_t len = 0;
  while (len < frames.len && len < PORTION_LEN) {
    len += sure__get_u32(frames.data + len); /* a frame begins with its length */
  }
  return len;
}

/* In portions: what a portion leads to is written before the next one is looked at, so that both
 * ends of the connection work at the same time. */
static void hand_out(struct sure__connection *c, struct sure_bytes frames) {
  while (frames.len > 0) {
    size_t len = portion_len(frames);
    c->config.on_bytes(c->config.user, (struct sure_bytes){frames.data, len});
    frames.data += len;
    frames.len -= len;
  }
}

/* Takes what has arrived, posts the next read, and hands the frames out. False when there was
 * nothing more; then the caller delivers no longer. */
static bool deliver_one(struct sure__connection *c) {
  struct sure_bytes frames = {0};
  nng_iov room;
  bool post = false;
  const char *problem = NULL;
  pthread_mutex_lock(&c->mutex);
  bool go = c->arrived && c->close_reason == NULL;
  if (go) {
    c->arrived = false;
    problem = sure__reader_take(&c->reader, c->arrived_len, &frames);
    post = problem == NULL && prepare_read(c, &room);
  } else {
    c->delivering = false;
  }
  pthread_mutex_unlock(&c->mutex);
  if (problem != NULL) {
    sure__connection_close(c, problem);
    return go;
  }
  if (post) {
    post_read(c, &room);
  }
  hand_out(c, frames);
  return go;
}

/* The next read is posted before the last one is handed out, so this may run on two threads; the
 * second only leaves word for the first. */
static void on_read(void *user) {
  struct sure__connection *c = user;
  int error = nng_aio_result(c->read_aio);
  if (error != 0) {
    sure__connection_close(c, nng_strerror(error));
    sure__connection_release(c);
    return;
  }
  pthread_mutex_lock(&c->mutex);
  c->arrived = true;
  c->at_once_count = 0;
  c->arrived_len = nng_aio_count(c->read_aio);
  bool mine = !c->delivering;
  c->delivering = true;
  pthread_mutex_unlock(&c->mutex);
  if (mine) {
    while (deliver_one(c)) {
    }
    close_if_bytes_lost(c);
  }
  sure__connection_release(c);
}

/* Writing. */

void sure__connection_queue(struct sure__connection *c, struct sure__buffer *bytes) {
  pthread_mutex_lock(&c->mutex);
  if (c->close_reason == NULL) {
    if (c->pending.len == 0) {
      sure__buffer_swap(&c->pending, bytes);
    } else if (!sure__buffer_append(&c->pending, bytes->data, bytes->len)) {
      c->bytes_lost = true;
    }
  }
  pthread_mutex_unlock(&c->mutex);
  sure__buffer_clear(bytes, WRITE_BUFFER_KEPT_MAX);
}

void sure__connection_set_backlog(struct sure__connection *c, size_t len) {
  if (len == c->backlog_len) {
    return; /* mostly there is none; nobody else writes it */
  }
  pthread_mutex_lock(&c->mutex);
  c->backlog_len = len;
  pthread_mutex_unlock(&c->mutex);
}

/* Under the lock, with nothing in flight: whether there is something to write. */
static bool prepare_write(struct sure__connection *c) {
  sure__buffer_clear(&c->written, WRITE_BUFFER_KEPT_MAX);
  c->written_len = 0;
  c->writing = c->pending.len > 0 && c->close_reason == NULL && !c->bytes_lost;
  if (c->writing) {
    sure__buffer_swap(&c->pending, &c->written);
  }
  return c->writing;
}

/* Without the lock. What is being written belongs to the writer, so no lock is needed to look at
 * it. */
static void send_rest(struct sure__connection *c, nng_aio *aio) {
  nng_iov rest = {.iov_buf = c->written.data + c->written_len,
                  .iov_len = c->written.len - c->written_len};
  nng_aio_set_iov(aio, 1, &rest);
  nng_stream_send(c->stream, aio);
}

/* Goes on in on_written. */
static void post_write(struct sure__connection *c) {
  send_rest(c, c->write_aio);
  abort_if_closing(c, c->write_aio);
}

/* What the socket takes at once costs no other thread. Over TCP and Unix sockets, an operation of
 * nng ends with the first bytes that it has sent; so one that waits has sent none, and is
 * cancelled. Returns the bytes that are sent; 0: none, whatever the reason. */
static size_t write_at_once(struct sure__connection *c) {
  send_rest(c, c->at_once_aio);
  nng_aio_cancel(c->at_once_aio);
  nng_aio_wait(c->at_once_aio);
  return nng_aio_count(c->at_once_aio);
}

/* Under the lock: the write went through, maybe short. Whether there is more to write. */
static bool continue_write(struct sure__connection *c, size_t len) {
  c->written_len += len;
  if (c->written_len < c->written.len && c->close_reason == NULL) {
    return true;
  }
  return prepare_write(c);
}

/* Whether what was to be written before the end has been. */
static bool is_finished(struct sure__connection *c) {
  pthread_mutex_lock(&c->mutex);
  bool finished = c->finish_reason != NULL && !c->writing;
  pthread_mutex_unlock(&c->mutex);
  return finished;
}

/* `len` bytes were written: tells those that wait for it. Whether there is more to write. */
static bool advance(struct sure__connection *c, size_t len) {
  nng_iov room;
  pthread_mutex_lock(&c->mutex);
  bool more = continue_write(c, len);
  bool has_room = c->asks_room && unsent_len(c) <= ROOM_LEN;
  c->asks_room = c->asks_room && !has_room;
  c->hold_count += has_room;
  bool read_on = c->stalled_since_ms != 0 && !is_over_limit(c) && prepare_read(c, &room);
  const char *finished = more ? NULL : c->finish_reason;
  pthread_mutex_unlock(&c->mutex);
  if (read_on) {
    post_read(c, &room);
  }
  close_if_bytes_lost(c);
  if (finished != NULL) {
    sure__connection_close(c, finished);
  }
  if (has_room) {
    c->config.on_room(c->config.user);
    sure__connection_release(c);
  }
  return more;
}

/* Whoever pours gathers more while nng's thread writes, so that more goes into each write. */
static bool may_write_at_once(struct sure__connection *c) {
  pthread_mutex_lock(&c->mutex);
  bool may = !c->asks_room && c->at_once_count < WRITES_AT_ONCE_MAX;
  c->at_once_count += may;
  pthread_mutex_unlock(&c->mutex);
  return may;
}

/* Writes what there is. The writer holds the connection, until nothing is left. */
static void write_all(struct sure__connection *c) {
  size_t len;
  while (may_write_at_once(c) && (len = write_at_once(c)) > 0) {
    if (!advance(c, len)) {
      sure__connection_release(c);
      return;
    }
  }
  post_write(c);
}

static void on_written(void *user) {
  struct sure__connection *c = user;
  int error = nng_aio_result(c->write_aio);
  if (error != 0) {
    sure__connection_close(c, nng_strerror(error));
    sure__connection_release(c);
  } else if (advance(c, nng_aio_count(c->write_aio))) {
    write_all(c);
  } else {
    sure__connection_release(c);
  }
}

void sure__connection_flush(struct sure__connection *c) {
  pthread_mutex_lock(&c->mutex);
  bool write = !c->writing && prepare_write(c);
  c->hold_count += write;
  pthread_mutex_unlock(&c->mutex);
  if (write) {
    write_all(c);
  }
  close_if_bytes_lost(c);
}

void sure__connection_finish(struct sure__connection *c, const char *reason) {
  pthread_mutex_lock(&c->mutex);
  c->finish_reason = reason;
  c->finishing_since_ms = sure__clock_ms();
  pthread_mutex_unlock(&c->mutex);
  sure__connection_flush(c);
  if (is_finished(c)) {
    sure__connection_close(c, reason);
  }
}

bool sure__connection_ask_room(struct sure__connection *c) {
  pthread_mutex_lock(&c->mutex);
  bool waits = unsent_len(c) > 0 && c->close_reason == NULL;
  c->asks_room = c->asks_room || waits;
  pthread_mutex_unlock(&c->mutex);
  return waits;
}

size_t sure__connection_unsent_len(struct sure__connection *c) {
  pthread_mutex_lock(&c->mutex);
  size_t len = unsent_len(c);
  pthread_mutex_unlock(&c->mutex);
  return len;
}

uint64_t sure__connection_stalled_since_ms(struct sure__connection *c) {
  pthread_mutex_lock(&c->mutex);
  uint64_t since_ms = c->finishing_since_ms != 0 ? c->finishing_since_ms : c->stalled_since_ms;
  pthread_mutex_unlock(&c->mutex);
  return since_ms;
}
