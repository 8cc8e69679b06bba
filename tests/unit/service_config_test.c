/* Service configs: every field with its forms and bounds, which entry is about which method, and
 * what each mistake is told. */
#include "rpc/client/service_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <sure/channel.h>

#include "rpc/client/service_config_duration.h"
#include "rpc/core/memory.h"
#include "tests/lib/failing_allocator.h"

enum { CHARGE = 11, READ = 12, NOTIFY = 13, AUDIT = 21, ELSEWHERE = 99 };

static const struct sure_method bank_methods[] = {
    {.full_name = "bank.v1.Bank/Charge", .id = CHARGE},
    {.full_name = "bank.v1.Bank/Read", .id = READ, .semantics = SURE_NO_SIDE_EFFECTS},
    {.full_name = "bank.v1.Bank/Notify", .id = NOTIFY, .semantics = SURE_AT_MOST_ONCE},
};
static const struct sure_method auditor_methods[] = {
    {.full_name = "bank.v1.Auditor/Audit", .id = AUDIT},
};
static const struct sure_service bank = {
    .abi = SURE_ABI, .full_name = "bank.v1.Bank", .methods = bank_methods, .method_count = 3};
static const struct sure_service auditor = {
    .abi = SURE_ABI, .full_name = "bank.v1.Auditor", .methods = auditor_methods, .method_count = 1};
static const struct sure_service *const services[] = {&bank, &auditor};

static char error[512];

static enum sure_code parse(const char *json, struct sure_service_config **out_config) {
  return sure_service_config_parse(json, strlen(json), services, 2, out_config, error,
                                   sizeof error);
}

static struct sure_service_config *parse_right(const char *json) {
  struct sure_service_config *config = NULL;
  if (parse(json, &config) != SURE_OK) {
    print_error("%s\n%s\n", json, error);
    fail();
  }
  return config;
}

static void assert_wrong(const char *json, const char *said) {
  struct sure_service_config *untouched = (struct sure_service_config *)&bank;
  struct sure_service_config *config = untouched;
  memset(error, 'x', sizeof error);
  enum sure_code code = parse(json, &config);
  if (code != SURE_INVALID_ARGUMENT || strcmp(error, said) != 0) {
    print_error("%s\nis  %d %.500s\nnot %d %s\n", json, code, error, SURE_INVALID_ARGUMENT, said);
    fail();
  }
  assert_ptr_equal(config, untouched);
}

/* An entry about Charge with `fields` in it, and what comes of it. */
static struct sure__method_config charge_with(const char *fields) {
  char json[1024];
  snprintf(json, sizeof json,
           "{\"methodConfig\": [{\"name\": [{\"service\": \"bank.v1.Bank\", \"method\": "
           "\"Charge\"}], %s}]}",
           fields);
  struct sure_service_config *config = parse_right(json);
  struct sure__method_config entry = *sure__service_config_find(config, CHARGE);
  assert_ptr_equal(sure__service_config_find(config, READ), sure__service_config_find(NULL, READ));
  sure_service_config_free(config);
  return entry;
}

/* A config whose channel part is `fields`. */
static struct sure_service_config channel_with(const char *fields) {
  char json[1024];
  snprintf(json, sizeof json, "{%s}", fields);
  struct sure_service_config *config = parse_right(json);
  struct sure_service_config copy = *config;
  sure_service_config_free(config);
  return copy;
}

static struct sure_service_config balanced_by(const char *policy) {
  char json[1024];
  snprintf(json, sizeof json, "\"loadBalancingConfig\": [%s]", policy);
  struct sure_service_config config = channel_with(json);
  assert_true(config.has_balancing);
  return config;
}

/* ---- what is not said ---- */

static void assert_says_nothing(const struct sure__method_config *entry) {
  struct sure__method_config nothing = {.request_len_max = SURE__LEN_UNSAID,
                                        .reply_len_max = SURE__LEN_UNSAID};
  assert_memory_equal(entry, &nothing, sizeof nothing);
}

static void config_that_says_nothing_changes_nothing(void **state) {
  (void)state;
  static const char *const texts[] = {"{}", " \n{ \"methodConfig\": [] }\n"};
  for (size_t i = 0; i < 2; i++) {
    struct sure_service_config *config = parse_right(texts[i]);
    assert_says_nothing(sure__service_config_find(config, CHARGE));
    assert_says_nothing(sure__service_config_find(config, ELSEWHERE));
    assert_false(config->has_balancing || config->has_outlier_detection);
    assert_int_equal(config->retry_throttling.max_tokens, 0);
    assert_null(sure_service_config_free(config));
  }
  assert_says_nothing(sure__service_config_find(NULL, CHARGE));
  assert_null(sure_service_config_free(NULL));
}

static void null_is_the_same_as_not_there(void **state) {
  (void)state;
  struct sure__method_config entry = charge_with(
      "\"timeout\": null, \"waitForReady\": null, \"maxRequestMessageBytes\": null, "
      "\"maxResponseMessageBytes\": null, \"retryPolicy\": null, \"hedgingPolicy\": null");
  assert_says_nothing(&entry);
  struct sure_service_config config =
      channel_with("\"methodConfig\": null, \"loadBalancingConfig\": null, "
                   "\"loadBalancingPolicy\": null, \"retryThrottling\": null");
  assert_false(config.has_balancing);
}

/* ---- methods ---- */

static void time_out_is_a_duration_of_any_precision(void **state) {
  (void)state;
  assert_int_equal(charge_with("\"timeout\": \"2.5s\"").timeout_ms, 2500);
  assert_int_equal(charge_with("\"timeout\": \"0.000000001s\"").timeout_ms, 1);
  assert_int_equal(charge_with("\"timeout\": \"604800s\"").timeout_ms, SURE_CALL_TIMEOUT_MS_MAX);
}

static void waiting_has_three_states(void **state) {
  (void)state;
  assert_int_equal(charge_with("\"waitForReady\": true").waiting, SURE__WAITING_FOR_READY);
  assert_int_equal(charge_with("\"waitForReady\": false").waiting, SURE__WAITING_FOR_NOTHING);
}

static void limit_of_zero_bytes_is_a_limit(void **state) {
  (void)state;
  assert_int_equal(charge_with("\"maxRequestMessageBytes\": 0").request_len_max, 0);
  assert_int_equal(charge_with("\"maxResponseMessageBytes\": 0").reply_len_max, 0);
  struct sure__method_config entry =
      charge_with("\"maxRequestMessageBytes\": 1024, \"maxResponseMessageBytes\": \"4096\"");
  assert_int_equal(entry.request_len_max, 1024);
  assert_int_equal(entry.reply_len_max, 4096);
}

static void whole_numbers_come_in_every_form_of_proto3(void **state) {
  (void)state;
  assert_int_equal(charge_with("\"maxRequestMessageBytes\": 1e3").request_len_max, 1000);
  assert_int_equal(charge_with("\"maxRequestMessageBytes\": 1000.0").request_len_max, 1000);
  assert_int_equal(charge_with("\"maxRequestMessageBytes\": \"1e3\"").request_len_max, 1000);
  assert_int_equal(charge_with("\"maxRequestMessageBytes\": 4294967294").request_len_max,
                   UINT32_MAX - 1);
}

#define RETRY                                                                                      \
  "\"maxAttempts\": 7, \"initialBackoff\": \"0.1s\", \"maxBackoff\": \"1s\", "                     \
  "\"backoffMultiplier\": 1.25"

static void retry_policy_is_taken_as_it_is_written(void **state) {
  (void)state;
  struct sure__method_config entry = charge_with(
      "\"retryPolicy\": {" RETRY ", \"retryableStatusCodes\": [\"unavailable\", 10, \"Aborted\"]}");
  assert_true(entry.has_retry);
  assert_int_equal(entry.retry.attempts_max, 7); /* gRPC would cut it to 5 */
  assert_int_equal(entry.retry.backoff_ms_initial, 100);
  assert_int_equal(entry.retry.backoff_ms_max, 1000);
  assert_int_equal(entry.retry.backoff_multiplier_permille, 1250);
  assert_int_equal(entry.retry.retryable_codes,
                   SURE_CODE_BIT(SURE_UNAVAILABLE) | SURE_CODE_BIT(SURE_ABORTED));
  assert_int_equal(entry.attempt_timeout_ms, 0);
  assert_int_equal(entry.hedging.attempts_max, 0);
}

static void attempts_have_no_upper_bound(void **state) {
  (void)state;
  struct sure__method_config entry = charge_with(
      "\"retryPolicy\": {\"maxAttempts\": 4294967295, \"initialBackoff\": \"1s\", "
      "\"maxBackoff\": \"1s\", \"backoffMultiplier\": 1, \"retryableStatusCodes\": [14]}");
  assert_int_equal(entry.retry.attempts_max, UINT32_MAX);
}

static void codes_may_be_left_out_beside_a_time_out_of_the_attempt(void **state) {
  (void)state;
  struct sure__method_config entry =
      charge_with("\"retryPolicy\": {" RETRY ", \"perAttemptRecvTimeout\": \"0.25s\"}");
  assert_int_equal(entry.attempt_timeout_ms, 250);
  assert_int_equal(entry.retry.retryable_codes, SURE_CODE_BIT(SURE_OK)); /* that is none */
  entry = charge_with("\"retryPolicy\": {" RETRY ", \"perAttemptRecvTimeout\": \"0.25s\", "
                      "\"retryableStatusCodes\": [\"UNAVAILABLE\"]}");
  assert_int_equal(entry.retry.retryable_codes, SURE_CODE_BIT(SURE_UNAVAILABLE));
}

static void decimals_are_rounded_to_three(void **state) {
  (void)state;
  static const struct {
    const char *text;
    uint32_t permille;
  } numbers[] = {{"1", 1000},       {"1.0004", 1000},  {"1.0006", 1001},
                 {"1000", 1000000}, {"\"1.6\"", 1600}, {"16e-1", 1600}};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    char json[256];
    snprintf(json, sizeof json,
             "\"retryPolicy\": {\"maxAttempts\": 2, \"initialBackoff\": \"1s\", \"maxBackoff\": "
             "\"1s\", \"backoffMultiplier\": %s, \"retryableStatusCodes\": [14]}",
             numbers[i].text);
    assert_int_equal(charge_with(json).retry.backoff_multiplier_permille, numbers[i].permille);
  }
}

static void hedging_policy_is_taken_as_it_is_written(void **state) {
  (void)state;
  struct sure__method_config entry =
      charge_with("\"hedgingPolicy\": {\"maxAttempts\": 6, \"hedgingDelay\": \"0.04s\", "
                  "\"nonFatalStatusCodes\": [\"UNAVAILABLE\"]}");
  assert_false(entry.has_retry);
  assert_int_equal(entry.hedging.attempts_max, 6);
  assert_int_equal(entry.hedging.delay_ms, 40);
  assert_int_equal(entry.hedging.non_fatal_codes, SURE_CODE_BIT(SURE_UNAVAILABLE));
  entry = charge_with("\"hedgingPolicy\": {\"maxAttempts\": 2}");
  assert_int_equal(entry.hedging.delay_ms, 0);
  assert_int_equal(entry.hedging.non_fatal_codes, 0);
  entry = charge_with("\"hedgingPolicy\": {\"maxAttempts\": 2, \"hedgingDelay\": \"0s\", "
                      "\"nonFatalStatusCodes\": []}");
  assert_int_equal(entry.hedging.delay_ms, 0);
}

/* ---- names ---- */

static void assert_timeouts(const struct sure_service_config *config, uint32_t charge,
                            uint32_t read, uint32_t audit, uint32_t elsewhere) {
  assert_int_equal(sure__service_config_find(config, CHARGE)->timeout_ms, charge);
  assert_int_equal(sure__service_config_find(config, READ)->timeout_ms, read);
  assert_int_equal(sure__service_config_find(config, AUDIT)->timeout_ms, audit);
  assert_int_equal(sure__service_config_find(config, ELSEWHERE)->timeout_ms, elsewhere);
}

static void most_specific_name_wins_in_any_order(void **state) {
  (void)state;
  static const char *const entries[] = {
      "{\"name\": [{}], \"timeout\": \"1s\"}",
      "{\"name\": [{\"service\": \"bank.v1.Bank\"}], \"timeout\": \"2s\"}",
      "{\"name\": [{\"service\": \"bank.v1.Bank\", \"method\": \"Charge\"}], \"timeout\": \"3s\"}",
  };
  static const int orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0}};
  for (size_t i = 0; i < 3; i++) {
    char json[512];
    snprintf(json, sizeof json, "{\"methodConfig\": [%s, %s, %s]}", entries[orders[i][0]],
             entries[orders[i][1]], entries[orders[i][2]]);
    struct sure_service_config *config = parse_right(json);
    assert_timeouts(config, 3000, 2000, 1000, 1000);
    sure_service_config_free(config);
  }
}

/* It does not add to the less specific one, as in gRPC. */
static void most_specific_entry_counts_alone(void **state) {
  (void)state;
  struct sure_service_config *config =
      parse_right("{\"methodConfig\": [{\"name\": [{}], \"timeout\": \"1s\"}, {\"name\": "
                  "[{\"service\": \"bank.v1.Bank\"}], \"waitForReady\": false}]}");
  assert_timeouts(config, 0, 0, 1000, 1000);
  sure_service_config_free(config);
}

static void entry_may_have_several_names_and_empty_ones_are_no_names(void **state) {
  (void)state;
  struct sure_service_config *config = parse_right(
      "{\"methodConfig\": [{\"name\": [{\"service\": \"bank.v1.Auditor\", \"method\": null}, "
      "{\"service\": \"bank.v1.Bank\", \"method\": \"Read\"}], \"timeout\": \"1s\"}, "
      "{\"name\": [{\"service\": \"\", \"method\": \"\"}], \"timeout\": \"2s\"}]}");
  assert_timeouts(config, 2000, 1000, 1000, 2000);
  sure_service_config_free(config);
}

static void at_most_once_method_with_an_entry_of_its_own_is_no_contradiction(void **state) {
  (void)state;
  struct sure_service_config *config =
      parse_right("{\"methodConfig\": [{\"name\": [{}], \"hedgingPolicy\": {\"maxAttempts\": 2}}, "
                  "{\"name\": [{\"service\": \"bank.v1.Bank\", \"method\": \"Notify\"}]}]}");
  assert_false(sure__method_config_repeats(sure__service_config_find(config, NOTIFY)));
  assert_true(sure__method_config_repeats(sure__service_config_find(config, CHARGE)));
  sure_service_config_free(config);
}

static void service_that_is_given_twice_is_one_service(void **state) {
  (void)state;
  const struct sure_service *const twice[] = {&bank, &auditor, &bank};
  static const char json[] = "{\"methodConfig\": [{\"name\": [{\"service\": \"bank.v1.Bank\", "
                             "\"method\": \"Charge\"}], \"timeout\": \"1s\"}]}";
  struct sure_service_config *config = NULL;
  assert_int_equal(sure_service_config_parse(json, strlen(json), twice, 3, &config, NULL, 0),
                   SURE_OK);
  assert_timeouts(config, 1000, 0, 0, 0);
  sure_service_config_free(config);
}

static void service_of_another_version_is_refused(void **state) {
  (void)state;
  struct sure_service newer = bank;
  newer.abi = SURE_ABI + 1;
  const struct sure_service *const list[] = {&auditor, &newer};
  struct sure_service_config *config = NULL;
  assert_int_equal(sure_service_config_parse("{}", 2, list, 2, &config, error, sizeof error),
                   SURE_FAILED_PRECONDITION);
  assert_string_equal(error, "$: bank.v1.Bank was generated for another version of the library");
}

/* ---- the channel ---- */

static void balancing_has_grpcs_names(void **state) {
  (void)state;
  assert_int_equal(balanced_by("{\"pick_first\": {}}").balancing, SURE_PICK_FIRST);
  assert_int_equal(balanced_by("{\"pick_first\": {\"shuffleAddressList\": false}}").balancing,
                   SURE_PICK_FIRST);
  assert_int_equal(balanced_by("{\"round_robin\": {}}").balancing, SURE_ROUND_ROBIN);
  assert_int_equal(balanced_by("{\"least_request_experimental\": {\"choiceCount\": 2}}").balancing,
                   SURE_LEAST_OUTSTANDING);
  assert_int_equal(balanced_by("{\"least_request\": {}}").balancing, SURE_LEAST_OUTSTANDING);
  assert_false(balanced_by("{\"round_robin\": {}}").has_outlier_detection);
}

static void first_policy_that_is_known_counts(void **state) {
  (void)state;
  assert_int_equal(balanced_by("{\"ring_hash_experimental\": {\"minRingSize\": 7}}, "
                               "{\"round_robin\": {}}, {\"pick_first\": {}}")
                       .balancing,
                   SURE_ROUND_ROBIN);
}

static void older_name_of_the_policy_counts_where_the_newer_is_not_there(void **state) {
  (void)state;
  assert_int_equal(channel_with("\"loadBalancingPolicy\": \"ROUND_ROBIN\"").balancing,
                   SURE_ROUND_ROBIN);
  assert_int_equal(channel_with("\"loadBalancingPolicy\": \"round_robin\", "
                                "\"loadBalancingConfig\": [{\"pick_first\": {}}]")
                       .balancing,
                   SURE_PICK_FIRST);
}

static void outlier_detection_is_around_another_policy(void **state) {
  (void)state;
  struct sure_service_config config = balanced_by(
      "{\"outlier_detection_experimental\": {\"interval\": \"5s\", \"baseEjectionTime\": \"2s\", "
      "\"maxEjectionTime\": \"60s\", \"maxEjectionPercent\": 50, \"failurePercentageEjection\": "
      "{\"threshold\": 30, \"requestVolume\": 20, \"enforcementPercentage\": 100}, "
      "\"childPolicy\": [{\"round_robin\": {}}]}}");
  assert_int_equal(config.balancing, SURE_ROUND_ROBIN);
  assert_true(config.has_outlier_detection);
  assert_int_equal(config.outlier_detection.interval_ms, 5000);
  assert_int_equal(config.outlier_detection.base_ejection_ms, 2000);
  assert_int_equal(config.outlier_detection.max_ejection_ms, 60000);
  assert_int_equal(config.outlier_detection.max_ejection_percent, 50);
  assert_int_equal(config.outlier_detection.failure_percent, 30);
  assert_int_equal(config.outlier_detection.request_volume, 20);
}

static void outlier_detection_has_the_defaults_of_a50(void **state) {
  (void)state;
  struct sure_service_config config =
      balanced_by("{\"outlier_detection_experimental\": {\"baseEjectionTime\": \"400s\", "
                  "\"failurePercentageEjection\": {}, \"childPolicy\": [{\"pick_first\": {}}]}}");
  assert_int_equal(config.outlier_detection.max_ejection_ms, 400000);
  assert_int_equal(config.outlier_detection.failure_percent, 0); /* the channel's 85 */
  config = balanced_by(
      "{\"outlier_detection_experimental\": {\"childPolicy\": [{\"pick_first\": {}}]}}");
  assert_int_equal(config.outlier_detection.max_ejection_ms, 0);
  assert_int_equal(config.outlier_detection.failure_percent, 100); /* no share is more than that */
}

static void throttling_is_taken_as_it_is_written(void **state) {
  (void)state;
  struct sure_service_config config =
      channel_with("\"retryThrottling\": {\"maxTokens\": 1000, \"tokenRatio\": 0.1}");
  assert_int_equal(config.retry_throttling.max_tokens, 1000);
  assert_int_equal(config.retry_throttling.token_ratio_permille, 100);
  config = channel_with("\"retryThrottling\": {\"maxTokens\": 1, \"tokenRatio\": 0.001}");
  assert_int_equal(config.retry_throttling.max_tokens, 1);
  assert_int_equal(config.retry_throttling.token_ratio_permille, 1);
}

/* ---- durations ---- */

static void durations_are_those_of_proto3(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t ms;
  } right[] = {{"0s", 0},
               {"-0s", 0},
               {"1s", 1000},
               {"1.5s", 1500},
               {"1.500000s", 1500},
               {"0.000000001s", 1},
               {"0.001000001s", 2},
               {"-1s", -1},
               {"-0.000000001s", -1},
               {"007s", 7000},
               {"315576000000s", INT64_C(315576000000000)}};
  for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
    int64_t ms = 77;
    assert_true(sure__duration_parse(right[i].text, &ms));
    assert_int_equal(ms, right[i].ms);
  }
  static const char *const wrong[] = {
      "",     "s",      "1",    "1.s", ".5s",  "1 s",   " 1s", "1s ",           "+1s",
      "--1s", "1.2.3s", "1e3s", "1ms", "1,5s", "0x10s", "-s",  "1.1234567891s", "1234567890123s"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    int64_t ms = 77;
    assert_false(sure__duration_parse(wrong[i], &ms));
    assert_int_equal(ms, 77);
  }
}

/* ---- mistakes ---- */

struct mistake {
  const char *json;
  const char *said;
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void each_mistake_in_a_document_is_said_with_its_place(void **state) {
  (void)state;
  static const struct mistake mistakes[] = {
      {"[]", "$: must be an object"},
      {"{\"method_config\": []}", "$.method_config: unknown field; known are methodConfig, "
                                  "loadBalancingConfig, loadBalancingPolicy, retryThrottling"},
      {"{\"healthCheckConfig\": {\"serviceName\": \"\"}}",
       "$.healthCheckConfig: is not supported: remove it"},
      {"{\"methodConfig\": {}}", "$.methodConfig: must be an array"},
      {"{\"methodConfig\": [7]}", "$.methodConfig[0]: must be an object"},
      {"{\"methodConfig\": [null]}", "$.methodConfig[0]: must be an object"},
      {"{\"loadBalancingConfig\": {}}", "$.loadBalancingConfig: must be an array"},
      {"{\"loadBalancingConfig\": []}",
       "$.loadBalancingConfig: needs a policy that is known here: outlier_detection_experimental, "
       "pick_first, round_robin or least_request_experimental"},
      {"{\"loadBalancingConfig\": [{\"grpclb\": {}}]}",
       "$.loadBalancingConfig: needs a policy that is known here: outlier_detection_experimental, "
       "pick_first, round_robin or least_request_experimental"},
      {"{\"loadBalancingConfig\": [\"round_robin\"]}",
       "$.loadBalancingConfig[0]: must be an object with the name of one policy in it"},
      {"{\"loadBalancingConfig\": [{\"round_robin\": {}, \"pick_first\": {}}]}",
       "$.loadBalancingConfig[0]: must be an object with the name of one policy in it"},
      {"{\"loadBalancingConfig\": [{\"round_robin\": {}}, {}]}",
       "$.loadBalancingConfig[1]: must be an object with the name of one policy in it"},
      {"{\"loadBalancingConfig\": [{\"round_robin\": null}]}",
       "$.loadBalancingConfig[0].round_robin: must be an object"},
      {"{\"loadBalancingConfig\": [{\"round_robin\": {\"a\": 1}}]}",
       "$.loadBalancingConfig[0].round_robin.a: unknown field; none is known here"},
      {"{\"loadBalancingConfig\": [{\"pick_first\": {\"shuffleAddressList\": true}}]}",
       "$.loadBalancingConfig[0].pick_first.shuffleAddressList: is not supported: the order is the "
       "target's; remove it"},
      {"{\"loadBalancingConfig\": [{\"least_request\": {\"choiceCount\": 3}}]}",
       "$.loadBalancingConfig[0].least_request.choiceCount: must be at most 2"},
      {"{\"loadBalancingPolicy\": \"grpclb\"}",
       "$.loadBalancingPolicy: must be pick_first, round_robin or least_request_experimental"},
      {"{\"loadBalancingPolicy\": 1}", "$.loadBalancingPolicy: must be a string"},
      {"{\"retryThrottling\": 1}", "$.retryThrottling: must be an object"},
      {"{\"retryThrottling\": {\"tokenRatio\": 0.1}}", "$.retryThrottling.maxTokens: is required"},
      {"{\"retryThrottling\": {\"maxTokens\": 10}}", "$.retryThrottling.tokenRatio: is required"},
      {"{\"retryThrottling\": {\"maxTokens\": 0, \"tokenRatio\": 0.1}}",
       "$.retryThrottling.maxTokens: must be at least 1"},
      {"{\"retryThrottling\": {\"maxTokens\": 1001, \"tokenRatio\": 0.1}}",
       "$.retryThrottling.maxTokens: must be at most 1000"},
      {"{\"retryThrottling\": {\"maxTokens\": 10, \"tokenRatio\": 0.0004}}",
       "$.retryThrottling.tokenRatio: must be a number from 0.001 to 1000"},
      {"{\"retryThrottling\": {\"maxTokens\": 10, \"tokenRatio\": 1000.1}}",
       "$.retryThrottling.tokenRatio: must be a number from 0.001 to 1000"},
      {"{\"retryThrottling\": {\"maxTokens\": 10, \"tokenRatio\": \"NaN\"}}",
       "$.retryThrottling.tokenRatio: must be a number from 0.001 to 1000"},
  };
  for (size_t i = 0; i < COUNT(mistakes); i++) {
    assert_wrong(mistakes[i].json, mistakes[i].said);
  }
}

static void each_mistake_in_outlier_detection_is_said_with_its_place(void **state) {
  (void)state;
#define CHILD "\"childPolicy\": [{\"round_robin\": {}}]"
  static const struct mistake mistakes[] = {
      {"", "childPolicy: is required"},
      {"\"childPolicy\": [{\"outlier_detection_experimental\": {}}]",
       "childPolicy: needs a policy that is known here: pick_first, round_robin or "
       "least_request_experimental"},
      {"\"successRateEjection\": {}, " CHILD,
       "successRateEjection: is not supported: use failurePercentageEjection"},
      {"\"consecutive\": 5, " CHILD,
       "consecutive: unknown field; known are interval, baseEjectionTime, maxEjectionTime, "
       "maxEjectionPercent, failurePercentageEjection, childPolicy"},
      {"\"interval\": \"0s\", " CHILD, "interval: must be more than 0s"},
      {"\"interval\": 10, " CHILD, "interval: must be a duration in seconds, such as \"1.5s\""},
      {"\"baseEjectionTime\": \"604801s\", " CHILD,
       "baseEjectionTime: must be at most 604800s, which is 7 days"},
      {"\"maxEjectionTime\": \"-1s\", " CHILD, "maxEjectionTime: must be more than 0s"},
      {"\"maxEjectionPercent\": 0, " CHILD, "maxEjectionPercent: must be at least 1"},
      {"\"maxEjectionPercent\": 101, " CHILD, "maxEjectionPercent: must be at most 100"},
      {"\"failurePercentageEjection\": {\"threshold\": 0}, " CHILD,
       "failurePercentageEjection.threshold: must be at least 1"},
      {"\"failurePercentageEjection\": {\"threshold\": 101}, " CHILD,
       "failurePercentageEjection.threshold: must be at most 100"},
      {"\"failurePercentageEjection\": {\"requestVolume\": 0}, " CHILD,
       "failurePercentageEjection.requestVolume: must be at least 1"},
      {"\"failurePercentageEjection\": {\"enforcementPercentage\": 99}, " CHILD,
       "failurePercentageEjection.enforcementPercentage: must be at least 100"},
      {"\"failurePercentageEjection\": {\"minimumHosts\": 5}, " CHILD,
       "failurePercentageEjection.minimumHosts: unknown field; known are threshold, requestVolume, "
       "enforcementPercentage"},
  };
  for (size_t i = 0; i < COUNT(mistakes); i++) {
    char json[512];
    char said[512];
    snprintf(json, sizeof json,
             "{\"loadBalancingConfig\": [{\"outlier_detection_experimental\": {%s}}]}",
             mistakes[i].json);
    snprintf(said, sizeof said, "$.loadBalancingConfig[0].outlier_detection_experimental.%s",
             mistakes[i].said);
    assert_wrong(json, said);
  }
}

static void each_mistake_in_a_name_is_said_with_its_place(void **state) {
  (void)state;
  static const struct mistake mistakes[] = {
      {"{}", "[0].name: is required"},
      {"{\"name\": {}}", "[0].name: must be an array"},
      {"{\"name\": []}", "[0].name: must name what the entry is about; {} names all methods"},
      {"{\"name\": [null]}", "[0].name[0]: must be an object"},
      {"{\"name\": [{\"serivce\": \"bank.v1.Bank\"}]}",
       "[0].name[0].serivce: unknown field; known are service, method"},
      {"{\"name\": [{\"service\": 5}]}", "[0].name[0].service: must be a string"},
      {"{\"name\": [{\"method\": \"Charge\"}]}", "[0].name[0].service: is required beside method"},
      {"{\"name\": [{\"service\": \"bank.v1.Bonk\"}]}",
       "[0].name[0].service: there is no service \"bank.v1.Bonk\""},
      {"{\"name\": [{\"service\": \"bank.v1.Bank\", \"method\": \"charge\"}]}",
       "[0].name[0].method: bank.v1.Bank has no method \"charge\""},
      {"{\"name\": [{\"service\": \"bank.v1.Bank/Charge\"}]}",
       "[0].name[0].service: there is no service \"bank.v1.Bank/Charge\""},
      {"{\"name\": [{}, {\"service\": \"\"}]}", "[0].name[1]: all methods have an entry already"},
      {"{\"name\": [{\"service\": \"bank.v1.Bank\"}]}, {\"name\": [{\"service\": "
       "\"bank.v1.Bank\", \"method\": \"\"}]}",
       "[1].name[0]: bank.v1.Bank has an entry already"},
      {"{\"name\": [{\"service\": \"bank.v1.Bank\", \"method\": \"Charge\"}, {\"service\": "
       "\"bank.v1.Bank\", \"method\": \"Charge\"}]}",
       "[0].name[1]: bank.v1.Bank/Charge has an entry already"},
      {"{\"name\": [{\"service\": \"a\\nb\\u007f\"}]}",
       "[0].name[0].service: there is no service \"a?b?\""},
  };
  for (size_t i = 0; i < COUNT(mistakes); i++) {
    char json[512];
    char said[512];
    snprintf(json, sizeof json, "{\"methodConfig\": [%s]}", mistakes[i].json);
    snprintf(said, sizeof said, "$.methodConfig%s", mistakes[i].said);
    assert_wrong(json, said);
  }
}

static void each_mistake_about_a_method_is_said_with_its_place(void **state) {
  (void)state;
#define CODES  "\"retryableStatusCodes\": [14]"
#define POLICY "\"retryPolicy\": {" RETRY ", " CODES "}"
  static const struct mistake mistakes[] = {
      {"\"timeOut\": \"1s\"",
       "timeOut: unknown field; known are name, timeout, waitForReady, maxRequestMessageBytes, "
       "maxResponseMessageBytes, retryPolicy, hedgingPolicy"},
      {"\"timeout\": 5", "timeout: must be a duration in seconds, such as \"1.5s\""},
      {"\"timeout\": \"5\"", "timeout: must be a duration in seconds, such as \"1.5s\""},
      {"\"timeout\": \"0s\"", "timeout: must be more than 0s"},
      {"\"timeout\": \"-1s\"", "timeout: must be more than 0s"},
      {"\"timeout\": \"604800.000000001s\"", "timeout: must be at most 604800s, which is 7 days"},
      {"\"waitForReady\": 1", "waitForReady: must be true or false"},
      {"\"waitForReady\": \"true\"", "waitForReady: must be true or false"},
      {"\"maxRequestMessageBytes\": -1", "maxRequestMessageBytes: must be at least 0"},
      {"\"maxRequestMessageBytes\": 4294967296",
       "maxRequestMessageBytes: must be at most 4294967295"},
      {"\"maxRequestMessageBytes\": 1.5", "maxRequestMessageBytes: must be a whole number"},
      {"\"maxRequestMessageBytes\": true", "maxRequestMessageBytes: must be a whole number"},
      {"\"maxResponseMessageBytes\": \"many\"", "maxResponseMessageBytes: must be a whole number"},
      {"\"maxResponseMessageBytes\": \"\"", "maxResponseMessageBytes: must be a whole number"},
      {"\"retryPolicy\": []", "retryPolicy: must be an object"},
      {"\"retryPolicy\": {}", "retryPolicy.maxAttempts: is required"},
      {"\"retryPolicy\": {\"maxAttempts\": 1}", "retryPolicy.maxAttempts: must be at least 2"},
      {"\"retryPolicy\": {\"maxAttempts\": \"two\"}",
       "retryPolicy.maxAttempts: must be a whole number"},
      {"\"retryPolicy\": {\"maxAttempts\": 2}", "retryPolicy.initialBackoff: is required"},
      {"\"retryPolicy\": {\"maxAttempts\": 2, \"initialBackoff\": \"0s\"}",
       "retryPolicy.initialBackoff: must be more than 0s"},
      {"\"retryPolicy\": {\"maxAttempts\": 2, \"initialBackoff\": \"1s\"}",
       "retryPolicy.maxBackoff: is required"},
      {"\"retryPolicy\": {\"maxAttempts\": 2, \"initialBackoff\": \"1s\", \"maxBackoff\": \"1s\"}",
       "retryPolicy.backoffMultiplier: is required"},
      {"\"retryPolicy\": {\"maxAttempts\": 2, \"initialBackoff\": \"2s\", \"maxBackoff\": \"1s\", "
       "\"backoffMultiplier\": 1}",
       "retryPolicy.initialBackoff: must not be over maxBackoff"},
      {"\"retryPolicy\": {\"maxAttempts\": 2, \"initialBackoff\": \"1s\", \"maxBackoff\": \"1s\", "
       "\"backoffMultiplier\": 0.9}",
       "retryPolicy.backoffMultiplier: must be a number from 1 to 1000"},
      {"\"retryPolicy\": {\"maxAttempts\": 2, \"initialBackoff\": \"1s\", \"maxBackoff\": \"1s\", "
       "\"backoffMultiplier\": 1000.001}",
       "retryPolicy.backoffMultiplier: must be a number from 1 to 1000"},
      {"\"retryPolicy\": {\"maxAttempts\": 2, \"initialBackoff\": \"1s\", \"maxBackoff\": \"1s\", "
       "\"backoffMultiplier\": true}",
       "retryPolicy.backoffMultiplier: must be a number from 1 to 1000"},
      {"\"retryPolicy\": {" RETRY "}",
       "retryPolicy.retryableStatusCodes: must name at least one status code"},
      {"\"retryPolicy\": {" RETRY ", \"retryableStatusCodes\": []}",
       "retryPolicy.retryableStatusCodes: must name at least one status code"},
      {"\"retryPolicy\": {" RETRY ", \"retryableStatusCodes\": 14}",
       "retryPolicy.retryableStatusCodes: must be an array"},
      {"\"retryPolicy\": {" RETRY ", \"retryableStatusCodes\": [14, \"UNAVIALABLE\"]}",
       "retryPolicy.retryableStatusCodes[1]: must be the name of a status code, or its number from "
       "1 to 16"},
      {"\"retryPolicy\": {" RETRY ", \"retryableStatusCodes\": [17]}",
       "retryPolicy.retryableStatusCodes[0]: must be the name of a status code, or its number from "
       "1 to 16"},
      {"\"retryPolicy\": {" RETRY ", \"retryableStatusCodes\": [\"OK\"]}",
       "retryPolicy.retryableStatusCodes[0]: OK is success: remove it"},
      {"\"retryPolicy\": {" RETRY ", " CODES ", \"perAttemptRecvTimeout\": \"0s\"}",
       "retryPolicy.perAttemptRecvTimeout: must be more than 0s"},
      {"\"retryPolicy\": {" RETRY ", " CODES ", \"maxAttemps\": 2}",
       "retryPolicy.maxAttemps: unknown field; known are maxAttempts, initialBackoff, maxBackoff, "
       "backoffMultiplier, retryableStatusCodes, perAttemptRecvTimeout"},
      {"\"hedgingPolicy\": 2", "hedgingPolicy: must be an object"},
      {"\"hedgingPolicy\": {}", "hedgingPolicy.maxAttempts: is required"},
      {"\"hedgingPolicy\": {\"maxAttempts\": 1}", "hedgingPolicy.maxAttempts: must be at least 2"},
      {"\"hedgingPolicy\": {\"maxAttempts\": 2, \"hedgingDelay\": \"-0.001s\"}",
       "hedgingPolicy.hedgingDelay: must not be negative"},
      {"\"hedgingPolicy\": {\"maxAttempts\": 2, \"nonFatalStatusCodes\": [0]}",
       "hedgingPolicy.nonFatalStatusCodes[0]: OK is success: remove it"},
      {"\"hedgingPolicy\": {\"maxAttempts\": 2, \"delay\": 1}",
       "hedgingPolicy.delay: unknown field; known are maxAttempts, hedgingDelay, "
       "nonFatalStatusCodes"},
      {POLICY ", \"hedgingPolicy\": {\"maxAttempts\": 2}",
       "hedgingPolicy: excludes retryPolicy: remove one of them"},
  };
  for (size_t i = 0; i < COUNT(mistakes); i++) {
    char json[512];
    char said[512];
    snprintf(json, sizeof json,
             "{\"methodConfig\": [{\"name\": [{\"service\": \"bank.v1.Auditor\"}], %s}]}",
             mistakes[i].json);
    snprintf(said, sizeof said, "$.methodConfig[0].%s", mistakes[i].said);
    assert_wrong(json, said);
  }
}

static void at_most_once_method_is_not_to_be_sent_again(void **state) {
  (void)state;
#define NOT_AGAIN                                                                                  \
  ": bank.v1.Bank/Notify is AT_MOST_ONCE and never sent again: give it an entry of its own"
  assert_wrong("{\"methodConfig\": [{\"name\": [{\"service\": \"bank.v1.Auditor\"}]}, {\"name\": "
               "[{\"service\": \"bank.v1.Bank\"}], " POLICY "}]}",
               "$.methodConfig[1].retryPolicy" NOT_AGAIN);
  assert_wrong("{\"methodConfig\": [{\"name\": [{\"service\": \"bank.v1.Bank\", \"method\": "
               "\"Notify\"}], \"hedgingPolicy\": {\"maxAttempts\": 2}}]}",
               "$.methodConfig[0].hedgingPolicy" NOT_AGAIN);
  assert_wrong("{\"methodConfig\": [{\"name\": [{}], " POLICY "}]}",
               "$.methodConfig[0].retryPolicy" NOT_AGAIN);
}

/* What follows is Jansson's to say. */
static void malformed_json_is_said_with_line_and_column(void **state) {
  (void)state;
  static const struct mistake mistakes[] = {
      {"", "line 1, column 0: '[' or '{' expected"},
      {"{\n  \"methodConfig\": [}\n}", "line 2, column 20: unexpected token near '}'"},
      {"{\"methodConfig\": [],\n \"methodConfig\": []}", "line 2, column 15: duplicate object key"},
      {"{\"a\": \"\xff\"}", "line 1, column 7: unable to decode byte 0xff"},
      {"{\"a\tb\": 1}", "line 1, column 3: control character 0x9"},
      {"{} {}", "line 1, column 4: end of file expected"},
      {"{\"a\": 99999999999999999999}", "line 1, column 26: too big integer"},
      {"{\"a\\u0000\": 1}", "line 1, column 10: NUL byte in object key not supported"},
  };
  for (size_t i = 0; i < COUNT(mistakes); i++) {
    struct sure_service_config *config = NULL;
    assert_int_equal(parse(mistakes[i].json, &config), SURE_INVALID_ARGUMENT);
    error[strlen(mistakes[i].said)] = '\0';
    assert_string_equal(error, mistakes[i].said);
    assert_null(config);
  }
}

/* ---- limits ---- */

static void text_is_read_up_to_its_largest_length(void **state) {
  (void)state;
  char *json = malloc(SURE_SERVICE_CONFIG_LEN_MAX + 1);
  assert_non_null(json);
  memset(json, ' ', SURE_SERVICE_CONFIG_LEN_MAX + 1);
  memcpy(json, "{}", 2);
  struct sure_service_config *config = NULL;
  assert_int_equal(sure_service_config_parse(json, SURE_SERVICE_CONFIG_LEN_MAX, services, 2,
                                             &config, error, sizeof error),
                   SURE_OK);
  config = sure_service_config_free(config);
  assert_int_equal(sure_service_config_parse(json, SURE_SERVICE_CONFIG_LEN_MAX + 1, services, 2,
                                             &config, error, sizeof error),
                   SURE_INVALID_ARGUMENT);
  assert_string_equal(error, "$: is longer than 1048576 bytes");
  assert_null(config);
  free(json);
}

/* {"a": [[[...]]]}, `depth` deep. */
static char *nested(size_t depth) {
  char *json = malloc(2 * depth + 16);
  assert_non_null(json);
  size_t len = (size_t)sprintf(json, "{\"a\":");
  memset(json + len, '[', depth - 1);
  memset(json + len + depth - 1, ']', depth - 1);
  memcpy(json + len + 2 * (depth - 1), "}", 2);
  return json;
}

static void text_is_read_up_to_its_largest_depth(void **state) {
  (void)state;
  char *json = nested(2048);
  assert_wrong(json, "$.a: unknown field; known are methodConfig, loadBalancingConfig, "
                     "loadBalancingPolicy, retryThrottling");
  free(json);
  json = nested(2049);
  assert_wrong(json, "line 1, column 2053: maximum parsing depth reached near '['");
  free(json);
}

static void error_is_cut_between_characters(void **state) {
  (void)state;
  static const char json[] = "{\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\": 1}"; /* 2, 3, 4 bytes */
  static const size_t kept[] = {0, 0, 1, 2, 2, 4, 4, 4, 7, 7, 7, 7, 11, 12, 13, 14};
  struct sure_service_config *config = NULL;
  char whole[512];
  assert_int_equal(
      sure_service_config_parse(json, strlen(json), services, 2, &config, whole, sizeof whole),
      SURE_INVALID_ARGUMENT);
  for (size_t len = 1; len < COUNT(kept); len++) {
    char cut[32];
    memset(cut, 'x', sizeof cut);
    assert_int_equal(sure_service_config_parse(json, strlen(json), services, 2, &config, cut, len),
                     SURE_INVALID_ARGUMENT);
    assert_int_equal(strlen(cut), kept[len]);
    assert_memory_equal(cut, whole, kept[len]);
    assert_int_equal(cut[len], 'x');
  }
  assert_int_equal(sure_service_config_parse(json, strlen(json), services, 2, &config, NULL, 0),
                   SURE_INVALID_ARGUMENT);
}

/* ---- memory ---- */

static const char full[] =
    "{\"methodConfig\": [{\"name\": [{}], \"timeout\": \"1s\"}, {\"name\": [{\"service\": "
    "\"bank.v1.Bank\"}], \"maxRequestMessageBytes\": \"1000\"}], \"loadBalancingConfig\": "
    "[{\"round_robin\": {}}], \"retryThrottling\": {\"maxTokens\": 10, \"tokenRatio\": 0.1}}";

/* Parses with the first, second, ... allocation failing until none does. Returns how often one did.
 */
static size_t enumerate_failures(enum sure_code if_failed, enum sure_code or_if_failed) {
  size_t live = failing_allocator_live();
  for (size_t n = 1;; n++) {
    struct sure_service_config *config = NULL;
    failing_allocator_arm(n);
    enum sure_code code = parse(full, &config);
    bool fired = failing_allocator_fired();
    failing_allocator_arm(0);
    assert_true(fired ? code == if_failed || code == or_if_failed : code == SURE_OK);
    assert_true(fired ? config == NULL && error[0] != '\0' : config != NULL);
    sure_service_config_free(config);
    assert_int_equal(failing_allocator_live(), live);
    if (!fired) {
      return n - 1;
    }
  }
}

static void each_allocation_that_fails_is_said_and_leaves_nothing_behind(void **state) {
  (void)state;
  size_t count = enumerate_failures(SURE_RESOURCE_EXHAUSTED, SURE_RESOURCE_EXHAUSTED);
  assert_string_equal(error, "memory is short");
  assert_int_equal(count, 4); /* the config, its methods and entries, and flags of services */
}

static void *alloc_for_jansson(size_t size) {
  return sure__realloc(NULL, size);
}

/* Jansson takes some of its own failures for mistakes in the text. */
static void each_allocation_of_jansson_that_fails_leaves_nothing_behind(void **state) {
  (void)state;
  json_set_alloc_funcs(alloc_for_jansson, sure__free);
  assert_true(enumerate_failures(SURE_RESOURCE_EXHAUSTED, SURE_INVALID_ARGUMENT) > 40);
  json_set_alloc_funcs(malloc, free);
}

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(config_that_says_nothing_changes_nothing),
      cmocka_unit_test(null_is_the_same_as_not_there),
      cmocka_unit_test(time_out_is_a_duration_of_any_precision),
      cmocka_unit_test(waiting_has_three_states),
      cmocka_unit_test(limit_of_zero_bytes_is_a_limit),
      cmocka_unit_test(whole_numbers_come_in_every_form_of_proto3),
      cmocka_unit_test(retry_policy_is_taken_as_it_is_written),
      cmocka_unit_test(attempts_have_no_upper_bound),
      cmocka_unit_test(codes_may_be_left_out_beside_a_time_out_of_the_attempt),
      cmocka_unit_test(decimals_are_rounded_to_three),
      cmocka_unit_test(hedging_policy_is_taken_as_it_is_written),
      cmocka_unit_test(most_specific_name_wins_in_any_order),
      cmocka_unit_test(most_specific_entry_counts_alone),
      cmocka_unit_test(entry_may_have_several_names_and_empty_ones_are_no_names),
      cmocka_unit_test(at_most_once_method_with_an_entry_of_its_own_is_no_contradiction),
      cmocka_unit_test(service_that_is_given_twice_is_one_service),
      cmocka_unit_test(service_of_another_version_is_refused),
      cmocka_unit_test(balancing_has_grpcs_names),
      cmocka_unit_test(first_policy_that_is_known_counts),
      cmocka_unit_test(older_name_of_the_policy_counts_where_the_newer_is_not_there),
      cmocka_unit_test(outlier_detection_is_around_another_policy),
      cmocka_unit_test(outlier_detection_has_the_defaults_of_a50),
      cmocka_unit_test(throttling_is_taken_as_it_is_written),
      cmocka_unit_test(durations_are_those_of_proto3),
      cmocka_unit_test(each_mistake_in_a_document_is_said_with_its_place),
      cmocka_unit_test(each_mistake_in_outlier_detection_is_said_with_its_place),
      cmocka_unit_test(each_mistake_in_a_name_is_said_with_its_place),
      cmocka_unit_test(each_mistake_about_a_method_is_said_with_its_place),
      cmocka_unit_test(at_most_once_method_is_not_to_be_sent_again),
      cmocka_unit_test(malformed_json_is_said_with_line_and_column),
      cmocka_unit_test(text_is_read_up_to_its_largest_length),
      cmocka_unit_test(text_is_read_up_to_its_largest_depth),
      cmocka_unit_test(error_is_cut_between_characters),
      cmocka_unit_test(each_allocation_that_fails_is_said_and_leaves_nothing_behind),
      cmocka_unit_test(each_allocation_of_jansson_that_fails_leaves_nothing_behind),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
