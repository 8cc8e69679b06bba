/* What servers owe: every REQUEST that was read is answered, or at least ACCEPTED, within the ack
 * delay, on its own connection, unless that ends or the client cancels (S24, protocol 4.3). */
#ifndef SURE_TESTS_SIM_OWED_H
#define SURE_TESTS_SIM_OWED_H

#include "rpc/core/frame.h"
#include "tests/sim/sim.h"

/* The attempts that a server has read on one connection and said nothing of. Zero-initialised is
 * empty. */
struct owed {
  struct owed_attempt *first;
  struct process *server;
  bool is_over; /* the connection has ended */
};

void owed_received(struct owed *owed, const struct sure__frame *frame);
void owed_sent(struct owed *owed, const struct sure__frame *frame);
void owed_clear(struct owed *owed);

#endif
