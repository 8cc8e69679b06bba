#include "tests/sim/bank_app.h"

#include "tests/sim/bank_told.h"

enum {
  HEAL_EVERY_MS = 3000,
  RECENT = 16, /* payments that may be asked for once more */
  AMOUNT_MAX = 3000,
  DEPOSIT_MAX = 100000,     /* some accounts run empty, and payments are refused */
  ABANDONED_MAX = 12,       /* or there would be too many ways to explain a history */
  LISTED_PAYMENTS_MAX = 900 /* one page has all entries of an account */
};

static unsigned abandoned_count;
static struct payment *openings[HISTORY_ACCOUNTS_MAX]; /* the last one of each account */

bool bank_app_is_wanted(void) {
  return sim.plan.bank_permille > 0;
}

uint64_t bank_app_count(void) {
  return bank_history.op_count;
}

static void order_ended(struct errand *errand, const struct sure__client_call *done);

static void pay(struct client_node *node, struct payment *payment) {
  (void)order_make(order_to_pay(node, payment, order_ended));
}

static void look_at(struct client_node *node, enum history_kind kind, unsigned account) {
  (void)order_make(order_to_read(node, kind, account, order_ended));
}

static void list(struct client_node *node, unsigned account) {
  if (sim.plan.list_permille > 0 && payment_count() <= LISTED_PAYMENTS_MAX) {
    look_at(node, HISTORY_ENTRIES, account);
  }
}

/* ---- what is wanted ---- */

static struct payment *want(const struct client_node *node, const struct payment *wanted) {
  struct payment *payment = payment_new(wanted);
  payment->op = history_add(&bank_history, &(struct history_op){
                                               .kind = HISTORY_BOOKING,
                                               .client = node->number,
                                               .giver = payment->giver,
                                               .taker = payment->taker,
                                               .account = payment->customer,
                                               .amount = payment->amount,
                                               .is_opening = payment->kind == PAYMENT_OPENING,
                                           });
  return payment;
}

static int64_t some_amount(int64_t limit) {
  return (int64_t)chance_between(1, (uint64_t)limit);
}

static void want_opening(const struct client_node *node, unsigned account) {
  openings[account] =
      want(node, &(struct payment){
                     .kind = PAYMENT_OPENING,
                     .giver = ACCOUNT_WORLD,
                     .taker = account,
                     .customer = account,
                     .amount = some_amount(DEPOSIT_MAX),
                     .overdraft_limit = bank_history.accounts[account].overdraft_limit,
                 });
}

void bank_app_begin(void) {
  bank_history.account_count = ACCOUNT_FIRST_CUSTOMER + sim.plan.customer_count;
  bank_history.accounts[ACCOUNT_WORLD] = (struct history_account){true, INT64_MAX / 2};
  bank_history.accounts[ACCOUNT_CLEARING] = (struct history_account){true, 0};
  for (unsigned i = ACCOUNT_FIRST_CUSTOMER; i < bank_history.account_count; i++) {
    bank_history.accounts[i].overdraft_limit = (int64_t)chance_below(AMOUNT_MAX);
    want_opening(&clients[0], i);
  }
}

static bool is_open(unsigned account) {
  return openings[account]->is_booked;
}

/* An opening that was settled as never applied has used up its id. */
static void open_account(struct client_node *node, unsigned account) {
  if (openings[account]->is_final) {
    want_opening(node, account);
  }
  pay(node, openings[account]);
}

static unsigned some_account(void) {
  return ACCOUNT_FIRST_CUSTOMER + (unsigned)chance_below(sim.plan.customer_count);
}

/* The bank makes its own accounts when it opens the first of a customer. */
static unsigned account_to_look_at(void) {
  unsigned account = (unsigned)chance_below(bank_history.account_count);
  return account >= ACCOUNT_FIRST_CUSTOMER || is_open(ACCOUNT_FIRST_CUSTOMER) ? account
                                                                              : some_account();
}

static struct payment *some_payment(void) {
  uint64_t count = payment_count();
  return payment_of(count - chance_below(count < RECENT ? count : RECENT));
}

static void charge(struct client_node *node, unsigned account) {
  pay(node, want(node, &(struct payment){.kind = PAYMENT_CHARGE,
                                         .giver = account,
                                         .taker = ACCOUNT_CLEARING,
                                         .customer = account,
                                         .amount = some_amount(AMOUNT_MAX)}));
}

static void transfer(struct client_node *node, unsigned from, unsigned to) {
  pay(node, want(node, &(struct payment){.kind = PAYMENT_TRANSFER,
                                         .giver = from,
                                         .taker = to,
                                         .customer = from,
                                         .amount = some_amount(AMOUNT_MAX)}));
}

static void refund(struct client_node *node, const struct payment *charged) {
  pay(node, want(node, &(struct payment){.kind = PAYMENT_REFUND,
                                         .giver = ACCOUNT_CLEARING,
                                         .taker = charged->giver,
                                         .customer = charged->giver,
                                         .amount = some_amount(charged->amount),
                                         .charge = charged}));
}

/* Money moves only between accounts that somebody knows to be open. */
static void move_money(struct client_node *node) {
  unsigned account = some_account();
  unsigned other = some_account();
  const struct payment *recent = some_payment();
  if (!is_open(account)) {
    open_account(node, account);
  } else if (recent->kind == PAYMENT_CHARGE && recent->is_booked && chance_below(2) == 0) {
    refund(node, recent);
  } else if (other != account && is_open(other) && chance_below(2) == 0) {
    transfer(node, account, other);
  } else {
    charge(node, account);
  }
}

/* Somebody's payment again, whether its end is known or not. */
static void pay_again(struct client_node *node) {
  struct payment *payment = some_payment();
  if (!payment->is_abandoned) {
    pay(node, payment);
  }
}

void bank_app_act(struct client_node *node) {
  uint64_t choice = chance_below(100);
  if (choice < 50) {
    move_money(node);
  } else if (choice < 60) {
    pay_again(node);
  } else if (choice >= 98) {
    look_at(node, HISTORY_COUNT, 0);
  } else if (chance_permille(sim.plan.list_permille)) {
    list(node, account_to_look_at());
  } else {
    look_at(node, HISTORY_BALANCE, account_to_look_at());
  }
}

/* ---- settling, and asking again ---- */

static void settle(void *thing, uint64_t number) {
  struct order *order = thing;
  struct sure__refusal refusal = order_make(order);
  if (refusal.text != NULL && refusal.code != SURE_FAILED_PRECONDITION) {
    event_at(sim.now_ms + chance_below(1000), &order->errand.node->process, settle, order, number);
  } /* else it is made, or the session is gone meanwhile, and the call with it */
}

static void pay_later(void *thing, uint64_t payment_number) {
  if (!sim.is_healed) {
    pay(thing, payment_of(payment_number));
  }
}

static void insist(void *thing, uint64_t payment_number) {
  struct payment *payment = payment_of(payment_number);
  struct client_node *node = thing;
  if (!payment->is_final) {
    struct order *order = order_to_pay(node, payment, order_ended);
    order->is_last_word = true;
    if (order_make(order).text != NULL) {
      event_at(sim.now_ms + 100, &node->process, insist, node, payment_number);
    }
  }
}

/* From here on nobody asks what became of the payment. */
static void perhaps_abandon(struct payment *payment) {
  if (payment->kind != PAYMENT_OPENING && !payment->is_abandoned && !sim.is_healed &&
      abandoned_count < ABANDONED_MAX && chance_permille(sim.plan.abandon_permille)) {
    payment->is_abandoned = true;
    abandoned_count++;
  }
}

/* An end that is not known: the application may settle the call, make it again under the same id,
 * or both; or leave it. */
static void doubt(struct order *order, struct sure_call_id id) {
  struct client_node *node = order->errand.node;
  uint64_t choice = sim.is_healed ? 0 : chance_below(4);
  perhaps_abandon(order->payment);
  bool is_left = order->payment->is_abandoned || order->is_last_word;
  if (!is_left && choice != 0) {
    event_at(sim.now_ms + chance_below(1000), &node->process, pay_later, node,
             order->payment->number);
  }
  if (id.epoch != 0 && (is_left || choice >= 2)) {
    order_release(order, id);
  } else if (id.epoch != 0) {
    event_at(sim.now_ms + chance_below(2000), &node->process, settle, order_to_settle(order, id),
             0);
  }
}

static void paid(struct order *order, const struct sure__end *end) {
  struct payment *payment = order->payment;
  bool is_known = bank_told_end(payment, end);
  if (end->outcome == SURE_NOT_APPLIED && !end->recorded) {
    history_exclude(&bank_history, order->call);
  }
  if (end->outcome == SURE_OUTCOME_UNKNOWN) {
    doubt(order, end->id);
  }
  if (order->is_last_word && !is_known) {
    event_at(sim.now_ms + 100, &order->errand.node->process, insist, order->errand.node,
             payment->number);
  }
}

static void settled(struct order *order, const struct sure__end *end) {
  bool is_answered = end->recorded || end->code == SURE_OK || end->code == SURE_FAILED_PRECONDITION;
  if (is_answered) {
    (void)bank_told_end(order->payment, end);
  } else if (!sim.is_healed && chance_permille(sim.plan.release_permille)) {
    order_release(order, order->id);
  } else {
    event_at(sim.now_ms + chance_below(1000), &order->errand.node->process, settle, order, 0);
  }
}

static void order_ended(struct errand *errand, const struct sure__client_call *done) {
  struct order *order = (struct order *)errand;
  switch (order->kind) {
  case ORDER_PAY:
    paid(order, &done->end);
    break;
  case ORDER_SETTLE:
    settled(order, &done->end);
    break;
  case ORDER_READ:
    bank_told_reading(order, &done->end);
    break;
  }
}

/* ---- after the faults ---- */

static void heal(void *thing, uint64_t number) {
  for (uint64_t i = 1; i <= payment_count(); i++) {
    struct payment *payment = payment_of(i);
    if (!payment->is_abandoned && !payment->is_insisted_on && bank_told_nothing_certain(payment)) {
      struct client_node *node = &clients[i % sim.plan.client_count];
      payment->is_insisted_on = true;
      event_at(sim.now_ms + chance_below(HEAL_EVERY_MS), &node->process, insist, node, i);
    }
  }
  event_at(sim.now_ms + HEAL_EVERY_MS, NULL, heal, thing, number);
}

void bank_app_heal(void) {
  heal(NULL, 0);
}

void bank_app_look(struct client_node *node) {
  struct process *before = process_enter(&node->process);
  for (unsigned i = ACCOUNT_FIRST_CUSTOMER; i < bank_history.account_count; i++) {
    look_at(node, HISTORY_BALANCE, i);
    list(node, i);
  }
  look_at(node, HISTORY_COUNT, 0);
  process_enter(before);
}

void bank_app_check_end(struct sure_store *store) {
  for (uint64_t i = 1; i <= payment_count(); i++) {
    const struct payment *payment = payment_of(i);
    if (!payment->is_abandoned && bank_told_nothing_certain(payment)) {
      sim_fail("stuck: the end of payment %s is not known after all was healed", payment->id);
    }
  }
  bank_told_check_end(store);
}

void bank_app_clear(void) {
  history_clear(&bank_history);
  payments_clear();
  abandoned_count = 0;
}
