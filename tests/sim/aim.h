/* The worst mode: faults that wait for the narrow windows, in which something is done and nobody
 * has been told, or told and not done. */
#ifndef SURE_TESTS_SIM_AIM_H
#define SURE_TESTS_SIM_AIM_H

#include "rpc/core/frame.h"
#include "tests/sim/sim.h"

/* A frame leaves: the opening of a session, an ack, a settle, a retry, a reply, the end of a
 * connection may be a window. */
void aim_at_frame(bool is_server, unsigned client, unsigned server,
                  const struct sure__frame *frame);
/* A batch is committed, and nobody knows. */
void aim_at_commit(unsigned server);
/* A client has lost its connection, and will be back before or after the end of its lease. */
void aim_at_lease(unsigned client);

#endif
