/* Names: which element of methodConfig is about which method. The most specific one is, whole: a
 * method's own before its service's, and that before the one for all methods. */
#include <string.h>

#include "rpc/client/service_config_parts.h"
#include "rpc/core/list.h"
#include "rpc/core/memory.h"

static struct sure__configured_method *find_method(const struct sure_service_config *config,
                                                   uint64_t id) {
  struct sure__index_link *link = sure__index_find(&config->by_id, id);
  return link == NULL ? NULL : sure__container_of(link, struct sure__configured_method, by_id);
}

/* A service that is there twice is the same service. */
static void add_methods(struct sure_service_config *config, const struct sure_service *service,
                        size_t *count) {
  for (size_t i = 0; i < service->method_count; i++) {
    uint64_t id = service->methods[i].id;
    if (find_method(config, id) == NULL) {
      sure__index_add(&config->by_id, &config->methods[(*count)++].by_id, id);
    }
  }
}

bool sure__naming_init(struct sure__naming *naming, struct sure__json_report *report) {
  struct sure_service_config *config = naming->config;
  size_t count = 0;
  for (size_t i = 0; i < naming->service_count; i++) {
    count += naming->services[i]->method_count;
  }
  config->methods = sure__alloc((count + 1) * sizeof *config->methods);
  naming->has_entry = sure__alloc((naming->service_count + 1) * sizeof *naming->has_entry);
  if (config->methods == NULL || naming->has_entry == NULL) {
    return sure__json_fail_for_memory(report);
  }
  count = 0;
  for (size_t i = 0; i < naming->service_count; i++) {
    add_methods(config, naming->services[i], &count);
  }
  return true;
}

void sure__naming_fini(struct sure__naming *naming) {
  sure__free(naming->has_entry);
  naming->has_entry = NULL;
}

static bool name_all(struct sure__naming *naming, const struct sure__json *name,
                     const struct sure__method_config *entry) {
  if (naming->config->of_all != NULL) {
    return sure__json_fail(name, "all methods have an entry already");
  }
  naming->config->of_all = entry;
  return true;
}

static bool name_service(struct sure__naming *naming, const struct sure__json *name, size_t i,
                         const struct sure__method_config *entry) {
  const struct sure_service *service = naming->services[i];
  if (naming->has_entry[i]) {
    return sure__json_fail(name, "%s has an entry already", service->full_name);
  }
  naming->has_entry[i] = true;
  for (size_t m = 0; m < service->method_count; m++) {
    struct sure__configured_method *method = find_method(naming->config, service->methods[m].id);
    if (method->rank < SURE__NAMED_BY_SERVICE) {
      method->rank = SURE__NAMED_BY_SERVICE;
      method->entry = entry;
    }
  }
  return true;
}

static bool name_method(struct sure__naming *naming, const struct sure__json *name,
                        const struct sure_method *method, const struct sure__method_config *entry) {
  struct sure__configured_method *configured = find_method(naming->config, method->id);
  if (configured->rank == SURE__NAMED_BY_METHOD) {
    return sure__json_fail(name, "%s has an entry already", method->full_name);
  }
  configured->rank = SURE__NAMED_BY_METHOD;
  configured->entry = entry;
  return true;
}

static const struct sure_method *method_called(const struct sure_service *service,
                                               const char *name) {
  size_t prefix_len = strlen(service->full_name) + 1; /* with the slash */
  for (size_t i = 0; i < service->method_count; i++) {
    if (strcmp(service->methods[i].full_name + prefix_len, name) == 0) {
      return &service->methods[i];
    }
  }
  return NULL;
}

/* A text that is not there and one that is empty are the same here. */
static bool read_name(const struct sure__json *at, const char **out) {
  *out = "";
  return sure__json_read_text(at, out);
}

static bool add_name(struct sure__naming *naming, const struct sure__json *name,
                     const struct sure__method_config *entry) {
  static const char *const fields[] = {"service", "method", NULL};
  struct sure__json service_at = sure__json_member(name, "service");
  struct sure__json method_at = sure__json_member(name, "method");
  const char *service_name;
  const char *method_name;
  if (!sure__json_check_object(name, fields) || !read_name(&service_at, &service_name) ||
      !read_name(&method_at, &method_name)) {
    return false;
  }
  if (*service_name == '\0') {
    return *method_name == '\0' ? name_all(naming, name, entry)
                                : sure__json_fail(&service_at, "is required beside method");
  }
  size_t i = 0;
  while (i < naming->service_count && strcmp(naming->services[i]->full_name, service_name) != 0) {
    i++;
  }
  if (i == naming->service_count) {
    return sure__json_fail(&service_at, "there is no service \"%s\"", service_name);
  }
  if (*method_name == '\0') {
    return name_service(naming, name, i, entry);
  }
  const struct sure_method *method = method_called(naming->services[i], method_name);
  return method != NULL
             ? name_method(naming, name, method, entry)
             : sure__json_fail(&method_at, "%s has no method \"%s\"", service_name, method_name);
}

bool sure__naming_add(struct sure__naming *naming, const struct sure__json *names,
                      const struct sure__method_config *entry) {
  if (!sure__json_require(names) || !sure__json_check_array(names)) {
    return false;
  }
  if (json_array_size(names->value) == 0) {
    return sure__json_fail(names, "must name what the entry is about; {} names all methods");
  }
  for (size_t i = 0; i < json_array_size(names->value); i++) {
    struct sure__json name = sure__json_element(names, i);
    if (!add_name(naming, &name, entry)) {
      return false;
    }
  }
  return true;
}

/* ---- semantics ---- */

static bool check_method(const struct sure__naming *naming, const struct sure__json *method_config,
                         const struct sure_method *method) {
  const struct sure__method_config *entry = sure__service_config_find(naming->config, method->id);
  if (method->semantics != SURE_AT_MOST_ONCE || !sure__method_config_repeats(entry)) {
    return true;
  }
  struct sure__json element =
      sure__json_element(method_config, (size_t)(entry - naming->config->entries));
  struct sure__json policy =
      sure__json_member(&element, entry->has_retry ? "retryPolicy" : "hedgingPolicy");
  return sure__json_fail(&policy,
                         "%s is AT_MOST_ONCE and never sent again: give it an entry of its own",
                         method->full_name);
}

bool sure__naming_check(const struct sure__naming *naming, const struct sure__json *method_config) {
  for (size_t i = 0; i < naming->service_count; i++) {
    const struct sure_service *service = naming->services[i];
    for (size_t m = 0; m < service->method_count; m++) {
      if (!check_method(naming, method_config, &service->methods[m])) {
        return false;
      }
    }
  }
  return true;
}
