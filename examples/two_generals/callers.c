#include "callers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sure/sure.h>

#include "two_generals.sure.h"

/* Many calls at once, over few connections: a fault to one call then hits its neighbours too. */
#define CHANNEL_COUNT 8
#define CALLER_COUNT  32
/* After so many calls that were surely not applied, a customer goes home. */
#define CALLS_MAX 100
/* Settling is asked for again until the server answers; this bounds it if that never happens. */
#define SETTLES_MAX 100

typedef enum sure_code charge_fn(struct sure_channel *channel, const Generals__Charge *request,
                                 const struct sure_call_options *options,
                                 Generals__Receipt **out_reply, struct sure_status *status);

struct shared {
  const struct trial *trial;
  charge_fn *charge;
  enum word *words;
  atomic_uint_fast32_t next_intent;
};

struct caller {
  struct shared *shared;
  struct sure_channel *channel;
  struct sure_status *status;
  pthread_t thread;
  struct tally tally;
};

static charge_fn *charge_of(enum retry_kind kind) {
  switch (kind) {
  case RETRY_AT_LEAST_ONCE:
    return generals__till_client__charge_at_least_once;
  case RETRY_AT_MOST_ONCE:
    return generals__till_client__charge_at_most_once;
  case RETRY_EXACTLY_ONCE:
    return generals__till_client__charge_exactly_once;
  }
  return NULL;
}

static enum word word_of(const struct sure_status *status) {
  switch (sure_status_outcome(status)) {
  case SURE_APPLIED:
    return WORD_APPLIED;
  case SURE_NOT_APPLIED:
    return WORD_NOT_APPLIED;
  case SURE_OUTCOME_UNKNOWN:
    return WORD_UNKNOWN;
  }
  return WORD_UNKNOWN;
}

static void free_receipt(Generals__Receipt *receipt) {
  if (receipt != NULL) {
    generals__receipt__free_unpacked(receipt, NULL);
  }
}

/* Ask what became of the call that has just ended UNKNOWN, until there is an answer. */
static enum word settle(struct caller *caller) {
  struct sure_settle what = {.call = sure_status_call_id(caller->status)};
  for (int i = 0; i < SETTLES_MAX; i++) {
    Generals__Receipt *receipt = NULL;
    enum sure_code code = generals__till_client__charge_exactly_once__settle(
        caller->channel, &what, NULL, &receipt, caller->status);
    free_receipt(receipt);
    enum word word = word_of(caller->status);
    bool not_yet = code == SURE_UNAVAILABLE || code == SURE_DEADLINE_EXCEEDED;
    if (word != WORD_UNKNOWN || !not_yet) {
      return word;
    }
  }
  return WORD_UNKNOWN;
}

static enum word call(struct caller *caller, uint32_t intent) {
  Generals__Charge charge = GENERALS__CHARGE__INIT;
  charge.intent = intent;
  charge.amount = 500;
  Generals__Receipt *receipt = NULL;
  (void)caller->shared->charge(caller->channel, &charge, NULL, &receipt, caller->status);
  free_receipt(receipt);
  caller->tally.calls++;
  caller->tally.attempts += sure_status_attempts(caller->status);
  enum word word = word_of(caller->status);
  if (word == WORD_UNKNOWN && caller->shared->trial->kind == RETRY_EXACTLY_ONCE) {
    word = settle(caller);
  }
  caller->tally.settled += sure_status_settled(caller->status);
  caller->tally.replayed += sure_status_replayed(caller->status);
  return word;
}

/* A call that was surely not applied may be made again, whatever the kind of retry. */
static void *run_caller(void *user) {
  struct caller *caller = user;
  struct shared *shared = caller->shared;
  for (;;) {
    uint32_t intent = (uint32_t)atomic_fetch_add(&shared->next_intent, 1);
    if (intent >= shared->trial->intents) {
      return NULL;
    }
    enum word word = WORD_NOT_APPLIED;
    for (int i = 0; word == WORD_NOT_APPLIED && i < CALLS_MAX; i++) {
      word = call(caller, intent);
    }
    shared->words[intent] = word;
  }
}

static bool open_channels(const char *url, struct sure_channel *channels[CHANNEL_COUNT]) {
  struct sure_channel_options options = {.target = url,
                                         .accept_timeout_ms = 80,
                                         .connect_timeout_ms = 100,
                                         .reconnect_ms_initial = 2,
                                         .reconnect_ms_max = 20};
  for (int i = 0; i < CHANNEL_COUNT; i++) {
    if (sure_channel_open(&options, &channels[i]) != SURE_OK) {
      return false;
    }
  }
  return true;
}

static bool start_caller(struct caller *caller) {
  caller->status = sure_status_new();
  return caller->status != NULL && pthread_create(&caller->thread, NULL, run_caller, caller) == 0;
}

static void end_caller(struct caller *caller, struct tally *tally) {
  pthread_join(caller->thread, NULL);
  tally->calls += caller->tally.calls;
  tally->attempts += caller->tally.attempts;
  tally->settled += caller->tally.settled;
  tally->replayed += caller->tally.replayed;
}

static bool run_callers(struct shared *shared, struct sure_channel *channels[CHANNEL_COUNT],
                        struct tally *tally) {
  struct caller callers[CALLER_COUNT] = {0};
  int started = 0;
  for (; started < CALLER_COUNT; started++) {
    callers[started].shared = shared;
    callers[started].channel = channels[started % CHANNEL_COUNT];
    if (!start_caller(&callers[started])) {
      break;
    }
  }
  for (int i = 0; i < started; i++) {
    end_caller(&callers[i], tally);
  }
  for (int i = 0; i < CALLER_COUNT; i++) {
    sure_status_free(callers[i].status);
  }
  return started == CALLER_COUNT;
}

bool callers_run(const struct trial *trial, const char *url, enum word *words,
                 struct tally *tally) {
  struct shared shared = {.trial = trial, .charge = charge_of(trial->kind), .words = words};
  struct sure_channel *channels[CHANNEL_COUNT] = {0};
  bool done = open_channels(url, channels) && run_callers(&shared, channels, tally);
  for (int i = 0; i < CHANNEL_COUNT; i++) {
    sure_channel_free(channels[i], 200);
  }
  return done;
}
