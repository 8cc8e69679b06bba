/* What a service config says of a channel: balancing (gRPC's proposals A48, A50) and the throttling
 * of retries (A6). */
#include <string.h>
#include <strings.h>

#include "rpc/client/service_config_parts.h"

enum {
  CHOICE_COUNT = 2, /* how many endpoints SURE_LEAST_OUTSTANDING compares */
  MAX_EJECTION_MS_DEFAULT = 300000,
  FAILURE_PERCENT_NEVER = 100, /* more than that is needed */
  ENFORCEMENT_PERCENT = 100,
  TOKENS_MAX = 1000,
  TOKEN_RATIO_PERMILLE_MAX = 1000000,
};

typedef bool read_fn(const struct sure__json *at, struct sure_service_config *config);

static bool read_balancing(const struct sure__json *list, struct sure_service_config *config,
                           bool is_child);

/* ---- the policies ---- */

static bool read_pick_first(const struct sure__json *at, struct sure_service_config *config) {
  static const char *const fields[] = {"shuffleAddressList", NULL};
  struct sure__json shuffles_at = sure__json_member(at, "shuffleAddressList");
  bool shuffles = false;
  config->balancing = SURE_PICK_FIRST;
  return sure__json_check_object(at, fields) && sure__json_read_bool(&shuffles_at, &shuffles) &&
         (!shuffles ||
          sure__json_fail(&shuffles_at, "is not supported: the order is the target's; remove it"));
}

static bool read_round_robin(const struct sure__json *at, struct sure_service_config *config) {
  static const char *const fields[] = {NULL};
  config->balancing = SURE_ROUND_ROBIN;
  return sure__json_check_object(at, fields);
}

static bool read_least_request(const struct sure__json *at, struct sure_service_config *config) {
  static const char *const fields[] = {"choiceCount", NULL};
  struct sure__json choices = sure__json_member(at, "choiceCount");
  uint32_t count;
  config->balancing = SURE_LEAST_OUTSTANDING;
  return sure__json_check_object(at, fields) &&
         sure__json_read_uint(&choices, CHOICE_COUNT, CHOICE_COUNT, &count);
}

/* ---- outlier detection ---- */

static bool read_failure_percentage(const struct sure__json *at,
                                    struct sure_outlier_detection *out) {
  static const char *const fields[] = {"threshold", "requestVolume", "enforcementPercentage", NULL};
  out->failure_percent = at->value == NULL ? FAILURE_PERCENT_NEVER : 0;
  if (at->value == NULL) {
    return true;
  }
  struct sure__json threshold = sure__json_member(at, "threshold");
  struct sure__json volume = sure__json_member(at, "requestVolume");
  struct sure__json enforcement = sure__json_member(at, "enforcementPercentage");
  uint32_t percent;
  return sure__json_check_object(at, fields) &&
         sure__json_read_uint(&threshold, 1, 100, &out->failure_percent) &&
         sure__json_read_uint(&volume, 1, UINT32_MAX, &out->request_volume) &&
         sure__json_read_uint(&enforcement, ENFORCEMENT_PERCENT, ENFORCEMENT_PERCENT, &percent);
}

static bool read_ejection(const struct sure__json *at, struct sure_outlier_detection *out) {
  struct sure__json interval = sure__json_member(at, "interval");
  struct sure__json base = sure__json_member(at, "baseEjectionTime");
  struct sure__json max = sure__json_member(at, "maxEjectionTime");
  struct sure__json percent = sure__json_member(at, "maxEjectionPercent");
  if (!sure__json_read_ms(&interval, 1, &out->interval_ms) ||
      !sure__json_read_ms(&base, 1, &out->base_ejection_ms) ||
      !sure__json_read_ms(&max, 1, &out->max_ejection_ms) ||
      !sure__json_read_uint(&percent, 1, 100, &out->max_ejection_percent)) {
    return false;
  }
  if (max.value == NULL && out->base_ejection_ms > MAX_EJECTION_MS_DEFAULT) {
    out->max_ejection_ms = out->base_ejection_ms; /* the larger of the two (A50) */
  }
  return true;
}

/* Around another policy, which is its child. */
static bool read_outlier_detection(const struct sure__json *at,
                                   struct sure_service_config *config) {
  static const char *const fields[] = {"interval",
                                       "baseEjectionTime",
                                       "maxEjectionTime",
                                       "maxEjectionPercent",
                                       "failurePercentageEjection",
                                       "childPolicy",
                                       NULL};
  struct sure__json success = sure__json_member(at, "successRateEjection");
  struct sure__json failure = sure__json_member(at, "failurePercentageEjection");
  struct sure__json child = sure__json_member(at, "childPolicy");
  if (success.value != NULL) {
    return sure__json_fail(&success, "is not supported: use failurePercentageEjection");
  }
  config->has_outlier_detection = true;
  return sure__json_check_object(at, fields) && read_ejection(at, &config->outlier_detection) &&
         read_failure_percentage(&failure, &config->outlier_detection) &&
         sure__json_require(&child) && read_balancing(&child, config, true);
}

/* ---- the choice among them ---- */

static read_fn *policy_called(const char *name, bool is_child) {
  static const struct {
    const char *name;
    read_fn *read;
  } policies[] = {
      {"pick_first", read_pick_first},
      {"round_robin", read_round_robin},
      {"least_request", read_least_request},
      {"least_request_experimental", read_least_request},
      {"outlier_detection_experimental", read_outlier_detection},
  };
  for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
    if (strcmp(policies[i].name, name) == 0) {
      return is_child && policies[i].read == read_outlier_detection ? NULL : policies[i].read;
    }
  }
  return NULL;
}

/* The first one that is known counts, so that newer clients can be given a better one. */
static bool read_balancing(const struct sure__json *list, struct sure_service_config *config,
                           bool is_child) {
  bool has_policy = false;
  if (!sure__json_check_array(list)) {
    return false;
  }
  for (size_t i = 0; i < json_array_size(list->value); i++) {
    struct sure__json item = sure__json_element(list, i);
    if (!json_is_object(item.value) || json_object_size(item.value) != 1) {
      return sure__json_fail(&item, "must be an object with the name of one policy in it");
    }
    const char *name = json_object_iter_key(json_object_iter(item.value));
    struct sure__json policy = sure__json_member(&item, name);
    read_fn *read = has_policy ? NULL : policy_called(name, is_child);
    if (read != NULL && !read(&policy, config)) {
      return false;
    }
    has_policy = has_policy || read != NULL;
  }
  config->has_balancing = true;
  return has_policy ||
         sure__json_fail(list,
                         "needs a policy that is known here: %spick_first, round_robin or "
                         "least_request_experimental",
                         is_child ? "" : "outlier_detection_experimental, ");
}

/* The older field, which gRPC looks at only where the newer one is not there. */
static bool read_old_balancing(const struct sure__json *at, struct sure_service_config *config) {
  static const struct {
    const char *name;
    enum sure_balancing balancing;
  } names[] = {
      {"pick_first", SURE_PICK_FIRST},
      {"round_robin", SURE_ROUND_ROBIN},
      {"least_request", SURE_LEAST_OUTSTANDING},
      {"least_request_experimental", SURE_LEAST_OUTSTANDING},
  };
  const char *text = NULL;
  if (at->value == NULL || !sure__json_read_text(at, &text)) {
    return at->value == NULL;
  }
  config->has_balancing = true;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (strcasecmp(names[i].name, text) == 0) {
      config->balancing = names[i].balancing;
      return true;
    }
  }
  return sure__json_fail(at, "must be pick_first, round_robin or least_request_experimental");
}

/* ---- throttling ---- */

static bool read_throttling(const struct sure__json *at, struct sure_service_config *config) {
  static const char *const fields[] = {"maxTokens", "tokenRatio", NULL};
  struct sure_retry_throttling *out = &config->retry_throttling;
  if (at->value == NULL) {
    return true;
  }
  struct sure__json tokens = sure__json_member(at, "maxTokens");
  struct sure__json ratio = sure__json_member(at, "tokenRatio");
  return sure__json_check_object(at, fields) && sure__json_require(&tokens) &&
         sure__json_read_uint(&tokens, 1, TOKENS_MAX, &out->max_tokens) &&
         sure__json_require(&ratio) &&
         sure__json_read_permille(&ratio, 1, TOKEN_RATIO_PERMILLE_MAX, &out->token_ratio_permille);
}

bool sure__channel_config_read(const struct sure__json *document,
                               struct sure_service_config *config) {
  struct sure__json old_balancing = sure__json_member(document, "loadBalancingPolicy");
  struct sure__json balancing = sure__json_member(document, "loadBalancingConfig");
  struct sure__json throttling = sure__json_member(document, "retryThrottling");
  return read_old_balancing(&old_balancing, config) &&
         (balancing.value == NULL || read_balancing(&balancing, config, false)) &&
         read_throttling(&throttling, config);
}
