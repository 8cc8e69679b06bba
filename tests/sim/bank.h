/* The bank that simulated servers run. */
#ifndef SURE_TESTS_SIM_BANK_H
#define SURE_TESTS_SIM_BANK_H

#include <sure/server.h>

#include "tests/sim/model.h"

/* Registers its service; `store_number` names the store that effects go to. */
void bank_offer(struct sure_server *server, const uint64_t *store_number);
const struct sure_method *bank_method(const char *name);
/* The packed request for a deed, in memory of malloc. */
struct sure_bytes bank_request(const struct deed *deed);
uint64_t bank_hash(struct sure_bytes reply);
/* Fails unless the packed ChargeReply is as a handler has made it. */
void bank_check_reply(struct sure_bytes reply);
/* What a packed CountReply says. */
uint64_t bank_counted(struct sure_bytes reply);

#endif
