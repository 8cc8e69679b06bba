/* The frames that pass, as lines of the story. */
#ifndef SURE_TESTS_SIM_STORY_H
#define SURE_TESTS_SIM_STORY_H

#include <stdbool.h>
#include <sure/base.h>

#include "tests/sim/owed.h"

/* Bytes leave; they begin and end with a frame. Client number CLIENTS_MAX is the one that replays.
 */
void story_sent(bool is_server, unsigned client, unsigned server, struct owed *owed,
                struct sure_bytes frames);
void story_received(bool is_server, unsigned client, unsigned server, struct owed *owed,
                    struct sure_bytes frames);

#endif
