/* Frames that come twice inside a live connection, as if the client replayed them there. No real
 * network does that above the handshake (S1); it keeps the search for duplicates at work.
 *
 * A REQUEST comes again while it runs, when its record is there, when it was settled or
 * acknowledged: all that is a duplicate. Once the server has said that it left no record, the
 * client relies on that, and it is not repeated. */
#ifndef SURE_TESTS_SIM_COPIES_H
#define SURE_TESTS_SIM_COPIES_H

#include "rpc/core/frame.h"
#include "tests/sim/sim.h"

/* What was said on one connection. Zero-initialised is nothing. */
struct heard {
  bool is_over; /* the server has this connection no more */
  bool is_attached;
  struct sure_session_id session;
  uint64_t watermark; /* the highest that the server has read */
};

void copies_sent(unsigned client, struct heard *heard, const struct sure__frame *frame);
/* `bytes` are the frame as it came. */
void copies_received(unsigned client, struct heard *heard, const struct sure__frame *frame,
                     struct sure_bytes bytes);
/* One of the last frames of the connection's session, that came on it or on one that is over: what
 * another live connection brings is answered there, and the client goes by that answer (S1). Empty:
 * there is none. */
struct sure_bytes copies_pick(unsigned client, const struct heard *heard);
void copies_clear(void);

#endif
