/* The methods that a server offers, by id, and how each of them is run. */
#ifndef SURE_CORE_REGISTRY_H
#define SURE_CORE_REGISTRY_H

#include <sure/server.h>

#include "rpc/core/index.h"

/* The way of a call from admission to its answer, decided once at registration:
 *
 *     claims   INTENT, then the run, then COMPLETE
 *     prepares a first phase on the pool, then CALL
 *     in_store CALL: the run happens in the store's transaction
 *     advances CLAIM, then the run with an ADVANCE for each part of it, then CONCLUDE
 *     none     the run alone */
struct sure__plan {
  bool claims;
  bool advances; /* it commits as it goes, and can go on elsewhere; it claims, too */
  bool prepares;
  bool in_store;
  bool reads;    /* the run is in a read transaction */
  bool inlined;  /* the run is on the thread that read the request; otherwise on the pool */
  bool threads;  /* the run has a thread of its own, as it may wait for its stream */
  bool external; /* effects outside the store: a failure says nothing of them (S15) */
};

struct sure__method_entry {
  const struct sure_method *table;
  struct sure__plan plan;
  sure_handler_fn *trampoline;
  const void *handlers;
  void *user;
  sure_reconcile_fn *reconcile; /* NULL: none */
  void *reconcile_user;
  struct sure__index_link by_id;
};

struct sure__registry {
  struct sure__index methods;
  const struct sure_service **services;
  size_t service_count;
};

void sure__registry_init(struct sure__registry *registry);
void sure__registry_fini(struct sure__registry *registry);

/* How a method of these semantics runs in `mode` on such a store. False when the two exclude each
 * other (S14). */
bool sure__plan_make(enum sure_semantics semantics, enum sure_run_mode mode, bool store_is_durable,
                     bool store_reads, struct sure__plan *out_plan);

/* Adds the methods of one service, or none of them. `modes` has one mode a method.
 * SURE_ALREADY_EXISTS, SURE_FAILED_PRECONDITION, SURE_RESOURCE_EXHAUSTED: as sure_server_register;
 * `*out_problem` is a static text and `*out_method` the method it is about, or NULL. */
enum sure_code sure__registry_add(struct sure__registry *registry,
                                  const struct sure_service *service,
                                  const enum sure_run_mode *modes,
                                  sure_handler_fn *const *trampolines, const void *handlers,
                                  void *user, const struct sure_store *store,
                                  const char **out_problem, const struct sure_method **out_method);

/* SURE_NOT_FOUND: there is no such method. SURE_FAILED_PRECONDITION: it is not EXTERNAL. */
enum sure_code sure__registry_set_reconciler(struct sure__registry *registry, const char *name,
                                             sure_reconcile_fn *fn, void *user);

/* Whether `name` is a service that was added, or a method of one. */
bool sure__registry_has(const struct sure__registry *registry, const char *name);

/* NULL when there is no such method. */
const struct sure__method_entry *sure__registry_find(const struct sure__registry *registry,
                                                     uint64_t id);

#endif
