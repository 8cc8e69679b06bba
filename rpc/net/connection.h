/* One connection over an nng_stream, client's or server's: whole frames in, bytes out.
 *
 * Reading: what one read brought is cut after its last whole frame, the rest is moved to a second
 * buffer, the next read is posted into that one, and only then the whole frames are given to the
 * owner. on_bytes runs on a thread of nng, never twice at the same time for one connection, and in
 * the order of the stream.
 *
 * Writing: what the socket takes at once is written by the thread that flushes, which saves two
 * others from being woken. What it does not take is left to a thread of nng, and so are several
 * writes in a row without a read between them: more gathers meanwhile, and leaves in one write. The
 * owner encodes frames under its own lock, moves them in with sure__connection_queue under the same
 * lock (so their order on the wire is the order of the lock), and calls sure__connection_flush when
 * it has unlocked.
 *
 *     open --start--> running --close, or the peer is gone--> closing --last callback--> closed
 *                                                                       (on_closed)
 *
 * Locks: the connection has one of its own, which is a leaf: it calls neither the owner nor nng
 * under it. Nobody waits for anything, except in sure__connection_free.
 *
 * Lifetime: a thread that uses the connection outside the owner's lock holds it: it takes the hold
 * under that lock, while the owner still has the connection, and releases it when it is done. (In
 * on_bytes the connection is held already.) on_closed is called exactly once for a connection that
 * was started, on whatever thread ends it, after the last on_bytes has returned and the last hold
 * is released, and the connection calls the owner no more after it. The owner then has a thread of
 * its own (a reaper) call sure__connection_free; neither on_bytes nor on_closed may do that, as it
 * waits for them. */
#ifndef SURE_NET_CONNECTION_H
#define SURE_NET_CONNECTION_H

#include <stdbool.h>
#include <sure/base.h>

#include "rpc/core/buffer.h"

struct nng_stream;
struct sure__connection;

struct sure__connection_config {
  /* Whole frames by their length fields, at least one; their contents are not looked at. Borrowed
   * until it returns. May queue, flush and close. */
  void (*on_bytes)(void *user, struct sure_bytes frames);
  /* `reason` is a text for logs, valid until it returns. */
  void (*on_closed)(void *user, const char *reason);
  /* Most of what was queued is written, which sure__connection_ask_room wanted to hear, once. On a
   * thread of nng or one that flushes; the connection is held. May queue and flush. NULL: nobody
   * asks. */
  void (*on_room)(void *user);
  void *user;
  /* Back-pressure (S23): while more unsent bytes than this are queued, no further read is posted
   * (one that is posted already may still bring bytes). 0: always read, as clients must. */
  size_t unsent_len_max;
};

/* Takes `stream`, also when it fails: then it is freed and NULL is returned (memory is short). */
struct sure__connection *sure__connection_open(struct nng_stream *stream,
                                               const struct sure__connection_config *config);

/* Posts the first read. Once. Any thread, with no lock held that the callbacks take. */
void sure__connection_start(struct sure__connection *connection);

/* Keeps on_closed from being called, and the connection from being freed, until the release. Under
 * the owner's lock, while the owner still has the connection. False when it is over: on_closed was
 * called, and waits for that lock perhaps; then there is nothing to release. */
bool sure__connection_hold(struct sure__connection *connection);
/* With no lock held that on_closed takes, as it may be called before this returns. */
void sure__connection_release(struct sure__connection *connection);

/* Moves all of `bytes` to the end of what is to be sent; `bytes` is empty afterwards and may have
 * got another memory block. Sends nothing. On a connection that is closing the bytes are dropped,
 * and when memory is short it closes itself at the next flush. Before on_closed, under any lock. */
void sure__connection_queue(struct sure__connection *connection, struct sure__buffer *bytes);

/* So many bytes more wait to be queued; they count as unsent. Before on_closed, under any lock. */
void sure__connection_set_backlog(struct sure__connection *connection, size_t len);

/* Starts a write when bytes are queued and none is in flight. Held, and with no lock that the
 * callbacks take, as it enters the kernel. */
void sure__connection_flush(struct sure__connection *connection);

/* Bytes queued or in flight. Before on_closed, under any lock. */
size_t sure__connection_unsent_len(struct sure__connection *connection);

/* Have on_room called when little is left of what is queued now. False: that is so already, and it
 * is not called. Before on_closed, under any lock. */
bool sure__connection_ask_room(struct sure__connection *connection);

/* Since when it waits for the peer to take what is queued, in milliseconds of sure__clock_ms:
 * back-pressure has stopped the reading, or the connection is finishing. 0 when it does not. Before
 * on_closed, under any lock. */
uint64_t sure__connection_stalled_since_ms(struct sure__connection *connection);

/* Flushes, and closes the connection as soon as all that is queued has been written; the peer may
 * never take it, so somebody has to look at sure__connection_stalled_since_ms. As for close. */
void sure__connection_finish(struct sure__connection *connection, const char *reason);

/* Gives the connection up; what is queued is not sent. `reason`, a static text, goes to on_closed;
 * the first close wins. Held, and with no lock that the callbacks take. */
void sure__connection_close(struct sure__connection *connection, const char *reason);

/* Frees it and waits for its callbacks to be over. After on_closed, or before start. Not from a
 * callback of nng, and with no lock held. Accepts NULL; returns NULL. */
struct sure__connection *sure__connection_free(struct sure__connection *connection);

#endif
