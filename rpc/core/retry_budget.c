#include "rpc/core/retry_budget.h"

enum { PERCENT = 10, FLOOR_PER_S = 10, TOKEN_RATIO_PERMILLE = 100, TOKEN_MILLI = 1000 };

void sure__retry_budget_init(struct sure__retry_budget *budget,
                             const struct sure_retry_budget *limits,
                             const struct sure_retry_throttling *throttling) {
  *budget = (struct sure__retry_budget){.limits = *limits, .throttling = *throttling};
  if (budget->limits.percent == 0) {
    budget->limits.percent = PERCENT;
  }
  if (budget->limits.floor_per_s == 0) {
    budget->limits.floor_per_s = FLOOR_PER_S;
  }
  if (budget->throttling.token_ratio_permille == 0) {
    budget->throttling.token_ratio_permille = TOKEN_RATIO_PERMILLE;
  }
  budget->tokens_milli = throttling->max_tokens * TOKEN_MILLI;
}

/* Empties the seconds that have begun since the last look. */
static void turn_to(struct sure__retry_budget *budget, uint64_t now_ms) {
  uint64_t second = now_ms / 1000;
  uint64_t begun = second > budget->second ? second - budget->second : 0;
  if (begun > SURE__RETRY_BUDGET_SECONDS) {
    begun = SURE__RETRY_BUDGET_SECONDS;
  }
  for (uint64_t i = 0; i < begun; i++) {
    size_t place = (size_t)((second - i) % SURE__RETRY_BUDGET_SECONDS);
    budget->calls[place] = 0;
    budget->retries[place] = 0;
  }
  if (begun > 0) {
    budget->second = second;
  }
}

static uint64_t sum(const uint32_t *seconds) {
  uint64_t total = 0;
  for (size_t i = 0; i < SURE__RETRY_BUDGET_SECONDS; i++) {
    total += seconds[i];
  }
  return total;
}

void sure__retry_budget_count_call(struct sure__retry_budget *budget, uint64_t now_ms) {
  turn_to(budget, now_ms);
  budget->calls[budget->second % SURE__RETRY_BUDGET_SECONDS]++;
}

void sure__retry_budget_count_success(struct sure__retry_budget *budget) {
  uint32_t max_milli = budget->throttling.max_tokens * TOKEN_MILLI;
  uint32_t ratio_milli = budget->throttling.token_ratio_permille;
  uint32_t room_milli = max_milli - budget->tokens_milli;
  budget->tokens_milli += ratio_milli < room_milli ? ratio_milli : room_milli;
}

/* A failure is counted whether a retry follows or not. */
static bool take_token(struct sure__retry_budget *budget) {
  uint32_t taken_milli = budget->tokens_milli < TOKEN_MILLI ? budget->tokens_milli : TOKEN_MILLI;
  budget->tokens_milli -= taken_milli;
  return budget->tokens_milli > budget->throttling.max_tokens * TOKEN_MILLI / 2;
}

static bool fits_budget(const struct sure__retry_budget *budget) {
  uint64_t floor = (uint64_t)budget->limits.floor_per_s * SURE__RETRY_BUDGET_SECONDS;
  uint64_t share = sum(budget->calls) * budget->limits.percent / 100;
  return sum(budget->retries) < floor + share;
}

bool sure__retry_budget_spend(struct sure__retry_budget *budget, uint64_t now_ms) {
  if (budget->throttling.max_tokens != 0) {
    return take_token(budget);
  }
  if (budget->limits.is_unlimited) {
    return true;
  }
  turn_to(budget, now_ms);
  bool fits = fits_budget(budget);
  budget->retries[budget->second % SURE__RETRY_BUDGET_SECONDS] += fits;
  return fits;
}
