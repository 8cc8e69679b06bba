/* A server's life: open, register, listen, free (sure/server.h). */
#include <sure/server.h>

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "rpc/core/assert.h"
#include "rpc/core/log.h"
#include "rpc/core/memory.h"
#include "rpc/net/clock.h"
#include "rpc/net/start.h"
#include "rpc/server/shell.h"

enum { LEASE_MS_MIN = 30 };

static uint32_t or_default(uint32_t value, uint32_t preset) {
  return value == 0 ? preset : value;
}

static void fill_in(struct sure_server_options *o, bool store_is_durable) {
  o->pool_thread_count = or_default(o->pool_thread_count, 4);
  o->batch_len_max = or_default(o->batch_len_max, 256);
  o->message_len_max = or_default(o->message_len_max, 4 * 1024 * 1024);
  o->connection_count_max = or_default(o->connection_count_max, 10000);
  o->running_calls_max = or_default(o->running_calls_max, 65536);
  o->connection_calls_max = or_default(o->connection_calls_max, 4000);
  o->unsent_len_max = or_default(o->unsent_len_max, 8 * 1024 * 1024);
  o->unsent_ms_max = or_default(o->unsent_ms_max, 30000);
  o->handshake_ms_max = or_default(o->handshake_ms_max, 10000);
  o->keepalive_time_ms = or_default(o->keepalive_time_ms, 20000);
  o->keepalive_timeout_ms = or_default(o->keepalive_timeout_ms, 10000);
  o->clock_drift_ms_max = or_default(o->clock_drift_ms_max, SURE_CLOCK_DRIFT_MS_DEFAULT);
  o->ping_interval_ms_min = or_default(o->ping_interval_ms_min, 1000);
  o->connection_age_grace_ms = or_default(o->connection_age_grace_ms, 30000);
  o->reconcile_ms = or_default(o->reconcile_ms, 5000);
  o->session_lease_ms = or_default(o->session_lease_ms, SURE_SESSION_LEASE_MS_DEFAULT);
  o->session_retention_ms = or_default(
      o->session_retention_ms, store_is_durable ? SURE_SESSION_RETENTION_MS_DURABLE_DEFAULT
                                                : SURE_SESSION_RETENTION_MS_VOLATILE_DEFAULT);
}

static bool is_in_range(const struct sure_server_options *o) {
  return o->pool_thread_count <= 1024 && o->batch_len_max <= 65536 &&
         o->message_len_max <= 1024u * 1024 * 1024 && o->session_lease_ms >= LEASE_MS_MIN;
}

static bool open_store(struct sure_server *server) {
  server->store = server->options.store;
  if (server->store == NULL) {
    if (sure_memory_store_open(NULL, &server->own_store) != SURE_OK) {
      return false;
    }
    server->store = server->own_store;
  }
  return true;
}

static void init_gate(struct sure_server *server) {
  const struct sure_server_options *o = &server->options;
  server->is_gated = o->concurrency_max != 0 || o->adapts_concurrency;
  uint32_t limit_max = or_default(o->concurrency_max, o->running_calls_max);
  sure__gate_init(&server->gate, limit_max, o->adapts_concurrency);
}

static bool init_shards(struct sure_server *server) {
  const struct sure_server_options *o = &server->options;
  uint64_t now_ms = sure__clock_ms();
  for (; server->shard_count < SURE__SHARD_COUNT; server->shard_count++) {
    struct sure__server_config config = {
        .store_id = server->store->id,
        .message_len_max = o->message_len_max,
        .running_calls_max = o->running_calls_max / SURE__SHARD_COUNT + 1,
        .connection_calls_max = o->connection_calls_max,
        .handshake_ms_max = o->handshake_ms_max,
        .keepalive_time_ms = o->keepalive_time_ms,
        .keepalive_timeout_ms = o->keepalive_timeout_ms,
        .ping_interval_ms_min = o->ping_interval_ms_min,
        .connection_age_ms_max = o->connection_age_ms_max,
        .connection_age_grace_ms = o->connection_age_grace_ms,
        .stream_idle_ms = o->stream_idle_ms,
        .session_lease_ms = o->session_lease_ms,
        .session_retention_ms = o->session_retention_ms,
        .sweeps = server->shard_count == 0 && !server->store->replica,
        .reconcile_ms = server->shard_count == 0 && !server->store->replica ? o->reconcile_ms : 0,
        .is_read_only = server->store->replica,
        .gate = server->is_gated ? &server->gate : NULL,
        .clock = sure__clock_hlc(),
        .committed_clock = &server->committed_clock,
        .clock_drift_ms_max = o->clock_drift_ms_max,
    };
    struct sure__shard *shard = &server->shards[server->shard_count];
    shard->server = server;
    if (!sure__server_init(&shard->engine, &config, &server->registry, now_ms)) {
      return false;
    }
    pthread_mutex_init(&shard->lock, NULL);
  }
  return true;
}

static bool init_locks(struct sure_server *server) {
  pthread_mutex_init(&server->lock, NULL);
  pthread_mutex_init(&server->writer.lock, NULL);
  pthread_mutex_init(&server->pool.lock, NULL);
  pthread_mutex_init(&server->loop.lock, NULL);
  sure__list_init(&server->writer.calls);
  sure__list_init(&server->writer.tasks);
  sure__list_init(&server->pool.calls);
  sure__list_init(&server->loop.calls);
  sure__list_init(&server->loop.tasks);
  sure__list_init(&server->loop.closed);
  sure__list_init(&server->links);
  sure__addresses_init(&server->addresses, 0, 0, 0);
  sure__list_init(&server->run_modes);
  server->loop.wake_at_ms = SURE__TIME_NEVER;
  atomic_store(&server->loop.armed_ms, SURE__TIME_NEVER);
  return sure__condition_init(&server->changed) == 0 &&
         sure__condition_init(&server->writer.wake) == 0 &&
         sure__condition_init(&server->pool.wake) == 0 &&
         sure__condition_init(&server->loop.wake) == 0;
}

static bool start_threads(struct sure_server *server) {
  if (!sure__net_start() || !sure__loop_start(server) || !sure__pool_start(server)) {
    return false;
  }
  return !server->store->blocks || sure__writer_start(server);
}

enum sure_code sure_server_open(const struct sure_server_options *options,
                                struct sure_server **out_server) {
  struct sure_server *server = sure__alloc(sizeof *server);
  if (server == NULL) {
    return SURE_RESOURCE_EXHAUSTED;
  }
  if (options != NULL) {
    server->options = *options;
  }
  server->event_fd = -1;
  sure__registry_init(&server->registry);
  bool has_locks = init_locks(server);
  sure__assert(has_locks && "monotonic condition variables exist on this system");
  enum sure_code code = SURE_RESOURCE_EXHAUSTED;
  if (!open_store(server)) {
    goto fail;
  }
  fill_in(&server->options, server->store->durable);
  if (!is_in_range(&server->options)) {
    code = SURE_INVALID_ARGUMENT;
    goto fail;
  }
  init_gate(server);
  sure__clock_look_at_wall();
  sure__addresses_init(&server->addresses, server->options.address_connections_max,
                       server->options.address_sessions_max, server->options.session_lease_ms);
  server->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (server->event_fd < 0 || !init_shards(server) || !start_threads(server)) {
    goto fail;
  }
  for (size_t i = 0; i < server->shard_count; i++) {
    sure__loop_arm(server, sure__server_next_wake(&server->shards[i].engine));
  }
  *out_server = server;
  return SURE_OK;
fail:
  sure_server_free(server);
  return code;
}

enum sure_code sure_server_set_run_mode(struct sure_server *server, const char *name,
                                        enum sure_run_mode mode) {
  if (name == NULL || name[0] == '\0') {
    return SURE_INVALID_ARGUMENT;
  }
  if (sure__registry_has(&server->registry, name)) {
    return SURE_FAILED_PRECONDITION;
  }
  size_t size = strlen(name) + 1;
  struct sure__run_mode_choice *choice = sure__alloc(sizeof *choice + size);
  if (choice == NULL) {
    return SURE_RESOURCE_EXHAUSTED;
  }
  choice->mode = mode;
  memcpy(choice->name, name, size);
  sure__list_append(&server->run_modes, &choice->link);
  return SURE_OK;
}

enum sure_code sure_server_add_interceptor(struct sure_server *server,
                                           const struct sure_server_interceptor *interceptor) {
  if (interceptor->version != SURE_INTERCEPTOR_VERSION) {
    return SURE_INVALID_ARGUMENT;
  }
  if (server->listener_count > 0) {
    return SURE_FAILED_PRECONDITION;
  }
  if (server->interceptor_count == SURE_INTERCEPTORS_MAX) {
    return SURE_RESOURCE_EXHAUSTED;
  }
  server->interceptors[server->interceptor_count++] = *interceptor;
  for (size_t i = 0; i < server->shard_count; i++) {
    struct sure__server_config *config = &server->shards[i].engine.config;
    config->authenticates = config->authenticates || interceptor->peer_attaches != NULL;
    config->intercepts = config->intercepts || interceptor->attempt_arrives != NULL;
  }
  return SURE_OK;
}

enum sure_code sure_server_set_reconciler(struct sure_server *server, const char *method,
                                          sure_reconcile_fn *fn, void *user) {
  if (server->listener_count > 0) {
    return SURE_FAILED_PRECONDITION;
  }
  return sure__registry_set_reconciler(&server->registry, method, fn, user);
}

/* The last choice for `name`; AUTO if there was none. */
static enum sure_run_mode chosen_mode(const struct sure_server *server, const char *name,
                                      enum sure_run_mode preset) {
  enum sure_run_mode mode = preset;
  for (struct sure__list *l = server->run_modes.next; l != &server->run_modes; l = l->next) {
    const struct sure__run_mode_choice *choice =
        sure__container_of(l, struct sure__run_mode_choice, link);
    if (strcmp(choice->name, name) == 0) {
      mode = choice->mode;
    }
  }
  return mode;
}

enum sure_code sure_server_register(struct sure_server *server, const struct sure_service *service,
                                    sure_handler_fn *const *trampolines, const void *handlers,
                                    void *user) {
  const struct sure_logger *logger = &server->options.logger;
  if (server->listener_count > 0) {
    sure__log(logger, SURE_LOG_ERROR, "%s: register services before listening", service->full_name);
    return SURE_FAILED_PRECONDITION;
  }
  enum sure_run_mode *modes = sure__alloc((service->method_count + 1) * sizeof *modes);
  if (modes == NULL) {
    return SURE_RESOURCE_EXHAUSTED;
  }
  enum sure_run_mode preset = chosen_mode(server, service->full_name, SURE_RUN_AUTO);
  for (size_t i = 0; service->abi == SURE_ABI && i < service->method_count; i++) {
    modes[i] = chosen_mode(server, service->methods[i].full_name, preset);
  }
  const char *problem = NULL;
  const struct sure_method *method = NULL;
  enum sure_code code = sure__registry_add(&server->registry, service, modes, trampolines, handlers,
                                           user, server->store, &problem, &method);
  sure__free(modes);
  if (code != SURE_OK) {
    sure__log(logger, SURE_LOG_ERROR, "%s: %s",
              method == NULL ? service->full_name : method->full_name, problem);
  }
  return code;
}

/* All methods are registered now. */
static void begin_reconciling(struct sure_server *server) {
  struct sure__shard *shard = &server->shards[0];
  pthread_mutex_lock(&shard->lock);
  sure__server_begin_reconciling(&shard->engine, sure__clock_ms());
  sure__shard_finish(shard);
}

enum sure_code sure_server_listen(struct sure_server *server, const char *url) {
  size_t count = server->listener_count;
  struct sure__listener **listeners =
      sure__realloc(server->listeners, (count + 1) * sizeof(struct sure__listener *));
  if (listeners == NULL) {
    return SURE_RESOURCE_EXHAUSTED;
  }
  server->listeners = listeners;
  enum sure_code code = sure__listener_open(server, url, &listeners[count]);
  if (code == SURE_OK) {
    if (server->listener_count++ == 0) {
      begin_reconciling(server);
    }
    sure__log(&server->options.logger, SURE_LOG_INFO, "listening on %s",
              sure__listener_url(listeners[count]));
  }
  return code;
}

const char *sure_server_url(const struct sure_server *server, size_t index) {
  return index < server->listener_count ? sure__listener_url(server->listeners[index]) : NULL;
}

static void add_stats(struct sure_server_stats *sum, const struct sure_server_stats *part) {
  sum->connections += part->connections;
  sum->requests += part->requests;
  sum->runs += part->runs;
  sum->replayed += part->replayed;
  sum->joined += part->joined;
  sum->shed += part->shed;
  sum->clocks_ahead += part->clocks_ahead;
  sum->refused += part->refused;
  sum->stale += part->stale;
  sum->protocol_errors += part->protocol_errors;
}

void sure_server_get_stats(struct sure_server *server, struct sure_server_stats *out_stats) {
  struct sure_server_stats sum = {0};
  for (size_t i = 0; i < server->shard_count; i++) {
    struct sure__shard *shard = &server->shards[i];
    pthread_mutex_lock(&shard->lock);
    add_stats(&sum, &shard->engine.stats);
    pthread_mutex_unlock(&shard->lock);
  }
  if (server->is_gated) {
    sum.at_work = atomic_load(&server->gate.at_work);
    sum.concurrency_limit = atomic_load(&server->gate.limit);
  }
  pthread_mutex_lock(&server->writer.lock);
  sum.batches = server->writer.batch_count;
  pthread_mutex_unlock(&server->writer.lock);
  *out_stats = sum;
}

/* ---- the end ---- */

static void free_listeners(struct sure_server *server) {
  for (size_t i = 0; i < server->listener_count; i++) {
    sure__listener_free(server->listeners[i]);
  }
  sure__free(server->listeners);
}

static void free_run_modes(struct sure_server *server) {
  struct sure__list *link;
  while ((link = sure__list_pop(&server->run_modes)) != NULL) {
    sure__free(sure__container_of(link, struct sure__run_mode_choice, link));
  }
}

static void free_locks(struct sure_server *server) {
  pthread_mutex_destroy(&server->lock);
  pthread_mutex_destroy(&server->writer.lock);
  pthread_mutex_destroy(&server->pool.lock);
  pthread_mutex_destroy(&server->loop.lock);
  pthread_cond_destroy(&server->changed);
  pthread_cond_destroy(&server->writer.wake);
  pthread_cond_destroy(&server->pool.wake);
  pthread_cond_destroy(&server->loop.wake);
}

struct sure_server *sure_server_free(struct sure_server *server) {
  if (server == NULL) {
    return NULL;
  }
  if (server->loop.is_started) {
    sure__server_end(server);
  }
  sure__pool_stop(server);
  sure__writer_stop(server);
  sure__loop_stop(server);
  free_listeners(server);
  for (size_t i = 0; i < server->shard_count; i++) {
    sure__server_fini(&server->shards[i].engine);
    pthread_mutex_destroy(&server->shards[i].lock);
  }
  sure__addresses_fini(&server->addresses);
  sure__registry_fini(&server->registry);
  free_run_modes(server);
  sure_store_free(server->own_store);
  if (server->event_fd >= 0) {
    close(server->event_fd);
  }
  free_locks(server);
  sure__free(server);
  return NULL;
}
