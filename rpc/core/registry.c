#include "rpc/core/registry.h"

#include <string.h>
#include <xxhash.h>

#include "rpc/core/list.h"
#include "rpc/core/memory.h"

void sure__registry_init(struct sure__registry *registry) {
  *registry = (struct sure__registry){0};
  sure__index_init(&registry->methods);
}

void sure__registry_fini(struct sure__registry *registry) {
  struct sure__index_link *link;
  while ((link = sure__index_any(&registry->methods)) != NULL) {
    sure__index_remove(&registry->methods, link);
    sure__free(sure__container_of(link, struct sure__method_entry, by_id));
  }
  sure__index_fini(&registry->methods);
  sure__free(registry->services);
}

bool sure__registry_has(const struct sure__registry *registry, const char *name) {
  for (size_t i = 0; i < registry->service_count; i++) {
    const char *service = registry->services[i]->full_name;
    size_t len = strlen(service);
    if (strncmp(name, service, len) == 0 && (name[len] == '\0' || name[len] == '/')) {
      return true;
    }
  }
  return false;
}

const struct sure__method_entry *sure__registry_find(const struct sure__registry *registry,
                                                     uint64_t id) {
  struct sure__index_link *link = sure__index_find(&registry->methods, id);
  return link == NULL ? NULL : sure__container_of(link, struct sure__method_entry, by_id);
}

enum sure_code sure__registry_set_reconciler(struct sure__registry *registry, const char *name,
                                             sure_reconcile_fn *fn, void *user) {
  struct sure__index_link *link =
      sure__index_find(&registry->methods, XXH3_64bits(name, strlen(name)));
  if (link == NULL) {
    return SURE_NOT_FOUND;
  }
  struct sure__method_entry *entry = sure__container_of(link, struct sure__method_entry, by_id);
  if (!entry->plan.external) {
    return SURE_FAILED_PRECONDITION;
  }
  entry->reconcile = fn;
  entry->reconcile_user = user;
  return SURE_OK;
}

static bool plan_transaction(enum sure_semantics semantics, bool store_reads,
                             struct sure__plan *plan) {
  if (semantics == SURE_NO_SIDE_EFFECTS) {
    plan->reads = store_reads;
  } else {
    plan->in_store = true;
  }
  return true;
}

/* Without a transaction around them, effect and record commit together only in a store that lives
 * and dies with the process (S14). */
static bool plan_outside(enum sure_semantics semantics, bool store_is_durable,
                         struct sure__plan *plan) {
  if (semantics == SURE_EXACTLY_ONCE) {
    plan->claims = true;
    return !store_is_durable;
  }
  return true;
}

bool sure__plan_make(enum sure_semantics semantics, enum sure_run_mode mode, bool store_is_durable,
                     bool store_reads, struct sure__plan *out_plan) {
  *out_plan = (struct sure__plan){0};
  switch (mode) {
  case SURE_RUN_AUTO:
    return sure__plan_make(semantics, store_is_durable ? SURE_RUN_TX : SURE_RUN_POOL,
                           store_is_durable, store_reads, out_plan);
  case SURE_RUN_TX:
    return plan_transaction(semantics, store_reads, out_plan);
  case SURE_RUN_PREPARE:
    out_plan->prepares = true;
    out_plan->in_store = true;
    return semantics != SURE_NO_SIDE_EFFECTS;
  case SURE_RUN_INLINE:
    out_plan->inlined = true;
    return plan_outside(semantics, store_is_durable, out_plan);
  case SURE_RUN_POOL:
    return plan_outside(semantics, store_is_durable, out_plan);
  case SURE_RUN_EXTERNAL:
    out_plan->claims = true;
    out_plan->external = true;
    return semantics == SURE_EXACTLY_ONCE;
  }
  return false;
}

/* Only what comes can be had again from where a handler has committed it; what it has sent is gone
 * with it. */
static bool plan_advancing(const struct sure_method *method, struct sure__plan *out_plan) {
  *out_plan = (struct sure__plan){.claims = true, .advances = true, .threads = true};
  return method->semantics == SURE_EXACTLY_ONCE && !method->server_streams;
}

/* One that waits for messages runs in no transaction. Unless its handler has promised, with POOL,
 * not to block, it has a thread of its own. */
static bool plan_streaming(const struct sure_method *method, enum sure_run_mode mode,
                           const struct sure_store *store, struct sure__plan *out_plan) {
  bool needs_intent = method->semantics == SURE_EXACTLY_ONCE && store->durable;
  if (mode == SURE_RUN_TX) {
    return plan_advancing(method, out_plan);
  }
  if (mode != SURE_RUN_AUTO && mode != SURE_RUN_POOL && mode != SURE_RUN_EXTERNAL) {
    return false;
  }
  enum sure_run_mode effective_mode = mode == SURE_RUN_AUTO && needs_intent ? SURE_RUN_EXTERNAL
                                      : mode == SURE_RUN_AUTO               ? SURE_RUN_POOL
                                                                            : mode;
  if (!sure__plan_make(method->semantics, effective_mode, store->durable, store->ops->read != NULL,
                       out_plan)) {
    return false;
  }
  out_plan->threads = mode != SURE_RUN_POOL;
  return true;
}

/* A handler whose effects the store does not hold can only run in one way. */
static bool plan_method(const struct sure_method *method, enum sure_run_mode mode,
                        const struct sure_store *store, struct sure__plan *out_plan) {
  if (method->external_effects) {
    if (mode != SURE_RUN_AUTO && mode != SURE_RUN_EXTERNAL) {
      return false;
    }
    mode = SURE_RUN_EXTERNAL;
  }
  if (method->client_streams || method->server_streams) {
    return plan_streaming(method, mode, store, out_plan);
  }
  return sure__plan_make(method->semantics, mode, store->durable, store->ops->read != NULL,
                         out_plan);
}

static struct sure__method_entry *make_entry(const struct sure__registry *registry,
                                             const struct sure_method *method,
                                             enum sure_run_mode mode,
                                             const struct sure_store *store, enum sure_code *code,
                                             const char **problem) {
  struct sure__plan plan;
  *code = SURE_FAILED_PRECONDITION;
  if (method->id != XXH3_64bits(method->full_name, strlen(method->full_name))) {
    *problem = "the table's method id is not that of its name; generate the code again";
    return NULL;
  }
  if (!plan_method(method, mode, store, &plan)) {
    *problem = "this run mode can't keep what the method's options promise on this store";
    return NULL;
  }
  if (method->key_field != 0 && !store->durable && !store->allow_volatile_keys) {
    *problem = "an idempotency key needs a durable store, or allow_volatile_keys";
    return NULL;
  }
  if (sure__registry_find(registry, method->id) != NULL) {
    *code = SURE_ALREADY_EXISTS;
    *problem = "the method, or one with the same id, is registered";
    return NULL;
  }
  struct sure__method_entry *entry = sure__alloc(sizeof *entry);
  if (entry == NULL) {
    *code = SURE_RESOURCE_EXHAUSTED;
    *problem = "memory is short";
    return NULL;
  }
  entry->table = method;
  entry->plan = plan;
  *code = SURE_OK;
  return entry;
}

static bool reserve_service(struct sure__registry *registry) {
  const struct sure_service **services = sure__realloc(
      registry->services, (registry->service_count + 1) * sizeof(const struct sure_service *));
  if (services != NULL) {
    registry->services = services;
  }
  return services != NULL;
}

static void remove_methods(struct sure__registry *registry, const struct sure_service *service,
                           size_t count) {
  for (size_t i = 0; i < count; i++) {
    struct sure__index_link *link = sure__index_find(&registry->methods, service->methods[i].id);
    sure__index_remove(&registry->methods, link);
    sure__free(sure__container_of(link, struct sure__method_entry, by_id));
  }
}

enum sure_code sure__registry_add(struct sure__registry *registry,
                                  const struct sure_service *service,
                                  const enum sure_run_mode *modes,
                                  sure_handler_fn *const *trampolines, const void *handlers,
                                  void *user, const struct sure_store *store,
                                  const char **out_problem, const struct sure_method **out_method) {
  *out_method = NULL;
  if (service->abi != SURE_ABI) {
    *out_problem = "the table was generated for another version of the library";
    return SURE_FAILED_PRECONDITION;
  }
  if (!reserve_service(registry)) {
    *out_problem = "memory is short";
    return SURE_RESOURCE_EXHAUSTED;
  }
  for (size_t i = 0; i < service->method_count; i++) {
    enum sure_code code;
    struct sure__method_entry *entry =
        make_entry(registry, &service->methods[i], modes[i], store, &code, out_problem);
    if (entry == NULL) {
      *out_method = &service->methods[i];
      remove_methods(registry, service, i);
      return code;
    }
    entry->trampoline = trampolines[i];
    entry->handlers = handlers;
    entry->user = user;
    sure__index_add(&registry->methods, &entry->by_id, entry->table->id);
  }
  registry->services[registry->service_count++] = service;
  return SURE_OK;
}
