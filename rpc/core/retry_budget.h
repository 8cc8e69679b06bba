/* How many retries a channel may make (sure/policy.h): clients that try again while a server is in
 * trouble must not be what keeps it there.
 *
 * The budget counts calls and retries by the second, for the last ten seconds. */
#ifndef SURE_CORE_RETRY_BUDGET_H
#define SURE_CORE_RETRY_BUDGET_H

#include <sure/policy.h>

enum { SURE__RETRY_BUDGET_SECONDS = 10 };

struct sure__retry_budget {
  struct sure_retry_budget limits;
  struct sure_retry_throttling throttling;
  uint32_t tokens_milli;                      /* throttling: what is in the bucket */
  uint64_t second;                            /* the last one that was counted in */
  uint32_t calls[SURE__RETRY_BUDGET_SECONDS]; /* by second, modulo */
  uint32_t retries[SURE__RETRY_BUDGET_SECONDS];
};

/* Zeros are replaced by the defaults. */
void sure__retry_budget_init(struct sure__retry_budget *budget,
                             const struct sure_retry_budget *limits,
                             const struct sure_retry_throttling *throttling);
/* A call begins. */
void sure__retry_budget_count_call(struct sure__retry_budget *budget, uint64_t now_ms);
/* An attempt was answered with SURE_OK. */
void sure__retry_budget_count_success(struct sure__retry_budget *budget);
/* An attempt failed in a way that could be retried: whether it may be. If so, the retry is counted.
 */
bool sure__retry_budget_spend(struct sure__retry_budget *budget, uint64_t now_ms);

#endif
