/* The simulated servers: the real shell without its threads. */
#ifndef SURE_TESTS_SIM_SERVER_H
#define SURE_TESTS_SIM_SERVER_H

#include "tests/sim/network.h"
#include "tests/sim/store.h"

struct sure_server;

struct server_node {
  unsigned number;
  struct process process;
  struct sure_server *server; /* NULL: it is down */
  struct sim_store *store;    /* a durable one outlives the process */
  bool is_writing;
  size_t batch_count;
};

extern struct server_node servers[SERVERS_MAX];

void servers_open(void);
void server_start(struct server_node *node);
/* The process ends here and now. `is_silent`: its machine too, so that nobody is told. */
void server_crash(struct server_node *node, bool is_silent);
/* No new calls; the process ends later. */
void server_drain(struct server_node *node);
/* A connection has come. Both sides begin now. */
void server_accept_soon(struct server_node *node, struct pipe *pipe);
void servers_close(void);

#endif
