#include <stdlib.h>
#include <string.h>

#include "rpc/core/client_state.h"
#include "rpc/net/clock.h"
#include "tests/sim/bank.h"
#include "tests/sim/bank_app.h"
#include "tests/sim/errand.h"
#include "tests/sim/talk.h"

enum { PROBES_MAX = 3, PROBES_IN_CROWD_MAX = 60 };

enum task_kind { TASK_CALL, TASK_COUNT, TASK_SETTLE, TASK_SETTLE_KEY };

/* One call of an application to the simulator's bank. */
struct task {
  struct errand errand;
  struct task *next; /* the newest first */
  enum task_kind kind;
  struct deed *deed;
  struct sure_call_id id; /* TASK_SETTLE: of what */
  unsigned probe_number;  /* from 1; 0: it is none */
  uint64_t count_before;  /* TASK_COUNT: effects when it began */
};

static struct task *tasks;

/* Whoever is told of an effect knows that it comes before all that he does from now on. */
static void learn_of(const struct task *task, const struct answer *answer) {
  uint64_t stamp = answer->code == SURE_OK ? model_effect_stamp(task->deed, answer) : 0;
  if (stamp > task->errand.node->known_stamp) {
    task->errand.node->known_stamp = stamp;
  }
}

static void task_ended(struct errand *errand, const struct sure__client_call *done);

static struct task *task_new(struct client_node *node, enum task_kind kind, struct deed *deed) {
  struct task *task = errand_new(sizeof *task, node, task_ended);
  task->next = tasks;
  task->kind = kind;
  task->deed = deed;
  (void)snprintf(task->errand.about, sizeof task->errand.about, "deed %llu",
                 deed == NULL ? 0 : (unsigned long long)deed->number);
  tasks = task;
  return task;
}

/* ---- making calls ---- */

static void fill_in(struct sure__client_call *call, const struct task *task) {
  const struct deed *deed = task->deed;
  if (deed == NULL) {
    call->method = bank_method("Count");
    return;
  }
  call->method = deed->method;
  if (deed->is_keyed) {
    struct sure_bytes key = {(const uint8_t *)deed->key, strlen(deed->key)};
    if (!sure__arena_copy(&call->arena, key, &call->key)) {
      abort();
    }
  }
  if (task->kind == TASK_CALL) {
    struct sure_bytes request = bank_request(deed);
    if (!sure__arena_copy(&call->arena, request, &call->request)) {
      abort();
    }
    free((void *)(uintptr_t)request.data);
  }
}

/* Refused by the engine: nothing happened. */
static struct sure__refusal make(struct task *task, uint32_t timeout_ms) {
  struct sure__client_call *call = errand_call(&task->errand);
  fill_in(call, task);
  call->timeout_ms = timeout_ms;
  call->settle_id = task->id;
  if (task->kind == TASK_CALL && task->deed != NULL && task->deed->effect_count == 0) {
    task->deed->after = task->errand.node->known_stamp;
  }
  bool is_settle = task->kind == TASK_SETTLE || task->kind == TASK_SETTLE_KEY;
  return errand_make(&task->errand, call, is_settle);
}

static void begin(struct task *task) {
  uint32_t timeout_ms = errand_timeout_ms();
  if (make(task, timeout_ms).text == NULL) {
    errand_perhaps_cancel(&task->errand, timeout_ms);
  }
}

static struct deed *some_payment(void) {
  size_t seen = 0;
  struct deed *deed = NULL;
  for (struct task *task = tasks; task != NULL && seen < 8; task = task->next) {
    if (task->deed != NULL && task->deed->is_keyed && chance_below(++seen) == 0) {
      deed = task->deed;
    }
  }
  return deed;
}

/* Now and then the key of another payment is used again. */
static void contest(struct deed *deed) {
  struct deed *other = chance_below(10) == 0 ? some_payment() : NULL;
  if (other != NULL && other != deed) {
    memcpy(deed->key, other->key, sizeof deed->key);
    deed->is_contested = true;
    other->is_contested = true;
  }
}

static struct deed *new_deed(const char *method) {
  struct deed *deed = model_new_deed(bank_method(method));
  if (chance_permille(sim.plan.large_permille)) {
    deed->padding_len = (uint32_t)chance_below(sim.plan.message_len_max);
  }
  if (chance_permille(sim.plan.large_permille)) {
    deed->reply_len = (uint32_t)chance_below(sim.plan.message_len_max * 5 / 4);
  }
  if (strcmp(method, "Pay") == 0) {
    deed->is_keyed = true;
    (void)snprintf(deed->key, sizeof deed->key, "payment-%llu", (unsigned long long)deed->number);
    contest(deed);
  }
  return deed;
}

static void count(struct client_node *node) {
  struct task *task = task_new(node, TASK_COUNT, NULL);
  task->count_before = model_effect_count();
  begin(task);
}

static void call(struct client_node *node, struct deed *deed) {
  begin(task_new(node, TASK_CALL, deed));
}

/* A payment that some client began, by another client or again by the same. */
static void pay_again(struct client_node *node) {
  struct deed *deed = some_payment();
  if (deed != NULL && !deed->is_contested && chance_below(8) == 0) {
    begin(task_new(node, TASK_SETTLE_KEY, deed));
  } else if (deed != NULL) {
    call(node, deed);
  }
}

/* A memory store that plays a durable one does not know which processes have died. */
static bool wires_are_offered(void) {
  return sim.plan.store_mode == STORE_VOLATILE || sim.plan.store_mode == STORE_SQLITE;
}

static void act(struct client_node *node) {
  if (bank_app_is_wanted() && chance_permille(sim.plan.bank_permille)) {
    bank_app_act(node);
    return;
  }
  if (chance_permille(sim.plan.talk_permille)) {
    talk_act(node);
    return;
  }
  uint64_t choice = chance_below(100);
  if (choice < 40) {
    call(node, new_deed("Charge"));
  } else if (choice < 50) {
    call(node, new_deed(wires_are_offered() ? "Wire" : "Charge"));
  } else if (choice < 65) {
    call(node, new_deed("Pay"));
  } else if (choice < 78) {
    pay_again(node);
  } else if (choice < 84) {
    call(node, new_deed("Order"));
  } else if (choice < 92) {
    count(node);
  } else if (choice < 96) {
    call(node, new_deed("Remind"));
  } else {
    call(node, new_deed("Knock"));
  }
}

static void turn(void *thing, uint64_t number) {
  struct client_node *node = thing;
  (void)number;
  if (sim.is_healed || model_deed(sim.plan.deeds_max) != NULL ||
      bank_app_count() >= sim.plan.deeds_max) {
    return;
  }
  uint64_t burst = chance_below(20) == 0 ? chance_below(30) : 1;
  for (uint64_t i = 0; i < burst; i++) {
    act(node);
  }
  event_at(sim.now_ms + chance_below(2 * sim.plan.call_every_ms), &node->process, turn, node, 0);
}

void app_start(struct client_node *node) {
  event_at(sim.now_ms + chance_below(sim.plan.call_every_ms), &node->process, turn, node, 0);
}

void app_probe(struct client_node *node, unsigned number) {
  struct process *before = process_enter(&node->process);
  struct task *task = task_new(node, TASK_CALL, new_deed("Charge"));
  task->deed->padding_len = 0;
  task->deed->reply_len = 0;
  task->probe_number = number;
  if (make(task, 10000).text != NULL) {
    sim_fail("stuck: client %u takes no calls after all was healed", node->number);
  }
  process_enter(before);
}

/* ---- how they end ---- */

static void settle(void *thing, uint64_t number) {
  struct task *task = thing;
  (void)number;
  uint32_t timeout_ms = sim.is_healed ? 5000 : errand_timeout_ms();
  struct sure__refusal refusal = make(task, timeout_ms);
  if (refusal.text == NULL) {
    return;
  }
  if (refusal.code == SURE_FAILED_PRECONDITION) {
    const struct sure__client_session *session = task->errand.node->engine->session;
    if (session != NULL && session->epoch == task->id.epoch) {
      sim_fail("client %u can't settle a call of its present session: %s",
               task->errand.node->number, refusal.text);
    }
    return; /* the session is gone meanwhile, and the call with it */
  }
  if (refusal.code != SURE_RESOURCE_EXHAUSTED || sim.is_healed) {
    sim_fail("client %u can't settle: %s", task->errand.node->number, refusal.text);
  }
  event_at(sim.now_ms + chance_below(1000), &task->errand.node->process, settle, task, 0);
}

void app_settle_later(struct client_node *node, struct deed *deed, struct sure_call_id id) {
  struct task *task = task_new(node, TASK_SETTLE, deed);
  task->id = id;
  event_at(sim.now_ms + chance_below(2000), &node->process, settle, task, 0);
}

static void call_later(void *thing, uint64_t deed_number) {
  if (!sim.is_healed) {
    call(thing, model_deed(deed_number));
  }
}

static void react(const struct task *task, const struct sure__client_call *done) {
  struct client_node *node = task->errand.node;
  struct deed *deed = task->deed;
  bool can_settle = done->end.outcome == SURE_OUTCOME_UNKNOWN && done->end.id.epoch != 0;
  if (deed != NULL && deed->method->semantics == SURE_EXACTLY_ONCE && can_settle) {
    if (deed->is_keyed && chance_below(2) == 0) {
      event_at(sim.now_ms + chance_below(1000), &node->process, call_later, node, deed->number);
    }
    app_settle_later(node, deed, done->end.id);
  }
}

static void settled(struct task *task, const struct sure__client_call *done) {
  const struct sure__end *end = &done->end;
  bool is_final = end->recorded || end->code == SURE_OK || end->code == SURE_FAILED_PRECONDITION;
  if (task->kind == TASK_SETTLE && !is_final) {
    if (!sim.is_healed && chance_permille(sim.plan.release_permille)) {
      sim_trace("client %u releases %s", task->errand.node->number, task->errand.about);
      sure__client_release(task->errand.node->engine, task->id, sure__clock_ms());
      return;
    }
    event_at(sim.now_ms + chance_below(1000), &task->errand.node->process, settle, task, 0);
  }
}

static void check_count(const struct task *task, const struct sure__end *end) {
  if (end->code != SURE_OK) {
    return;
  }
  uint64_t effects = bank_counted(end->reply);
  if (effects < task->count_before || effects > model_effect_count()) {
    sim_fail("a read saw %llu effects, when there were %llu to %llu", (unsigned long long)effects,
             (unsigned long long)task->count_before, (unsigned long long)model_effect_count());
  }
}

static struct answer answer_of(const struct task *task, const struct sure__client_call *done) {
  struct answer answer = errand_answer(&task->errand, done);
  answer.is_settled = answer.is_settled || task->kind != TASK_CALL;
  answer.is_key_only = task->kind == TASK_SETTLE_KEY;
  if (answer.is_key_only && done->end.id.epoch == 0) {
    answer.store = task->errand.node->store;
  }
  return answer;
}

static void probe_again(void *thing, uint64_t number) {
  app_probe(thing, (unsigned)number);
}

/* A session may have been lost before, by a jump of the clock that leases are counted in, or
 * because the endpoint serves another store; others may be in the way. */
static unsigned tries_max(enum sure_reason reason) {
  switch (reason) {
  case SURE_REASON_SESSION_LOST:
  case SURE_REASON_WRONG_STORE:
  case SURE_REASON_STREAM_LOST:
    return PROBES_MAX;
  case SURE_REASON_OVERLOADED:
    return PROBES_IN_CROWD_MAX;
  default:
    return 0;
  }
}

void app_probe_ended(struct client_node *node, const struct sure__end *end, unsigned number,
                     event_fn *again) {
  if (end->code == SURE_OK || end->recorded) {
    return;
  }
  if (number < tries_max(end->reason)) {
    event_at(sim.now_ms + 100, &node->process, again, node, number + 1);
    return;
  }
  sim_fail("stuck: a call of client %u ends %s after all was healed", node->number,
           sure_code_name(end->code));
}

static void task_ended(struct errand *errand, const struct sure__client_call *done) {
  struct task *task = (struct task *)errand;
  if (task->probe_number > 0) {
    app_probe_ended(errand->node, &done->end, task->probe_number, probe_again);
  }
  if (task->deed == NULL) {
    check_count(task, &done->end);
    return;
  }
  if (done->end.code == SURE_OK) {
    bank_check_reply(done->end.reply);
  }
  struct answer answer = answer_of(task, done);
  if (!answer.is_key_only || !task->deed->is_contested) {
    model_check_answer(task->deed, &answer); /* else it may be about the other one */
    learn_of(task, &answer);
  }
  if (task->kind == TASK_CALL) {
    react(task, done);
  } else {
    settled(task, done);
  }
}

void app_clear(void) {
  tasks = NULL;
}
