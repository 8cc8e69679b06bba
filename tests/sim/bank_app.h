/* Applications that use the bank of the examples, and what they were told by it. They pay, read
 * balances, ask again under the same payment id when an end is unknown, or settle; their journal
 * outlives them. With `sure-sim --sqlite`, the plan says how much of the traffic is theirs. */
#ifndef SURE_TESTS_SIM_BANK_APP_H
#define SURE_TESTS_SIM_BANK_APP_H

#include <stdbool.h>
#include <stdint.h>

struct client_node;
struct sure_store;

/* Whether the plan has the bank of the examples in it. */
bool bank_app_is_wanted(void);
void bank_app_begin(void);
/* One thing that an application on that client does. */
void bank_app_act(struct client_node *node);
/* Payments and readings so far. */
uint64_t bank_app_count(void);
/* After the faults: payments whose end is not known are asked for until it is. */
void bank_app_heal(void);
/* A last look of that client at everything. */
void bank_app_look(struct client_node *node);
/* One order explains all answers, and `store` has what was told to be there. */
void bank_app_check_end(struct sure_store *store);
void bank_app_clear(void);

#endif
