/* Whether a failed attempt is followed by another, and when (protocol 5; gRPC's proposal A6). */
#include "rpc/core/client_state.h"
#include "rpc/core/mutant.h"
#include "rpc/core/retry.h"

/* It would be as large the next time (S17). */
static bool is_size_related(const struct sure__answer *answer) {
  return answer->reason == SURE_REASON_REPLY_TOO_LARGE || answer->reason == SURE_REASON_REPLY_LOST;
}

/* The server says that it has not looked at the attempt, and not when to come again. */
static bool is_untouched(const struct sure__answer *answer) {
  return answer->not_run && answer->retry_after_ms == 0 &&
         (answer->reason == SURE_REASON_DRAINING || answer->reason == SURE_REASON_TOO_MANY_CALLS);
}

/* An invitation counts, whatever the policy lists; so does the end of an attempt's own time. */
static bool is_retryable(const struct sure__client_call *call, const struct sure__answer *answer) {
  bool is_invited = answer->not_run && answer->retry_after_ms != 0;
  bool is_listed = (call->retry.retryable_codes & SURE_CODE_BIT((unsigned)answer->code)) != 0;
  return (is_listed || is_invited || answer->timed_out) && !is_size_related(answer);
}

static bool may_try_again(struct sure__client *client, const struct sure__client_call *call,
                          const struct sure__answer *answer, uint64_t now_ms) {
  const struct sure_retry_policy *policy = &call->retry;
  if (!is_retryable(call, answer) || answer->retry_after_ms == SURE__RETRY_AFTER_NEVER_MS ||
      (policy->attempts_max != 0 && call->sent - call->free_count >= policy->attempts_max)) {
    return false;
  }
  /* What holds back the retries after a lost connection is the pause before the next one. */
  bool costs = answer->answered || answer->timed_out;
  return !costs || sure__retry_budget_spend(&client->budget, now_ms);
}

/* The server's word takes the place of the policy's pause, which then begins anew. */
static uint64_t pause_ms(struct sure__client *client, struct sure__client_call *call,
                         const struct sure__answer *answer) {
  if (answer->retry_after_ms != 0) {
    call->pause_count = 0;
    return answer->retry_after_ms;
  }
  return sure__retry_delay_ms(&call->retry, ++call->pause_count, &client->random);
}

void sure__client_retry(struct sure__client *client, struct sure__client_call *call,
                        const struct sure__answer *answer, uint64_t now_ms) {
  if (call->method->semantics == SURE_AT_MOST_ONCE && !SURE__MUTANT(AT_MOST_ONCE_RETRIED)) {
    sure__client_give_up(client, call, answer, now_ms);
    return;
  }
  if (is_untouched(answer) && call->free_count == 0) {
    call->free_count = 1; /* at once, for nothing, and only once */
    sure__client_enqueue(client, call);
    return;
  }
  if (!may_try_again(client, call, answer, now_ms)) {
    sure__client_give_up(client, call, answer, now_ms);
    return;
  }
  uint64_t at_ms = now_ms + pause_ms(client, call, answer);
  if (at_ms >= call->deadline_ms && !SURE__MUTANT(RETRY_AFTER_DEADLINE)) {
    sure__client_give_up(client, call, answer, now_ms); /* it would pass first (protocol 5.2) */
    return;
  }
  call->phase = SURE__CALL_BACKOFF;
  sure__timers_set(&client->timers, &call->timer, at_ms);
}
