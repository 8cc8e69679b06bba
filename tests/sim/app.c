#include <stdlib.h>
#include <string.h>

#include "rpc/core/client_state.h"
#include "rpc/net/clock.h"
#include "tests/sim/bank.h"
#include "tests/sim/client.h"
#include "tests/sim/store.h"

enum { PROBES_MAX = 3 };

enum errand_kind { ERRAND_CALL, ERRAND_COUNT, ERRAND_SETTLE, ERRAND_SETTLE_KEY };

/* One call of the client's interface. */
struct errand {
  struct errand *next;
  enum errand_kind kind;
  struct client_node *node;
  uint32_t life; /* of the client */
  struct deed *deed;
  struct sure_call_id id; /* ERRAND_SETTLE: of what */
  uint64_t handle;
  bool is_open;
  unsigned probe_number; /* from 1; 0: it is none */
  unsigned tries;
  uint64_t count_before; /* ERRAND_COUNT: effects when it began */
};

static struct errand *errands;
static uint64_t call_count;

static struct errand *errand_new(struct client_node *node, enum errand_kind kind,
                                 struct deed *deed) {
  struct errand *errand = calloc(1, sizeof *errand);
  if (errand == NULL) {
    abort();
  }
  *errand = (struct errand){
      .next = errands, .kind = kind, .node = node, .life = node->process.life, .deed = deed};
  errands = errand;
  return errand;
}

static unsigned long long number_of(const struct errand *errand) {
  return errand->deed == NULL ? 0 : errand->deed->number;
}

static uint32_t some_timeout_ms(void) {
  switch (chance_below(4)) {
  case 0:
    return (uint32_t)chance_between(1, 60);
  case 1:
    return (uint32_t)chance_between(1, 1000);
  default:
    return (uint32_t)chance_between(1, sim.plan.timeout_ms_max);
  }
}

/* ---- making calls ---- */

static void still_open(void *thing, uint64_t try_number) {
  struct errand *errand = thing;
  if (errand->is_open && errand->tries == try_number) {
    sim_fail("hangs: a call of client %u is open after its deadline", errand->node->number);
  }
}

/* After a pause, timers that were due meanwhile get their turn first. */
static void deadline_passed(void *thing, uint64_t try_number) {
  event_at(sim.now_ms + 5, sim.current, still_open, thing, try_number);
}

static void fill_in(struct sure__client_call *call, const struct errand *errand) {
  const struct deed *deed = errand->deed;
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
  if (errand->kind == ERRAND_CALL) {
    struct sure_bytes request = bank_request(deed);
    if (!sure__arena_copy(&call->arena, request, &call->request)) {
      abort();
    }
    free((void *)(uintptr_t)request.data);
  }
}

/* Refused by the engine: nothing happened. */
static struct sure__refusal make(struct errand *errand, uint32_t timeout_ms) {
  struct client_node *node = errand->node;
  struct sure__client_call *call = sure__client_call_new(node->engine);
  if (call == NULL) {
    abort();
  }
  fill_in(call, errand);
  call->timeout_ms = timeout_ms;
  call->retry = call->method->retry;
  call->waiter = errand;
  call->settle_id = errand->id;
  bool is_settle = errand->kind == ERRAND_SETTLE || errand->kind == ERRAND_SETTLE_KEY;
  struct sure__refusal refusal = is_settle
                                     ? sure__client_settle(node->engine, call, sure__clock_ms())
                                     : sure__client_start(node->engine, call, sure__clock_ms());
  bool is_refused = refusal.text != NULL;
  sim_trace("client %u %s deed %llu (time-out %u)%s%s", node->number,
            is_settle ? "settles" : "calls for", number_of(errand), timeout_ms,
            is_refused ? ": refused: " : "", is_refused ? refusal.text : "");
  if (is_refused) {
    sure__client_recycle(node->engine, call);
    return refusal;
  }
  call_count++;
  errand->tries++;
  errand->handle = call->handle;
  errand->is_open = true;
  event_at(sim.now_ms + timeout_ms, &node->process, deadline_passed, errand, errand->tries);
  client_finish(node);
  return refusal;
}

static void cancel(void *thing, uint64_t number) {
  struct errand *errand = thing;
  (void)number;
  if (errand->is_open) {
    sim_trace("client %u cancels deed %llu", errand->node->number, number_of(errand));
    sure__client_cancel(errand->node->engine, errand->handle, sure__clock_ms());
    client_finish(errand->node);
  }
}

static void begin(struct errand *errand) {
  uint32_t timeout_ms = some_timeout_ms();
  bool is_refused = make(errand, timeout_ms).text != NULL;
  if (!is_refused && !sim.is_healed && chance_permille(sim.plan.cancel_permille)) {
    event_at(sim.now_ms + chance_below(timeout_ms), &errand->node->process, cancel, errand, 0);
  }
}

static struct deed *some_payment(void) {
  size_t seen = 0;
  struct deed *deed = NULL;
  for (struct errand *errand = errands; errand != NULL && seen < 8; errand = errand->next) {
    if (errand->deed != NULL && errand->deed->is_keyed && chance_below(++seen) == 0) {
      deed = errand->deed;
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
  struct errand *errand = errand_new(node, ERRAND_COUNT, NULL);
  errand->count_before = model_effect_count();
  begin(errand);
}

static void call(struct client_node *node, struct deed *deed) {
  begin(errand_new(node, ERRAND_CALL, deed));
}

/* A payment that some client began, by another client or again by the same. */
static void pay_again(struct client_node *node) {
  struct deed *deed = some_payment();
  if (deed != NULL && !deed->is_contested && chance_below(8) == 0) {
    begin(errand_new(node, ERRAND_SETTLE_KEY, deed));
  } else if (deed != NULL) {
    call(node, deed);
  }
}

static void act(struct client_node *node) {
  uint64_t choice = chance_below(100);
  if (choice < 50) {
    call(node, new_deed("Charge"));
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
  if (sim.is_healed || model_deed(sim.plan.deeds_max) != NULL) {
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

void app_crash(struct client_node *node) {
  for (struct errand *errand = errands; errand != NULL; errand = errand->next) {
    if (errand->node == node && errand->life == node->process.life) {
      errand->is_open = false;
    }
  }
}

void app_probe(struct client_node *node, unsigned number) {
  struct process *before = process_enter(&node->process);
  struct errand *errand = errand_new(node, ERRAND_CALL, new_deed("Charge"));
  errand->deed->padding_len = 0;
  errand->deed->reply_len = 0;
  errand->probe_number = number;
  if (make(errand, 10000).text != NULL) {
    sim_fail("stuck: client %u takes no calls after all was healed", node->number);
  }
  process_enter(before);
}

/* ---- how they end ---- */

static void settle(void *thing, uint64_t number) {
  struct errand *errand = thing;
  (void)number;
  uint32_t timeout_ms = sim.is_healed ? 5000 : some_timeout_ms();
  struct sure__refusal refusal = make(errand, timeout_ms);
  if (refusal.text == NULL) {
    return;
  }
  if (refusal.code == SURE_FAILED_PRECONDITION) {
    const struct sure__client_session *session = errand->node->engine->session;
    if (session != NULL && session->epoch == errand->id.epoch) {
      sim_fail("client %u can't settle a call of its present session: %s", errand->node->number,
               refusal.text);
    }
    return; /* the session is gone meanwhile, and the call with it */
  }
  if (refusal.code != SURE_RESOURCE_EXHAUSTED || sim.is_healed) {
    sim_fail("client %u can't settle: %s", errand->node->number, refusal.text);
  }
  event_at(sim.now_ms + chance_below(1000), &errand->node->process, settle, errand, 0);
}

static void settle_later(struct client_node *node, struct deed *deed, struct sure_call_id id) {
  struct errand *errand = errand_new(node, ERRAND_SETTLE, deed);
  errand->id = id;
  event_at(sim.now_ms + chance_below(2000), &node->process, settle, errand, 0);
}

static void call_later(void *thing, uint64_t deed_number) {
  if (!sim.is_healed) {
    call(thing, model_deed(deed_number));
  }
}

static void react(const struct errand *errand, const struct sure__client_call *done) {
  struct client_node *node = errand->node;
  struct deed *deed = errand->deed;
  bool can_settle = done->end.outcome == SURE_OUTCOME_UNKNOWN && done->end.id.epoch != 0;
  if (deed != NULL && deed->method->semantics == SURE_EXACTLY_ONCE && can_settle) {
    if (deed->is_keyed && chance_below(2) == 0) {
      event_at(sim.now_ms + chance_below(1000), &node->process, call_later, node, deed->number);
    }
    settle_later(node, deed, done->end.id);
  }
}

static void settled(struct errand *errand, const struct sure__client_call *done) {
  const struct sure__end *end = &done->end;
  bool is_final = end->recorded || end->code == SURE_OK || end->code == SURE_FAILED_PRECONDITION;
  if (errand->kind == ERRAND_SETTLE && !is_final) {
    if (!sim.is_healed && chance_permille(sim.plan.release_permille)) {
      sim_trace("client %u releases deed %llu", errand->node->number, number_of(errand));
      sure__client_release(errand->node->engine, errand->id, sure__clock_ms());
      return;
    }
    event_at(sim.now_ms + chance_below(1000), &errand->node->process, settle, errand, 0);
  }
}

static void check_count(const struct errand *errand, const struct sure__end *end) {
  if (end->code != SURE_OK) {
    return;
  }
  uint64_t effects = bank_counted(end->reply);
  if (effects < errand->count_before || effects > model_effect_count()) {
    sim_fail("a read saw %llu effects, when there were %llu to %llu", (unsigned long long)effects,
             (unsigned long long)errand->count_before, (unsigned long long)model_effect_count());
  }
}

static struct answer answer_of(const struct errand *errand, const struct sure__client_call *done) {
  const struct sure__end *end = &done->end;
  struct client_node *node = errand->node;
  struct answer answer = {
      .code = end->code,
      .outcome = end->outcome,
      .reason = end->reason,
      .is_recorded = end->recorded,
      .is_settled = end->settled || errand->kind != ERRAND_CALL,
      .is_key_only = errand->kind == ERRAND_SETTLE_KEY,
      .attempts = end->attempts,
      .reply_hash = bank_hash(end->reply),
  };
  if (end->id.epoch != 0) {
    const struct known_session *known = &node->sessions[end->id.epoch];
    answer.origin = (struct origin){known->id, end->id.sequence};
    answer.store = known->store;
  } else if (answer.is_key_only) {
    answer.store = node->store;
  }
  return answer;
}

static void probe_again(void *thing, uint64_t number) {
  app_probe(thing, (unsigned)number);
}

/* A session may have been lost before, by a jump of the clock that leases are counted in, or
 * because the endpoint serves another store: the first call finds that out. */
static void probed(const struct errand *errand, const struct sure__end *end) {
  struct client_node *node = errand->node;
  bool may_repeat = errand->probe_number < PROBES_MAX;
  if (end->code == SURE_OK || end->recorded) {
    return;
  }
  if (may_repeat &&
      (end->reason == SURE_REASON_SESSION_LOST || end->reason == SURE_REASON_WRONG_STORE)) {
    event_at(sim.now_ms + 100, &node->process, probe_again, node, errand->probe_number + 1);
    return;
  }
  sim_fail("stuck: a call of client %u ends %s after all was healed", node->number,
           sure_code_name(end->code));
}

void app_completed(struct client_node *node, const struct sure__client_call *done) {
  struct errand *errand = done->waiter;
  const struct sure__end *end = &done->end;
  sim_trace("client %u: deed %llu ends %s, %s, %s, attempts %u%s%s (%.*s)", node->number,
            number_of(errand), sure_code_name(end->code), sure_outcome_name(end->outcome),
            sure_reason_name(end->reason), end->attempts, end->replayed ? ", replayed" : "",
            end->settled ? ", settled" : "", (int)end->text.len, (const char *)end->text.data);
  if (!errand->is_open) {
    sim_fail("a call of client %u ended twice", node->number);
    return;
  }
  errand->is_open = false;
  if (errand->probe_number > 0) {
    probed(errand, end);
  }
  if (errand->deed == NULL) {
    check_count(errand, end);
    return;
  }
  struct answer answer = answer_of(errand, done);
  if (!answer.is_key_only || !errand->deed->is_contested) {
    model_check_answer(errand->deed, &answer); /* else it may be about the other one */
  }
  if (errand->kind == ERRAND_CALL) {
    react(errand, done);
  } else {
    settled(errand, done);
  }
}

void app_check_end(void) {
  for (struct errand *errand = errands; errand != NULL; errand = errand->next) {
    if (errand->is_open) {
      sim_fail("hangs: a call of client %u is open at the end", errand->node->number);
    }
  }
  for (unsigned i = 0; i < sim.plan.client_count; i++) {
    if (clients[i].engine->unresolved_count > 0) {
      sim_fail("client %u has unresolved calls at the end", i);
    }
  }
}

uint64_t app_call_count(void) {
  return call_count;
}

void app_clear(void) {
  while (errands != NULL) {
    struct errand *errand = errands;
    errands = errand->next;
    free(errand);
  }
}
