#include "tests/sim/errand.h"

#include <stdlib.h>

#include "rpc/core/client_state.h"
#include "rpc/net/clock.h"
#include "tests/sim/bank.h"

static struct errand *errands;
static uint64_t call_count;

void *errand_new(size_t size, struct client_node *node, errand_ended_fn *ended) {
  struct errand *errand = calloc(1, size);
  if (errand == NULL) {
    abort();
  }
  *errand =
      (struct errand){.next = errands, .node = node, .life = node->process.life, .ended = ended};
  errands = errand;
  return errand;
}

uint32_t errand_timeout_ms(void) {
  switch (chance_below(4)) {
  case 0:
    return (uint32_t)chance_between(1, 60);
  case 1:
    return (uint32_t)chance_between(1, 1000);
  default:
    return (uint32_t)chance_between(1, sim.plan.timeout_ms_max);
  }
}

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

struct sure__client_call *errand_call(struct errand *errand) {
  struct sure__client_call *call = sure__client_call_new(errand->node->engine);
  if (call == NULL) {
    abort();
  }
  return call;
}

/* In some seeds, some of the calls that may be. */
static void perhaps_hedge(struct sure__client_call *call) {
  bool may_be = call->method->semantics != SURE_AT_MOST_ONCE && call->stream == NULL;
  if (may_be && sim.plan.hedge_permille > 0 && chance_permille(sim.plan.hedge_permille)) {
    call->hedging.attempts_max = (uint32_t)chance_between(2, 4);
    call->hedging.delay_ms = (uint32_t)chance_below(sim.plan.hedge_delay_ms + 1);
    call->hedging.non_fatal_codes = call->retry.retryable_codes;
  }
}

struct sure__refusal errand_make(struct errand *errand, struct sure__client_call *call,
                                 bool is_settle) {
  struct client_node *node = errand->node;
  uint32_t timeout_ms = call->timeout_ms;
  call->retry = call->method->retry;
  call->waiter = errand;
  if (!is_settle) {
    perhaps_hedge(call);
  }
  struct sure__refusal refusal = is_settle
                                     ? sure__client_settle(node->engine, call, sure__clock_ms())
                                     : sure__client_start(node->engine, call, sure__clock_ms());
  bool is_refused = refusal.text != NULL;
  sim_trace("client %u %s %s (time-out %u)%s%s", node->number, is_settle ? "settles" : "calls for",
            errand->about, timeout_ms, is_refused ? ": refused: " : "",
            is_refused ? refusal.text : "");
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
    sim_trace("client %u cancels %s", errand->node->number, errand->about);
    sure__client_cancel(errand->node->engine, errand->handle, sure__clock_ms());
    client_finish(errand->node);
  }
}

void errand_perhaps_cancel(struct errand *errand, uint32_t timeout_ms) {
  if (!sim.is_healed && chance_permille(sim.plan.cancel_permille)) {
    event_at(sim.now_ms + chance_below(timeout_ms), &errand->node->process, cancel, errand, 0);
  }
}

struct answer errand_answer(const struct errand *errand, const struct sure__client_call *done) {
  const struct sure__end *end = &done->end;
  struct answer answer = {
      .code = end->code,
      .outcome = end->outcome,
      .reason = end->reason,
      .is_recorded = end->recorded,
      .is_settled = end->settled,
      .attempts = end->attempts,
      .reply_hash = bank_hash(end->reply),
      .stamp = end->stamp,
  };
  if (end->id.epoch != 0) {
    const struct known_session *known = &errand->node->sessions[end->id.epoch];
    answer.origin = (struct origin){known->id, end->id.sequence};
    answer.store = known->store;
  }
  return answer;
}

void errand_completed(struct client_node *node, const struct sure__client_call *done) {
  struct errand *errand = done->waiter;
  const struct sure__end *end = &done->end;
  sim_trace("client %u: %s ends %s, %s, %s, attempts %u%s%s (%.*s)", node->number, errand->about,
            sure_code_name(end->code), sure_outcome_name(end->outcome),
            sure_reason_name(end->reason), end->attempts, end->replayed ? ", replayed" : "",
            end->settled ? ", settled" : "", (int)end->text.len, (const char *)end->text.data);
  if (!errand->is_open) {
    sim_fail("a call of client %u ended twice", node->number);
    return;
  }
  errand->is_open = false;
  sim.coverage[COVER_HEDGED] += done->hedging.attempts_max > 1 && end->attempts > 1;
  errand->ended(errand, done);
}

void errands_crash(struct client_node *node) {
  for (struct errand *errand = errands; errand != NULL; errand = errand->next) {
    if (errand->node == node && errand->life == node->process.life) {
      errand->is_open = false;
    }
  }
}

void errands_check_end(void) {
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

uint64_t errand_call_count(void) {
  return call_count;
}

void errands_clear(void) {
  while (errands != NULL) {
    struct errand *errand = errands;
    errands = errand->next;
    free(errand);
  }
}
