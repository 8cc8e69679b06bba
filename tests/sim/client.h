/* The simulated clients: the real client engine, driven as a channel drives it, and an application
 * that makes calls and reacts to how they end. */
#ifndef SURE_TESTS_SIM_CLIENT_H
#define SURE_TESTS_SIM_CLIENT_H

#include "rpc/core/client.h"
#include "tests/sim/model.h"
#include "tests/sim/sim.h"

enum { EPOCHS_MAX = 4096 };

/* A session that a client had, by its epoch. */
struct known_session {
  struct sure_session_id id;
  uint64_t store;
};

struct client_node {
  unsigned number;
  struct process process;
  struct sure__client *engine; /* NULL: it is down */
  uint64_t armed_ms;
  uint64_t store;       /* that the last connection went to */
  uint64_t known_stamp; /* the highest of an effect that the application was told of */
  struct known_session sessions[EPOCHS_MAX];
};

extern struct client_node clients[CLIENTS_MAX];

void clients_open(void);
void client_start(struct client_node *node);
void client_crash(struct client_node *node, bool is_silent);
void clients_close(void);
/* Do what the engine asks for. After each event that it was given. */
void client_finish(struct client_node *node);

/* ---- app.c ---- */

/* The application on that client begins, or begins anew. */
void app_start(struct client_node *node);
/* After the faults: every application asks for one more thing, which must be done. */
void app_probe(struct client_node *node, unsigned number);
/* The end of the `number`-th probe: if it says nothing against the client, `again` is to make the
 * next one. */
void app_probe_ended(struct client_node *node, const struct sure__end *end, unsigned number,
                     event_fn *again);
/* The end of a call that did the deed is unknown: it is asked for until it is. */
void app_settle_later(struct client_node *node, struct deed *deed, struct sure_call_id id);
void app_clear(void);

#endif
