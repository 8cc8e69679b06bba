/* A service config from its text to what calls look up. */
#include "rpc/client/service_config.h"

#include <string.h>

#include "rpc/client/service_config_parts.h"
#include "rpc/core/list.h"
#include "rpc/core/memory.h"

static const struct sure__method_config nothing_said = {.request_len_max = SURE__LEN_UNSAID,
                                                        .reply_len_max = SURE__LEN_UNSAID};

const struct sure__method_config *
sure__service_config_find(const struct sure_service_config *config, uint64_t method_id) {
  if (config == NULL) {
    return &nothing_said;
  }
  const struct sure__index_link *link = sure__index_find(&config->by_id, method_id);
  const struct sure__method_config *entry =
      link == NULL ? NULL
                   : sure__container_of(link, const struct sure__configured_method, by_id)->entry;
  entry = entry != NULL ? entry : config->of_all;
  return entry != NULL ? entry : &nothing_said;
}

bool sure__method_config_repeats(const struct sure__method_config *entry) {
  return entry->has_retry || entry->hedging.attempts_max != 0;
}

/* ---- reading ---- */

static bool read_entries(const struct sure__json *list, struct sure__naming *naming) {
  if (list->value == NULL) {
    return true;
  }
  if (!sure__json_check_array(list)) {
    return false;
  }
  size_t count = json_array_size(list->value);
  struct sure__method_config *entries = sure__alloc((count + 1) * sizeof *entries);
  naming->config->entries = entries;
  if (entries == NULL) {
    return sure__json_fail_for_memory(list->report);
  }
  for (size_t i = 0; i < count; i++) {
    struct sure__json element = sure__json_element(list, i);
    struct sure__json names = sure__json_member(&element, "name");
    entries[i] = nothing_said;
    if (!sure__method_config_read(&element, &entries[i]) ||
        !sure__naming_add(naming, &names, &entries[i])) {
      return false;
    }
  }
  return sure__naming_check(naming, list);
}

static bool check_services(const struct sure__naming *naming, struct sure__json_report *report) {
  for (size_t i = 0; i < naming->service_count; i++) {
    if (naming->services[i]->abi != SURE_ABI) {
      struct sure__json document = {.report = report};
      sure__json_fail(&document, "%s was generated for another version of the library",
                      naming->services[i]->full_name);
      report->code = SURE_FAILED_PRECONDITION;
      return false;
    }
  }
  return true;
}

static bool read_document(const struct sure__json *document, struct sure__naming *naming) {
  static const char *const fields[] = {"methodConfig", "loadBalancingConfig", "loadBalancingPolicy",
                                       "retryThrottling", NULL};
  struct sure__json health = sure__json_member(document, "healthCheckConfig");
  struct sure__json entries = sure__json_member(document, "methodConfig");
  if (health.value != NULL) {
    return sure__json_fail(&health, "is not supported: remove it");
  }
  return sure__json_check_object(document, fields) &&
         sure__channel_config_read(document, naming->config) &&
         sure__naming_init(naming, document->report) && read_entries(&entries, naming);
}

static bool read_text(const char *json, size_t len, struct sure__naming *naming,
                      struct sure__json_report *report) {
  struct sure__json document = {.report = report};
  if (!check_services(naming, report)) {
    return false;
  }
  if (len > SURE_SERVICE_CONFIG_LEN_MAX) {
    return sure__json_fail(&document, "is longer than %d bytes", SURE_SERVICE_CONFIG_LEN_MAX);
  }
  document.value = sure__json_load(json, len, report);
  if (document.value == NULL) {
    return false;
  }
  bool is_read = read_document(&document, naming);
  json_decref(document.value);
  return is_read;
}

enum sure_code sure_service_config_parse(const char *json, size_t len,
                                         const struct sure_service *const *services,
                                         size_t service_count,
                                         struct sure_service_config **out_config, char *error_text,
                                         size_t error_len) {
  struct sure__json_report report = {.text = error_text, .len = error_text == NULL ? 0 : error_len};
  struct sure_service_config *config = sure__alloc(sizeof *config);
  if (config == NULL) {
    sure__json_fail_for_memory(&report);
    return report.code;
  }
  struct sure__naming naming = {
      .services = services, .service_count = service_count, .config = config};
  sure__index_init(&config->by_id);
  if (read_text(json, len, &naming, &report)) {
    *out_config = config;
  } else {
    sure_service_config_free(config);
  }
  sure__naming_fini(&naming);
  return report.code;
}

struct sure_service_config *sure_service_config_free(struct sure_service_config *config) {
  if (config != NULL) {
    sure__index_fini(&config->by_id);
    sure__free(config->methods);
    sure__free(config->entries);
    sure__free(config);
  }
  return NULL;
}
