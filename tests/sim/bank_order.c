#include "tests/sim/bank_order.h"

#include <stdlib.h>
#include <string.h>

#include "rpc/net/clock.h"
#include "tests/sim/bank_told.h"
#include "tests/sim/bank_wire.h"

enum { TIMEOUT_MS_HEALED = 5000 };

static struct order *payment_order(struct client_node *node, enum order_kind kind,
                                   struct payment *payment, errand_ended_fn *ended) {
  struct order *order = errand_new(sizeof *order, node, ended);
  order->kind = kind;
  order->payment = payment;
  order->op = payment->op;
  (void)snprintf(order->errand.about, sizeof order->errand.about, "payment %s", payment->id);
  return order;
}

struct order *order_to_pay(struct client_node *node, struct payment *payment,
                           errand_ended_fn *ended) {
  return payment_order(node, ORDER_PAY, payment, ended);
}

struct order *order_to_settle(const struct order *paid, struct sure_call_id id) {
  struct order *order =
      payment_order(paid->errand.node, ORDER_SETTLE, paid->payment, paid->errand.ended);
  order->id = id;
  return order;
}

struct order *order_to_read(struct client_node *node, enum history_kind kind, unsigned account,
                            errand_ended_fn *ended) {
  struct order *order = errand_new(sizeof *order, node, ended);
  order->kind = ORDER_READ;
  order->reading = kind;
  order->account = account;
  order->op =
      history_add(&bank_history,
                  &(struct history_op){.kind = kind, .client = node->number, .account = account});
  (void)snprintf(order->errand.about, sizeof order->errand.about, "%s",
                 kind == HISTORY_COUNT ? "an audit" : account_name(account));
  return order;
}

static void copy(struct sure__client_call *call, struct sure_bytes bytes,
                 struct sure_bytes *out_copy) {
  if (!sure__arena_copy(&call->arena, bytes, out_copy)) {
    abort();
  }
}

static struct sure__client_call *fill_in(struct order *order) {
  struct sure__client_call *call = errand_call(&order->errand);
  const struct payment *payment = order->payment;
  struct bank_request wanted = payment != NULL ? bank_wire_payment(payment)
                                               : bank_wire_reading(order->reading, order->account);
  call->method = wanted.method;
  call->timeout_ms = sim.is_healed ? TIMEOUT_MS_HEALED : errand_timeout_ms();
  if (payment != NULL) {
    copy(call, (struct sure_bytes){(const uint8_t *)payment->id, strlen(payment->id)}, &call->key);
  }
  if (order->kind == ORDER_SETTLE) {
    call->settle_id = order->id;
  } else {
    copy(call, wanted.request, &call->request);
  }
  free((void *)(uintptr_t)wanted.request.data);
  return call;
}

struct sure__refusal order_make(struct order *order) {
  struct sure__client_call *call = fill_in(order);
  if (order->kind == ORDER_SETTLE) {
    return errand_make(&order->errand, call, true);
  }
  uint32_t timeout_ms = call->timeout_ms; /* the call may have ended when it has been made */
  order->call = history_call(&bank_history, order->op, sim.now_ms);
  struct sure__refusal refusal = errand_make(&order->errand, call, false);
  if (refusal.text == NULL) {
    errand_perhaps_cancel(&order->errand, timeout_ms);
  } else {
    history_exclude(&bank_history, order->call);
  }
  return refusal;
}

void order_release(const struct order *order, struct sure_call_id id) {
  sim_trace("client %u releases %s", order->errand.node->number, order->errand.about);
  sure__client_release(order->errand.node->engine, id, sure__clock_ms());
}
