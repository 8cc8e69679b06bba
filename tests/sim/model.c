#include "tests/sim/model.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

enum { STAGED_MAX = 512 };

/* "This call is not applied, and never will be." */
struct promise {
  struct deed *deed;
  struct origin origin;
};

struct staged {
  const void *owner;
  struct deed *deed;
  struct effect effect;
};

static struct deed **deeds;
static size_t deed_count;
static struct promise *promises;
static size_t promise_count;
static struct staged staged[STAGED_MAX];
static size_t staged_count;
static const void *staging; /* what a run that is going on belongs to; NULL: there is none */
static uint64_t effect_count;
static uint64_t last_store; /* that an effect was in, and its stamp */
static uint64_t last_stamp;

static void *grow(void *array, size_t count, size_t size) {
  if ((count & (count - 1)) != 0) {
    return array;
  }
  void *grown = realloc(array, (count == 0 ? 1 : 2 * count) * size);
  if (grown == NULL) {
    abort();
  }
  return grown;
}

struct deed *model_new_deed(const struct sure_method *method) {
  struct deed *deed = calloc(1, sizeof *deed);
  deeds = grow(deeds, deed_count, sizeof(struct deed *));
  if (deed == NULL) {
    abort();
  }
  deeds[deed_count++] = deed;
  deed->number = deed_count;
  deed->method = method;
  return deed;
}

struct deed *model_deed(uint64_t number) {
  return number == 0 || number > deed_count ? NULL : deeds[number - 1];
}

uint64_t model_effect_count(void) {
  return effect_count;
}

static bool same_origin(const struct origin *a, const struct origin *b) {
  return a->sequence == b->sequence && memcmp(&a->session, &b->session, sizeof a->session) == 0;
}

/* ---- effects ---- */

static bool may_repeat(const struct deed *deed) {
  return deed->method->semantics == SURE_AT_LEAST_ONCE;
}

static void check_effect(const struct deed *deed, const struct effect *effect) {
  unsigned long long number = deed->number;
  if (!may_repeat(deed) && deed->effect_count > 0) {
    bool is_elsewhere = deed->is_keyed && deed->effects[0].store != effect->store;
    if (!is_elsewhere) {
      sim_fail("doubled: deed %llu (%s) took effect again", number, deed->method->full_name);
    }
  }
  if (deed->never_in_store != 0 && deed->never_in_store == effect->store) {
    sim_fail("deed %llu took effect after it was said that it never will", number);
  }
}

/* Within a store, effects have stamps in their order, whatever happens to clocks and servers; so
 * have effects of which one was known to those who wanted the other, as long as no clock is so far
 * ahead that it is not believed (S25). */
static void check_stamp(const struct deed *deed, const struct effect *effect) {
  if (deed->method->semantics != SURE_EXACTLY_ONCE || deed->method->external_effects) {
    return; /* what is outside of the store has its order elsewhere */
  }
  if (effect->store == last_store && effect->stamp <= last_stamp) {
    sim_fail("the clock went back: deed %llu has a stamp below that of the effect before it",
             (unsigned long long)deed->number);
  }
  last_store = effect->store;
  last_stamp = effect->stamp;
  bool are_believed = sim.plan.skew_every_ms == 0 || 2 * sim.plan.skew_ms < CLOCK_DRIFT_MS_MAX;
  if (are_believed && !deed->is_keyed && effect->stamp <= deed->after) {
    sim_fail("deed %llu has a stamp below that of an effect that came before it",
             (unsigned long long)deed->number);
  }
}

static void take_effect(struct deed *deed, const struct effect *effect) {
  check_effect(deed, effect);
  check_stamp(deed, effect);
  if (deed->effect_count < EFFECTS_KEPT) {
    deed->effects[deed->effect_count] = *effect;
  } else if (deed->is_keyed) {
    sim_fail("deed %llu took effect in more stores than the model has room for",
             (unsigned long long)deed->number);
  }
  deed->effect_count++;
  effect_count += !deed->method->external_effects;
  sim_trace("deed %llu takes effect", (unsigned long long)deed->number);
}

static void drop_staged(const void *owner) {
  size_t kept = 0;
  for (size_t i = 0; i < staged_count; i++) {
    if (staged[i].owner != owner) {
      staged[kept++] = staged[i];
    }
  }
  staged_count = kept;
}

void model_apply(struct deed *deed, const struct effect *effect) {
  if (staging == NULL) {
    take_effect(deed, effect);
  } else if (staged_count < STAGED_MAX) {
    staged[staged_count++] = (struct staged){staging, deed, *effect};
  } else {
    sim_fail("more effects in one transaction than the model has room for");
  }
}

void model_begin(const void *owner) {
  drop_staged(owner);
  staging = owner;
}

void model_end(void) {
  staging = NULL;
}

void model_decide(const void *owner, bool is_committed) {
  for (size_t i = 0; i < staged_count; i++) {
    if (staged[i].owner == owner && is_committed) {
      take_effect(staged[i].deed, &staged[i].effect);
    }
  }
  drop_staged(owner);
}

void model_judge(uint64_t (*count)(void *user, uint64_t deed), void *user) {
  for (size_t i = 0; i < staged_count; i++) {
    struct deed *deed = staged[i].deed;
    if (count(user, deed->number) > deed->effect_count) {
      take_effect(deed, &staged[i].effect);
    }
  }
  staged_count = 0;
}

/* ---- answers ---- */

static const struct effect *find_effect(const struct deed *deed, const struct answer *answer) {
  unsigned kept = deed->effect_count < EFFECTS_KEPT ? deed->effect_count : EFFECTS_KEPT;
  for (unsigned i = 0; i < kept; i++) {
    const struct effect *effect = &deed->effects[i];
    if (answer->store == 0 || effect->store == answer->store || !deed->is_keyed) {
      return effect;
    }
  }
  return NULL;
}

static void check_ok(const struct deed *deed, const struct answer *answer) {
  unsigned long long number = deed->number;
  const struct effect *effect = find_effect(deed, answer);
  if (effect == NULL) {
    sim_fail("lost: deed %llu was reported OK and is not there", number);
  } else if (!may_repeat(deed) && effect->reply_hash != answer->reply_hash) {
    sim_fail("deed %llu was answered with another reply than its run gave", number);
  }
  if (effect != NULL && !may_repeat(deed) && !deed->method->external_effects &&
      answer->stamp < effect->stamp) {
    sim_fail("deed %llu was answered with a stamp below that of its effect", number);
  }
  if (answer->outcome != SURE_APPLIED) {
    sim_fail("deed %llu is OK and its outcome is %s", number, sure_outcome_name(answer->outcome));
  }
}

uint64_t model_effect_stamp(const struct deed *deed, const struct answer *answer) {
  /* Whichever run was answered, of several; or one that was resolved by somebody who can't know. */
  bool is_unsure = may_repeat(deed) || deed->method->external_effects;
  const struct effect *effect = is_unsure ? NULL : find_effect(deed, answer);
  return effect == NULL ? 0 : effect->stamp;
}

static void promise(struct deed *deed, const struct answer *answer) {
  promises = grow(promises, promise_count, sizeof(struct promise));
  promises[promise_count++] = (struct promise){deed, answer->origin};
}

static void check_promise(const struct promise *promise) {
  const struct deed *deed = promise->deed;
  unsigned kept = deed->effect_count < EFFECTS_KEPT ? deed->effect_count : EFFECTS_KEPT;
  for (unsigned i = 0; i < kept; i++) {
    if (!deed->is_keyed || same_origin(&deed->effects[i].origin, &promise->origin)) {
      sim_fail("deed %llu was reported NOT_APPLIED and is there", (unsigned long long)deed->number);
    }
  }
}

static void check_not_applied(struct deed *deed, const struct answer *answer) {
  struct promise given = {deed, answer->origin};
  if (!answer->is_key_only) {
    check_promise(&given);
    promise(deed, answer);
  }
  bool is_final = answer->is_recorded && (!deed->is_keyed || answer->store != 0);
  if (is_final && find_effect(deed, answer) != NULL) {
    sim_fail("deed %llu was refused for good and is there", (unsigned long long)deed->number);
  }
  if (is_final) {
    deed->never_in_store = answer->store;
  }
}

static void check_unknown(const struct deed *deed, const struct answer *answer) {
  if (answer->attempts == 0 && !answer->is_settled && answer->reason != SURE_REASON_CHANNEL) {
    sim_fail("deed %llu is UNKNOWN though nothing was sent", (unsigned long long)deed->number);
  }
}

static void check_consistency(struct deed *deed, const struct answer *answer) {
  unsigned long long number = deed->number;
  if (deed->method->semantics != SURE_EXACTLY_ONCE || deed->is_keyed || !answer->is_recorded) {
    return;
  }
  bool is_ok = answer->outcome == SURE_APPLIED;
  if ((is_ok && deed->is_refused) || (!is_ok && deed->is_done)) {
    sim_fail("the final answer about deed %llu changed to %s", number,
             sure_code_name(answer->code));
  }
  deed->is_done = deed->is_done || is_ok;
  deed->is_refused = deed->is_refused || !is_ok;
}

void model_check_answer(struct deed *deed, const struct answer *answer) {
  if (answer->reason == SURE_REASON_SEQUENCE_REUSED ||
      (answer->reason == SURE_REASON_STALE && !answer->is_settled)) {
    sim_fail("deed %llu: a client is told %s though nobody shares its session",
             (unsigned long long)deed->number, sure_reason_name(answer->reason));
  }
  if (answer->code == SURE_OK) {
    check_ok(deed, answer);
  }
  switch (answer->outcome) {
  case SURE_APPLIED:
    if (find_effect(deed, answer) == NULL) {
      sim_fail("lost: deed %llu was reported APPLIED and is not there",
               (unsigned long long)deed->number);
    }
    break;
  case SURE_NOT_APPLIED:
    check_not_applied(deed, answer);
    break;
  case SURE_OUTCOME_UNKNOWN:
    check_unknown(deed, answer);
    break;
  }
  check_consistency(deed, answer);
}

void model_check_end(void) {
  for (size_t i = 0; i < promise_count; i++) {
    check_promise(&promises[i]);
  }
}

void model_clear(void) {
  last_store = 0;
  last_stamp = 0;
  for (size_t i = 0; i < deed_count; i++) {
    free(deeds[i]);
  }
  free(deeds);
  free(promises);
  deeds = NULL;
  promises = NULL;
  deed_count = 0;
  promise_count = 0;
  effect_count = 0;
  staged_count = 0;
  staging = NULL;
}
