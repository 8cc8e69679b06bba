/* What a service config means: every field with its forms and bounds, and which entry is about
 * which method. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sure/channel.h>

#include "tests/unit/service_config_text.h"

/* An entry about Charge with `fields` in it, and what comes of it. */
static struct sure__method_config charge_with(const char *fields) {
  char json[1024];
  snprintf(json, sizeof json,
           "{\"methodConfig\": [{\"name\": [{\"service\": \"bank.v1.Bank\", \"method\": "
           "\"Charge\"}], %s}]}",
           fields);
  struct sure_service_config *config = config_text_meaning(json);
  struct sure__method_config entry = *sure__service_config_find(config, CHARGE);
  assert_ptr_equal(sure__service_config_find(config, READ), sure__service_config_find(NULL, READ));
  sure_service_config_free(config);
  return entry;
}

/* A config whose channel part is `fields`. */
static struct sure_service_config channel_with(const char *fields) {
  char json[1024];
  snprintf(json, sizeof json, "{%s}", fields);
  struct sure_service_config *config = config_text_meaning(json);
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
    struct sure_service_config *config = config_text_meaning(texts[i]);
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

static void retry_policy_is_taken_as_it_is_written(void **state) {
  (void)state;
  struct sure__method_config entry =
      charge_with("\"retryPolicy\": {" CONFIG_TEXT_RETRY
                  ", \"retryableStatusCodes\": [\"unavailable\", 10, \"Aborted\"]}");
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
      charge_with("\"retryPolicy\": {" CONFIG_TEXT_RETRY ", \"perAttemptRecvTimeout\": \"0.25s\"}");
  assert_int_equal(entry.attempt_timeout_ms, 250);
  assert_int_equal(entry.retry.retryable_codes, SURE_CODE_BIT(SURE_OK)); /* that is none */
  entry =
      charge_with("\"retryPolicy\": {" CONFIG_TEXT_RETRY ", \"perAttemptRecvTimeout\": \"0.25s\", "
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
    struct sure_service_config *config = config_text_meaning(json);
    assert_timeouts(config, 3000, 2000, 1000, 1000);
    sure_service_config_free(config);
  }
}

/* It does not add to the less specific one, as in gRPC. */
static void most_specific_entry_counts_alone(void **state) {
  (void)state;
  struct sure_service_config *config =
      config_text_meaning("{\"methodConfig\": [{\"name\": [{}], \"timeout\": \"1s\"}, {\"name\": "
                          "[{\"service\": \"bank.v1.Bank\"}], \"waitForReady\": false}]}");
  assert_timeouts(config, 0, 0, 1000, 1000);
  sure_service_config_free(config);
}

static void entry_may_have_several_names_and_empty_ones_are_no_names(void **state) {
  (void)state;
  struct sure_service_config *config = config_text_meaning(
      "{\"methodConfig\": [{\"name\": [{\"service\": \"bank.v1.Auditor\", \"method\": null}, "
      "{\"service\": \"bank.v1.Bank\", \"method\": \"Read\"}], \"timeout\": \"1s\"}, "
      "{\"name\": [{\"service\": \"\", \"method\": \"\"}], \"timeout\": \"2s\"}]}");
  assert_timeouts(config, 2000, 1000, 1000, 2000);
  sure_service_config_free(config);
}

static void at_most_once_method_with_an_entry_of_its_own_is_no_contradiction(void **state) {
  (void)state;
  struct sure_service_config *config = config_text_meaning(
      "{\"methodConfig\": [{\"name\": [{}], \"hedgingPolicy\": {\"maxAttempts\": 2}}, "
      "{\"name\": [{\"service\": \"bank.v1.Bank\", \"method\": \"Notify\"}]}]}");
  assert_false(sure__method_config_repeats(sure__service_config_find(config, NOTIFY)));
  assert_true(sure__method_config_repeats(sure__service_config_find(config, CHARGE)));
  sure_service_config_free(config);
}

static void service_that_is_given_twice_is_one_service(void **state) {
  (void)state;
  const struct sure_service *const twice[] = {&config_bank, &config_auditor, &config_bank};
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
  struct sure_service newer = config_bank;
  newer.abi = SURE_ABI + 1;
  const struct sure_service *const list[] = {&config_auditor, &newer};
  struct sure_service_config *config = NULL;
  assert_int_equal(sure_service_config_parse("{}", 2, list, 2, &config, config_text_error,
                                             sizeof config_text_error),
                   SURE_FAILED_PRECONDITION);
  assert_string_equal(config_text_error,
                      "$: bank.v1.Bank was generated for another version of the library");
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
int main(void) {
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
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
