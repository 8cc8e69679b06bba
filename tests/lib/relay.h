/* A thread between a client and a server that knows Sure's frames, so that a test can lose things
 * at an exact point: hold a frame back and let it go later, cut a connection before or after a
 * frame, or turn it into a black hole.
 *
 *     relay_arm(relay, SURE__RESPONSE, RELAY_HOLD);
 *     ... the client calls ...
 *     relay_wait_fired(relay);      the effect is committed, the reply is here
 *     server_kill(server);
 *
 * Held bytes outlive the client's end of their connection: a REQUEST can arrive long after the
 * client has given it up. All functions: any thread. A wait that takes too long ends the process
 * with a message. */
#ifndef SURE_TESTS_RELAY_H
#define SURE_TESTS_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rpc/core/frame.h"

enum relay_action {
  RELAY_HOLD = 1, /* this frame and all after it in its direction wait for relay_release */
  RELAY_CUT,      /* the connection ends before the frame */
  RELAY_CUT_HALF, /* ... in the middle of it */
  RELAY_SWALLOW,  /* from this frame on nothing passes in either direction; nobody is told */
};

/* The RESPONSE or SETTLED that came from a server last, passed on or not. */
struct relay_answer {
  uint8_t code;
  uint8_t reason;
  uint16_t flags;
  uint64_t sequence;
};

struct relay;

/* Listens on a port of loopback; connections go on to `upstream` ("tcp://127.0.0.1:port"). */
struct relay *relay_open(const char *upstream);
struct relay *relay_free(struct relay *relay);
const char *relay_url(const struct relay *relay);

/* Where connections that come from now on lead. */
void relay_point_at(struct relay *relay, const char *upstream);
/* While on, new connections are closed at once. */
void relay_lock_out(struct relay *relay, bool on);

/* What happens to the next frame of a type; then the rule is gone. One rule at a time. */
void relay_arm(struct relay *relay, uint8_t type, enum relay_action action);
/* From now on each connection ends when it has carried so many parts of messages that are longer
 * than a frame. */
void relay_wear_out(struct relay *relay, unsigned parts_max);
/* Until the rule has met its frame. */
void relay_wait_fired(struct relay *relay);
/* What is held goes on. */
void relay_release(struct relay *relay);
/* Ends all connections; what they hold is lost. */
void relay_cut(struct relay *relay);

/* Frames of a type that came, passed on or not. */
unsigned relay_count(struct relay *relay, uint8_t type);
void relay_wait_count(struct relay *relay, uint8_t type, unsigned count);
/* No connection is open. */
bool relay_is_empty(struct relay *relay);
struct relay_answer relay_last_answer(struct relay *relay);
/* The bytes that the client sent on the relay's first connection so far; up to `size`. */
size_t relay_captured(struct relay *relay, uint8_t *out_bytes, size_t size);

#endif
