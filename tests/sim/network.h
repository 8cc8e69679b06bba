/* The virtual network: connections between processes, and what goes wrong with them. */
#ifndef SURE_TESTS_SIM_NETWORK_H
#define SURE_TESTS_SIM_NETWORK_H

#include "rpc/net/connection.h"
#include "tests/sim/sim.h"

/* A new connection from `client` to `server`: both ends are there at once. The caller opens them
 * with sure__connection_open(network_end(...)), each in its own process. */
struct pipe *network_connect(struct process *client, unsigned client_number, struct process *server,
                             unsigned server_number);
/* What sure__connection_open takes as the stream. */
struct nng_stream *network_client_end(struct pipe *pipe);
struct nng_stream *network_server_end(struct pipe *pipe);

/* Time that a segment takes now. */
uint64_t network_delay_ms(void);
/* Until when nothing gets from the client to the server (or back); 0: it gets through. */
uint64_t network_blocked_until_ms(unsigned client, unsigned server, bool to_server);
/* Nothing gets through between them in that direction until then. */
void network_block(unsigned client, unsigned server, bool to_server, uint64_t until_ms);
void network_heal(void);
/* The newest connection between them breaks, if there is one. */
void network_cut(unsigned client, unsigned server);
/* The server reads a frame on it once more that it has read from that client before. */
void network_copy(unsigned client, unsigned server);

/* The process is gone: its ends close, or, when the whole machine is gone, fall silent. */
void network_process_ended(struct process *process, bool is_silent);

/* What some client has sent on an earlier connection, for replay; empty: nothing is kept. */
struct sure_bytes network_old_bytes(void);

void network_clear(void);

#endif
