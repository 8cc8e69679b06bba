/* The frames that pass, as lines of the story. */
#ifndef SURE_TESTS_SIM_STORY_H
#define SURE_TESTS_SIM_STORY_H

#include <stdbool.h>
#include <sure/base.h>

#include "tests/sim/copies.h"
#include "tests/sim/owed.h"

/* One connection, as those see it who listen in. Client number CLIENTS_MAX is the one that replays
 * old bytes. */
struct conversation {
  unsigned client;
  unsigned server;
  struct owed owed;
  struct heard heard;
};

/* Bytes leave; they begin and end with a frame. */
void story_sent(bool is_server, struct conversation *talk, struct sure_bytes frames);
void story_received(bool is_server, struct conversation *talk, struct sure_bytes frames);
/* The server reads a frame again that nobody has sent again. It owes nothing for it. */
void story_copied(const struct conversation *talk, struct sure_bytes bytes);

#endif
