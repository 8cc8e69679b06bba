/* One call to the bank of the examples: a payment, a settle of one, or a reading. */
#ifndef SURE_TESTS_SIM_BANK_ORDER_H
#define SURE_TESTS_SIM_BANK_ORDER_H

#include "tests/sim/errand.h"
#include "tests/sim/history.h"
#include "tests/sim/payment.h"

enum order_kind { ORDER_PAY, ORDER_SETTLE, ORDER_READ };

struct order {
  struct errand errand;
  enum order_kind kind;
  struct payment *payment;   /* NULL: a reading */
  enum history_kind reading; /* ORDER_READ: of what */
  unsigned account;          /* likewise; HISTORY_COUNT: none */
  size_t op;                 /* in the history */
  size_t call;               /* likewise; not of a settle */
  struct sure_call_id id;    /* ORDER_SETTLE: of what */
  bool is_last_word;         /* is made again until the end of the payment is known */
};

struct order *order_to_pay(struct client_node *node, struct payment *payment,
                           errand_ended_fn *ended);
/* Of the call `id` for the same payment. */
struct order *order_to_settle(const struct order *paid, struct sure_call_id id);
struct order *order_to_read(struct client_node *node, enum history_kind kind, unsigned account,
                            errand_ended_fn *ended);

/* Make the call, which is noted in the history. Refused by the engine: nothing happened. */
struct sure__refusal order_make(struct order *order);
/* The call that ended unknown is never going to be settled. */
void order_release(const struct order *order, struct sure_call_id id);

#endif
