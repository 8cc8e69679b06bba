/* What each mistake in a service config is told, and what a text that is refused leaves behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <sure/channel.h>

#include "rpc/core/memory.h"
#include "tests/lib/failing_allocator.h"
#include "tests/unit/service_config_text.h"

struct mistake {
  const char *json;
  const char *said;
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void assert_wrong(const char *json, const char *said) {
  struct sure_service_config *untouched = (struct sure_service_config *)&config_bank;
  struct sure_service_config *config = untouched;
  memset(config_text_error, 'x', sizeof config_text_error);
  enum sure_code code = config_text_parse(json, &config);
  if (code != SURE_INVALID_ARGUMENT || strcmp(config_text_error, said) != 0) {
    print_error("%s\nis  %d %.500s\nnot %d %s\n", json, code, config_text_error,
                SURE_INVALID_ARGUMENT, said);
    fail();
  }
  assert_ptr_equal(config, untouched);
}

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
#define POLICY "\"retryPolicy\": {" CONFIG_TEXT_RETRY ", " CODES "}"
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
      {"\"retryPolicy\": {" CONFIG_TEXT_RETRY "}",
       "retryPolicy.retryableStatusCodes: must name at least one status code"},
      {"\"retryPolicy\": {" CONFIG_TEXT_RETRY ", \"retryableStatusCodes\": []}",
       "retryPolicy.retryableStatusCodes: must name at least one status code"},
      {"\"retryPolicy\": {" CONFIG_TEXT_RETRY ", \"retryableStatusCodes\": 14}",
       "retryPolicy.retryableStatusCodes: must be an array"},
      {"\"retryPolicy\": {" CONFIG_TEXT_RETRY ", \"retryableStatusCodes\": [14, \"UNAVIALABLE\"]}",
       "retryPolicy.retryableStatusCodes[1]: must be the name of a status code, or its number from "
       "1 to 16"},
      {"\"retryPolicy\": {" CONFIG_TEXT_RETRY ", \"retryableStatusCodes\": [17]}",
       "retryPolicy.retryableStatusCodes[0]: must be the name of a status code, or its number from "
       "1 to 16"},
      {"\"retryPolicy\": {" CONFIG_TEXT_RETRY ", \"retryableStatusCodes\": [\"OK\"]}",
       "retryPolicy.retryableStatusCodes[0]: OK is success: remove it"},
      {"\"retryPolicy\": {" CONFIG_TEXT_RETRY ", " CODES ", \"perAttemptRecvTimeout\": \"0s\"}",
       "retryPolicy.perAttemptRecvTimeout: must be more than 0s"},
      {"\"retryPolicy\": {" CONFIG_TEXT_RETRY ", " CODES ", \"maxAttemps\": 2}",
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
    assert_int_equal(config_text_parse(mistakes[i].json, &config), SURE_INVALID_ARGUMENT);
    config_text_error[strlen(mistakes[i].said)] = '\0';
    assert_string_equal(config_text_error, mistakes[i].said);
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
  assert_int_equal(sure_service_config_parse(json, SURE_SERVICE_CONFIG_LEN_MAX, config_services, 2,
                                             &config, config_text_error, sizeof config_text_error),
                   SURE_OK);
  config = sure_service_config_free(config);
  assert_int_equal(sure_service_config_parse(json, SURE_SERVICE_CONFIG_LEN_MAX + 1, config_services,
                                             2, &config, config_text_error,
                                             sizeof config_text_error),
                   SURE_INVALID_ARGUMENT);
  assert_string_equal(config_text_error, "$: is longer than 1048576 bytes");
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
  assert_int_equal(sure_service_config_parse(json, strlen(json), config_services, 2, &config, whole,
                                             sizeof whole),
                   SURE_INVALID_ARGUMENT);
  for (size_t len = 1; len < COUNT(kept); len++) {
    char cut[32];
    memset(cut, 'x', sizeof cut);
    assert_int_equal(
        sure_service_config_parse(json, strlen(json), config_services, 2, &config, cut, len),
        SURE_INVALID_ARGUMENT);
    assert_int_equal(strlen(cut), kept[len]);
    assert_memory_equal(cut, whole, kept[len]);
    assert_int_equal(cut[len], 'x');
  }
  assert_int_equal(
      sure_service_config_parse(json, strlen(json), config_services, 2, &config, NULL, 0),
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
    enum sure_code code = config_text_parse(full, &config);
    bool fired = failing_allocator_fired();
    failing_allocator_arm(0);
    assert_true(fired ? code == if_failed || code == or_if_failed : code == SURE_OK);
    assert_true(fired ? config == NULL && config_text_error[0] != '\0' : config != NULL);
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
  assert_string_equal(config_text_error, "memory is short");
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
