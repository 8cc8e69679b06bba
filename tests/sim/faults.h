#ifndef SURE_TESTS_SIM_FAULTS_H
#define SURE_TESTS_SIM_FAULTS_H

#include "tests/sim/sim.h"

struct client_node;
struct server_node;

void faults_begin(void);
/* Everything runs and reaches everything from here on; pauses come to their end. */
void faults_end(void);

/* ---- single ones. Those whose victim is down already do nothing. ---- */

void fault_partition(unsigned client, unsigned server, uint64_t duration_ms);
void fault_pause(struct process *process, uint64_t duration_ms);
void fault_crash_server(struct server_node *node);
void fault_crash_client(struct client_node *node);

#endif
