/* One element of methodConfig (gRPC's proposals A2 and A6). */
#include "rpc/client/service_config_parts.h"

/* A code that no failed attempt has, for an empty set of codes: all zeros mean the default. */
#define NO_FAILURE SURE_CODE_BIT(SURE_OK)

enum { MULTIPLIER_PERMILLE_MIN = 1000, MULTIPLIER_PERMILLE_MAX = 1000 * 1000, ATTEMPTS_MIN = 2 };

static bool read_attempts(const struct sure__json *policy, uint32_t *out) {
  struct sure__json attempts = sure__json_member(policy, "maxAttempts");
  return sure__json_require(&attempts) &&
         sure__json_read_uint(&attempts, ATTEMPTS_MIN, UINT32_MAX, out);
}

static bool read_backoff(const struct sure__json *policy, struct sure_retry_policy *out) {
  struct sure__json initial = sure__json_member(policy, "initialBackoff");
  struct sure__json max = sure__json_member(policy, "maxBackoff");
  struct sure__json multiplier = sure__json_member(policy, "backoffMultiplier");
  if (!sure__json_require(&initial) || !sure__json_read_ms(&initial, 1, &out->backoff_ms_initial) ||
      !sure__json_require(&max) || !sure__json_read_ms(&max, 1, &out->backoff_ms_max) ||
      !sure__json_require(&multiplier) ||
      !sure__json_read_permille(&multiplier, MULTIPLIER_PERMILLE_MIN, MULTIPLIER_PERMILLE_MAX,
                                &out->backoff_multiplier_permille)) {
    return false;
  }
  return out->backoff_ms_initial <= out->backoff_ms_max ||
         sure__json_fail(&initial, "must not be over maxBackoff");
}

/* An attempt that takes too long is tried again whatever the codes are, so there need be none. */
static bool read_retryable(const struct sure__json *policy, struct sure__method_config *entry) {
  struct sure__json timeout = sure__json_member(policy, "perAttemptRecvTimeout");
  struct sure__json codes = sure__json_member(policy, "retryableStatusCodes");
  if (!sure__json_read_ms(&timeout, 1, &entry->attempt_timeout_ms) ||
      !sure__json_read_codes(&codes, &entry->retry.retryable_codes)) {
    return false;
  }
  if (entry->retry.retryable_codes == 0) {
    entry->retry.retryable_codes = NO_FAILURE;
    return entry->attempt_timeout_ms != 0 ||
           sure__json_fail(&codes, "must name at least one status code");
  }
  return true;
}

static bool read_retry(const struct sure__json *policy, struct sure__method_config *entry) {
  static const char *const fields[] = {
      "maxAttempts",          "initialBackoff",        "maxBackoff", "backoffMultiplier",
      "retryableStatusCodes", "perAttemptRecvTimeout", NULL};
  if (policy->value == NULL) {
    return true;
  }
  entry->has_retry = true;
  return sure__json_check_object(policy, fields) &&
         read_attempts(policy, &entry->retry.attempts_max) && read_backoff(policy, &entry->retry) &&
         read_retryable(policy, entry);
}

static bool read_hedging(const struct sure__json *policy, struct sure__method_config *entry) {
  static const char *const fields[] = {"maxAttempts", "hedgingDelay", "nonFatalStatusCodes", NULL};
  struct sure_hedging_policy *hedging = &entry->hedging;
  if (policy->value == NULL) {
    return true;
  }
  if (entry->has_retry) {
    return sure__json_fail(policy, "excludes retryPolicy: remove one of them");
  }
  struct sure__json delay = sure__json_member(policy, "hedgingDelay");
  struct sure__json codes = sure__json_member(policy, "nonFatalStatusCodes");
  return sure__json_check_object(policy, fields) && read_attempts(policy, &hedging->attempts_max) &&
         sure__json_read_ms(&delay, 0, &hedging->delay_ms) &&
         sure__json_read_codes(&codes, &hedging->non_fatal_codes);
}

static bool read_waiting(const struct sure__json *at, struct sure__method_config *entry) {
  bool waits = false;
  if (!sure__json_read_bool(at, &waits)) {
    return false;
  }
  if (at->value != NULL) {
    entry->waiting = waits ? SURE__WAITING_FOR_READY : SURE__WAITING_FOR_NOTHING;
  }
  return true;
}

bool sure__method_config_read(const struct sure__json *element,
                              struct sure__method_config *out_entry) {
  static const char *const fields[] = {"name",
                                       "timeout",
                                       "waitForReady",
                                       "maxRequestMessageBytes",
                                       "maxResponseMessageBytes",
                                       "retryPolicy",
                                       "hedgingPolicy",
                                       NULL};
  if (!sure__json_check_object(element, fields)) {
    return false;
  }
  struct sure__json timeout = sure__json_member(element, "timeout");
  struct sure__json waiting = sure__json_member(element, "waitForReady");
  struct sure__json request = sure__json_member(element, "maxRequestMessageBytes");
  struct sure__json reply = sure__json_member(element, "maxResponseMessageBytes");
  struct sure__json retry = sure__json_member(element, "retryPolicy");
  struct sure__json hedging = sure__json_member(element, "hedgingPolicy");
  return sure__json_read_ms(&timeout, 1, &out_entry->timeout_ms) &&
         read_waiting(&waiting, out_entry) &&
         sure__json_read_uint(&request, 0, UINT32_MAX, &out_entry->request_len_max) &&
         sure__json_read_uint(&reply, 0, UINT32_MAX, &out_entry->reply_len_max) &&
         read_retry(&retry, out_entry) && read_hedging(&hedging, out_entry);
}
