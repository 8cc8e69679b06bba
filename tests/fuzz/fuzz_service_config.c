/* Fuzzes the reader of service configs: what it takes keeps to the bounds of docs/options.md, and
 * what it refuses is told in one line. */
#include <stdlib.h>
#include <string.h>
#include <sure/channel.h>

#include "rpc/client/service_config.h"
#include "rpc/core/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { METHOD_COUNT = 3, UNKNOWN_METHOD = 9, ERROR_LEN = 200 };

static const struct sure_method methods[METHOD_COUNT] = {
    {.full_name = "s.S/A", .id = 1},
    {.full_name = "s.S/B", .id = 2, .semantics = SURE_AT_MOST_ONCE},
    {.full_name = "s.T/A", .id = 3, .semantics = SURE_NO_SIDE_EFFECTS},
};
static const struct sure_service first = {
    .abi = SURE_ABI, .full_name = "s.S", .methods = methods, .method_count = 2};
static const struct sure_service second = {
    .abi = SURE_ABI, .full_name = "s.T", .methods = &methods[2], .method_count = 1};
static const struct sure_service *const services[] = {&first, &second};

static void check_entry(const struct sure__method_config *entry) {
  const struct sure_retry_policy *retry = &entry->retry;
  sure__assert(entry->timeout_ms <= SURE_CALL_TIMEOUT_MS_MAX && "7 days");
  sure__assert(entry->attempt_timeout_ms <= SURE_CALL_TIMEOUT_MS_MAX && "7 days");
  sure__assert(entry->hedging.delay_ms <= SURE_CALL_TIMEOUT_MS_MAX && "7 days");
  sure__assert(entry->hedging.attempts_max != 1 && "one attempt is no hedging");
  sure__assert(!(entry->has_retry && entry->hedging.attempts_max != 0) &&
               "they exclude each other");
  if (entry->has_retry) {
    sure__assert(retry->attempts_max >= 2 && "one attempt is no retry");
    sure__assert(retry->backoff_ms_initial >= 1 && "there is a pause");
    sure__assert(retry->backoff_ms_initial <= retry->backoff_ms_max && "the first is the shortest");
    sure__assert(retry->backoff_ms_max <= SURE_CALL_TIMEOUT_MS_MAX && "7 days");
    sure__assert(retry->backoff_multiplier_permille >= 1000 && "pauses do not shrink");
    sure__assert(retry->retryable_codes != 0 && "zero would mean the default");
  }
}

static void check_channel(const struct sure_service_config *config) {
  const struct sure_retry_throttling *throttling = &config->retry_throttling;
  const struct sure_outlier_detection *outliers = &config->outlier_detection;
  sure__assert(config->balancing <= SURE_LEAST_OUTSTANDING && "it is one of three");
  sure__assert(throttling->max_tokens <= 1000 && "as a channel's own");
  sure__assert(throttling->token_ratio_permille <= 1000000 && "as a channel's own");
  sure__assert((throttling->max_tokens != 0) == (throttling->token_ratio_permille != 0) &&
               "both are required");
  sure__assert(outliers->max_ejection_percent <= 100 && "as a channel's own");
  sure__assert(outliers->failure_percent <= 100 && "as a channel's own");
}

static void check_error(const char *error) {
  size_t len = strnlen(error, ERROR_LEN);
  sure__assert(len > 0 && len < ERROR_LEN && "there is a text, and it ends");
  for (size_t i = 0; i < len; i++) {
    sure__assert((unsigned char)error[i] >= 0x20 && "it is one line");
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char error[ERROR_LEN];
  struct sure_service_config *config = NULL;
  enum sure_code code = sure_service_config_parse((const char *)data, size, services, 2, &config,
                                                  error, sizeof error);
  if (code != SURE_OK) {
    sure__assert(code == SURE_INVALID_ARGUMENT && "nothing else is wrong");
    check_error(error);
    return 0;
  }
  for (size_t i = 0; i < METHOD_COUNT; i++) {
    const struct sure__method_config *entry = sure__service_config_find(config, methods[i].id);
    check_entry(entry);
    sure__assert(
        (methods[i].semantics != SURE_AT_MOST_ONCE || !sure__method_config_repeats(entry)) &&
        "it is never sent again");
  }
  check_entry(sure__service_config_find(config, UNKNOWN_METHOD));
  check_channel(config);
  sure_service_config_free(config);
  return 0;
}
