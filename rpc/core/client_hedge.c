/* Hedging: further attempts while others are under way; the first answer that counts ends the call
 * (gRPC's proposal A6). It is safe here for EXACTLY_ONCE methods, as all attempts have one call id;
 * calls of AT_MOST_ONCE methods do not get here.
 *
 * Each goes over a connection of its own: a second one on the same connection would only join the
 * first (S24). So a channel with one endpoint does not hedge. */
#include "rpc/core/client_state.h"

/* Before looking again for a connection on which no attempt of the call is under way. */
enum { LOOK_AGAIN_MS = 10 };

bool sure__client_is_hedged(const struct sure__client_call *call) {
  return call->hedging.attempts_max > 1;
}

static bool may_hedge(const struct sure__client_call *call) {
  return call->sent < call->hedging.attempts_max && !call->is_pushed_back;
}

static void send_another(struct sure__client *client, struct sure__client_call *call,
                         uint64_t now_ms) {
  if (!sure__client_may_begin(client, call)) {
    call->hedge_at_ms = SURE__TIME_NEVER; /* until it may */
    return;
  }
  struct sure__link *link = sure__client_pick(client, call, now_ms);
  uint64_t pause_ms = call->hedging.delay_ms;
  if (link == NULL || call->request.len > link->message_len_max) {
    pause_ms = pause_ms < LOOK_AGAIN_MS ? LOOK_AGAIN_MS : pause_ms;
  } else if (!sure__retry_budget_spend(&client->budget, now_ms) ||
             !sure__client_send_attempt(client, call, link, now_ms)) {
    call->hedge_at_ms = SURE__TIME_NEVER; /* what is under way has to do */
    return;
  }
  call->hedge_at_ms = may_hedge(call) ? now_ms + pause_ms : SURE__TIME_NEVER;
}

void sure__client_hedge_due(struct sure__client *client, struct sure__client_call *call,
                            uint64_t now_ms) {
  do {
    send_another(client, call, now_ms);
  } while (call->hedge_at_ms <= now_ms); /* without a delay all go at once */
}

static bool is_fatal(const struct sure__client_call *call, const struct sure__answer *answer) {
  bool is_listed = (call->hedging.non_fatal_codes & SURE_CODE_BIT((unsigned)answer->code)) != 0;
  bool is_lost = !answer->answered || answer->not_run; /* says nothing of the call itself */
  return !is_listed && !is_lost;
}

/* Pushback: a time to wait holds for the next attempt, "never" for all that would follow. */
static void heed(struct sure__client_call *call, const struct sure__answer *answer,
                 uint64_t now_ms) {
  if (answer->retry_after_ms == SURE__RETRY_AFTER_NEVER_MS) {
    call->is_pushed_back = true;
    call->hedge_at_ms = SURE__TIME_NEVER;
  } else if (may_hedge(call)) {
    call->hedge_at_ms = now_ms + answer->retry_after_ms;
  }
}

void sure__client_hedge_failed(struct sure__client *client, struct sure__client_call *call,
                               const struct sure__answer *answer, uint64_t now_ms) {
  if (is_fatal(call, answer)) {
    sure__client_give_up(client, call, answer, now_ms);
    return;
  }
  heed(call, answer, now_ms);
  if (!sure__list_is_empty(&call->attempts)) {
    if (call->hedge_at_ms <= now_ms) {
      sure__client_hedge_due(client, call, now_ms);
    }
    sure__client_arm_call(client, call);
    return;
  }
  uint64_t at_ms = call->hedge_at_ms;
  bool may_go_on = may_hedge(call) && at_ms < call->deadline_ms;
  bool costs = answer->answered || answer->timed_out;
  if (!may_go_on || (costs && !sure__retry_budget_spend(&client->budget, now_ms))) {
    sure__client_give_up(client, call, answer, now_ms);
    return;
  }
  call->phase = SURE__CALL_BACKOFF;
  sure__timers_set(&client->timers, &call->timer, at_ms > now_ms ? at_ms : now_ms);
}
