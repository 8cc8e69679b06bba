/* Channels: opening and freeing them. */
#include <string.h>
#include <sure/channel.h>

#include "rpc/client/channel_private.h"
#include "rpc/client/fork.h"
#include "rpc/client/service_config.h"
#include "rpc/core/assert.h"
#include "rpc/core/log.h"
#include "rpc/core/memory.h"
#include "rpc/net/callback_mark.h"
#include "rpc/net/clock.h"
#include "rpc/net/entropy.h"
#include "rpc/net/start.h"

enum {
  LINGER_MS_DEFAULT = 1000,
  OPTION_MS_MAX = SURE_CALL_TIMEOUT_MS_MAX,
  RESOLVE_MS_MIN = 30000, /* between two look-ups of a name, as in gRPC */
};

bool sure__channel_is_foreign(const struct sure_channel *channel) {
  return channel->fork_generation != sure__fork_generation();
}

static uint32_t or_default(uint32_t value, uint32_t fallback) {
  return value == 0 ? fallback : value;
}

static struct sure_outlier_detection full_outlier_detection(struct sure_outlier_detection o) {
  o.interval_ms = or_default(o.interval_ms, 10000);
  o.base_ejection_ms = or_default(o.base_ejection_ms, 30000);
  o.max_ejection_ms = or_default(o.max_ejection_ms, 300000);
  o.max_ejection_percent = or_default(o.max_ejection_percent, 10);
  o.consecutive_failures = or_default(o.consecutive_failures, 5);
  o.failure_percent = or_default(o.failure_percent, 85);
  o.request_volume = or_default(o.request_volume, 50);
  return o;
}

static bool has_attempt_hooks(const struct sure_channel_options *options) {
  for (size_t i = 0; i < options->interceptor_count; i++) {
    const struct sure_client_interceptor *interceptor = &options->interceptors[i];
    if (interceptor->attempt_begins != NULL || interceptor->attempt_ended != NULL) {
      return true;
    }
  }
  return false;
}

static bool are_interceptors_valid(const struct sure_channel_options *options) {
  for (size_t i = 0; i < options->interceptor_count; i++) {
    if (options->interceptors[i].version != SURE_INTERCEPTOR_VERSION) {
      return false;
    }
  }
  return options->interceptor_count <= SURE_INTERCEPTORS_MAX;
}

static struct sure__client_config full_config(const struct sure_channel_options *options) {
  return (struct sure__client_config){
      .clock = sure__clock_hlc(),
      .clock_drift_ms_max = or_default(options->clock_drift_ms_max, SURE_CLOCK_DRIFT_MS_DEFAULT),
      .accept_timeout_ms = or_default(options->accept_timeout_ms, 1000),
      .connect_timeout_ms = or_default(options->connect_timeout_ms, 20000),
      .reconnect_ms_initial = or_default(options->reconnect_ms_initial, 1000),
      .reconnect_ms_max = or_default(options->reconnect_ms_max, 120000),
      .keepalive_time_ms = or_default(options->keepalive_time_ms, 10000),
      .keepalive_timeout_ms = or_default(options->keepalive_timeout_ms, 5000),
      .ack_idle_ms = or_default(options->ack_idle_ms, 50),
      .idle_timeout_ms = or_default(options->idle_timeout_ms, 30 * 60 * 1000),
      .message_len_max = or_default(options->message_len_max, SURE_MESSAGE_LEN_MAX_DEFAULT),
      .unresolved_calls_max =
          or_default(options->unresolved_calls_max, SURE_UNRESOLVED_CALLS_MAX_DEFAULT),
      .balancing = options->balancing,
      .retry_budget = options->retry_budget,
      .retry_throttling = options->retry_throttling,
      .outlier_detection = full_outlier_detection(options->outlier_detection),
      .intercepts = has_attempt_hooks(options),
  };
}

static bool has_retry_limits(const struct sure_channel_options *options) {
  const struct sure_retry_budget *budget = &options->retry_budget;
  const struct sure_retry_throttling *throttling = &options->retry_throttling;
  return budget->is_unlimited || (budget->percent | budget->floor_per_s | throttling->max_tokens |
                                  throttling->token_ratio_permille) != 0;
}

static bool has_outlier_detection(const struct sure_channel_options *options) {
  const struct sure_outlier_detection *o = &options->outlier_detection;
  return o->is_disabled ||
         (o->interval_ms | o->base_ejection_ms | o->max_ejection_ms | o->max_ejection_percent |
          o->consecutive_failures | o->failure_percent | o->request_volume) != 0;
}

/* What the service config says of the channel as a whole, where the options leave it open. */
static struct sure_channel_options with_service_config(const struct sure_channel_options *options) {
  struct sure_channel_options all = *options;
  const struct sure_service_config *config = options->service_config;
  if (config == NULL) {
    return all;
  }
  if (config->has_balancing && all.balancing == SURE_PICK_FIRST) {
    all.balancing = config->balancing;
  }
  if (config->has_outlier_detection && !has_outlier_detection(options)) {
    all.outlier_detection = config->outlier_detection;
  }
  if (!has_retry_limits(options)) {
    all.retry_throttling = config->retry_throttling;
  }
  return all;
}

static bool are_times_valid(const struct sure_channel_options *options,
                            const struct sure__client_config *config) {
  const uint32_t times[] = {
      options->timeout_ms,          config->accept_timeout_ms, config->connect_timeout_ms,
      config->reconnect_ms_initial, config->reconnect_ms_max,  config->keepalive_time_ms,
      config->keepalive_timeout_ms, config->ack_idle_ms,       config->idle_timeout_ms,
  };
  for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
    if (times[i] > OPTION_MS_MAX) {
      return false;
    }
  }
  return true;
}

static bool are_policies_valid(const struct sure__client_config *config) {
  return config->balancing <= SURE_LEAST_OUTSTANDING && config->retry_budget.percent <= 1000 &&
         config->retry_budget.floor_per_s <= 1000000 &&
         config->retry_throttling.max_tokens <= 1000 &&
         config->retry_throttling.token_ratio_permille <= 1000000 &&
         config->outlier_detection.max_ejection_percent <= 100 &&
         config->outlier_detection.failure_percent <= 100;
}

/* The channel's thread: time, and connections that are over. */
static void *run(void *user) {
  struct sure_channel *channel = user;
  pthread_mutex_lock(&channel->mutex);
  while (!channel->stopping || channel->link_count > 0) {
    if (sure__channel_reap(channel)) {
      continue; /* it has unlocked: what the loop waits for may have come */
    }
    sure__clock_look_at_wall();
    uint64_t now_ms = sure__clock_ms();
    uint64_t next_ms = sure__client_next_ms(&channel->engine);
    if (next_ms <= now_ms) {
      sure__client_advance(&channel->engine, now_ms);
      sure__channel_finish(channel);
      pthread_mutex_lock(&channel->mutex);
    } else {
      channel->sleep_until_ms = next_ms;
      sure__condition_wait_until(&channel->changed, &channel->mutex, next_ms);
      channel->sleep_until_ms = 0;
    }
  }
  pthread_mutex_unlock(&channel->mutex);
  return NULL;
}

/* ---- the end ---- */

/* The server has heard the end of the session, or the time for that is over. */
static void part(struct sure_channel *channel, uint32_t linger_ms) {
  uint64_t until_ms = sure__clock_ms() + linger_ms;
  pthread_mutex_lock(&channel->mutex);
  sure__client_shut_down(&channel->engine, sure__clock_ms());
  sure__channel_finish(channel);
  pthread_mutex_lock(&channel->mutex);
  while (!channel->engine.parted && sure__clock_ms() < until_ms) {
    sure__condition_wait_until(&channel->changed, &channel->mutex, until_ms);
  }
  while (channel->completing_count > 0) {
    pthread_cond_wait(&channel->changed, &channel->mutex);
  }
  sure__client_hang_up(&channel->engine, sure__clock_ms());
  channel->stopping = true;
  pthread_cond_broadcast(&channel->changed);
  sure__channel_finish(channel);
}

/* For channels that were opened half, too. */
static struct sure_channel *close_channel(struct sure_channel *channel, uint32_t linger_ms) {
  if (channel->is_started) {
    part(channel, linger_ms);
    pthread_join(channel->thread, NULL);
  }
  sure__resolver_close(channel->resolver); /* nobody wants anything of it any more */
  sure__client_fini(&channel->engine);
  sure__arena_fini(&channel->credentials);
  pthread_cond_destroy(&channel->changed);
  pthread_mutex_destroy(&channel->mutex);
  sure__free(channel);
  return NULL;
}

/* ---- opening ---- */

static void set_endpoints(struct sure_channel *channel, const struct sure__urls *urls) {
  pthread_mutex_lock(&channel->mutex);
  if (!channel->engine.shut_down) {
    const char *const *list = (const char *const *)urls->urls;
    (void)sure__client_set_endpoints(&channel->engine, list, urls->count, sure__clock_ms());
  }
  sure__channel_finish(channel);
}

static void on_resolved(void *user, const struct sure__urls *urls, const char *problem) {
  struct sure_channel *channel = user;
  if (urls != NULL) {
    set_endpoints(channel, urls);
    return;
  }
  sure__log(&channel->logger, SURE_LOG_WARNING, "no addresses: %s", problem);
  pthread_mutex_lock(&channel->mutex);
  sure__client_not_resolved(&channel->engine, sure__clock_ms());
  sure__channel_finish(channel);
}

/* nng knows best which of its URLs it can read. */
static enum sure_code check_urls(const struct sure__target *target) {
  for (size_t i = 0; i < target->item_count; i++) {
    nng_stream_dialer *dialer = NULL;
    const char *url = target->items[i].url;
    int error = url == NULL ? 0 : nng_stream_dialer_alloc(&dialer, url);
    if (dialer != NULL) {
      nng_stream_dialer_free(dialer);
    }
    if (error != 0) {
      return error == NNG_ENOMEM ? SURE_RESOURCE_EXHAUSTED : SURE_INVALID_ARGUMENT;
    }
  }
  return SURE_OK;
}

static enum sure_code find_endpoints(struct sure_channel *channel, struct sure__target *target) {
  if (target->has_names) {
    struct sure__resolver *resolver =
        sure__resolver_open(target, RESOLVE_MS_MIN, on_resolved, channel);
    pthread_mutex_lock(&channel->mutex);
    channel->resolver = resolver;
    pthread_mutex_unlock(&channel->mutex);
    return resolver != NULL ? SURE_OK : SURE_RESOURCE_EXHAUSTED;
  }
  struct sure__urls urls;
  const char *problem;
  if (!sure__target_resolve(target, &urls, &problem)) {
    return SURE_RESOURCE_EXHAUSTED;
  }
  set_endpoints(channel, &urls);
  sure__urls_fini(&urls);
  return SURE_OK;
}

static bool set_credentials(struct sure_channel *channel, const struct sure_metadata *credentials) {
  struct sure__arena arena = {0};
  struct sure__meta meta;
  struct sure_bytes bytes = {0};
  sure__meta_init(&meta, &arena);
  if (credentials != NULL) {
    meta.pairs = *credentials;
  }
  if (!sure__meta_pack(&meta, &arena, &bytes)) {
    sure__arena_fini(&arena);
    return false;
  }
  pthread_mutex_lock(&channel->mutex);
  struct sure__arena old = channel->credentials;
  channel->credentials = arena;
  sure__client_set_credentials(&channel->engine, bytes, sure__clock_ms());
  sure__channel_finish(channel);
  sure__arena_fini(&old);
  return true;
}

static enum sure_code set_up(struct sure_channel *channel,
                             const struct sure_channel_options *options,
                             struct sure__target *target,
                             const struct sure__client_config *config) {
  if (!sure__client_init(&channel->engine, config) || !sure__fork_watch() || !sure__net_start()) {
    return SURE_RESOURCE_EXHAUSTED;
  }
  channel->fork_generation = sure__fork_generation();
  if (!set_credentials(channel, options->credentials)) {
    return SURE_RESOURCE_EXHAUSTED;
  }
  enum sure_code code = check_urls(target);
  if (code != SURE_OK) {
    return code;
  }
  if (sure__thread_start(&channel->thread, run, channel) != 0) {
    return SURE_RESOURCE_EXHAUSTED;
  }
  channel->is_started = true;
  return find_endpoints(channel, target);
}

static enum sure_code open_channel(const struct sure_channel_options *options,
                                   struct sure__target *target,
                                   const struct sure__client_config *config,
                                   struct sure_channel **out_channel) {
  struct sure_channel *channel = sure__alloc(sizeof *channel);
  if (channel == NULL) {
    return SURE_RESOURCE_EXHAUSTED;
  }
  if (pthread_mutex_init(&channel->mutex, NULL) != 0 ||
      sure__condition_init(&channel->changed) != 0) {
    sure__free(channel);
    return SURE_RESOURCE_EXHAUSTED;
  }
  channel->logger = options->logger;
  channel->timeout_ms = or_default(options->timeout_ms, SURE_CALL_TIMEOUT_MS_DEFAULT);
  channel->service_config = options->service_config;
  channel->interceptor_count = options->interceptor_count;
  for (size_t i = 0; i < options->interceptor_count; i++) {
    channel->interceptors[i] = options->interceptors[i];
  }
  sure__list_init(&channel->dead);
  enum sure_code code = set_up(channel, options, target, config);
  if (code == SURE_OK) {
    *out_channel = channel;
  } else {
    close_channel(channel, 1);
  }
  return code;
}

enum sure_code sure_channel_open(const struct sure_channel_options *options,
                                 struct sure_channel **out_channel) {
  if (!are_interceptors_valid(options)) {
    return SURE_INVALID_ARGUMENT;
  }
  struct sure_channel_options all = with_service_config(options);
  struct sure__client_config config = full_config(&all);
  struct sure__target target;
  if (options->target == NULL || !are_times_valid(options, &config) ||
      !are_policies_valid(&config) || config.unresolved_calls_max > SURE_OPEN_CALLS_MAX) {
    return SURE_INVALID_ARGUMENT;
  }
  if (!sure__entropy(&config.random_seed, sizeof config.random_seed)) {
    return SURE_RESOURCE_EXHAUSTED;
  }
  const char *problem = sure__target_init(&target, options->target);
  if (problem != NULL) {
    sure__log(&options->logger, SURE_LOG_ERROR, "%s: %s", options->target, problem);
    return SURE_INVALID_ARGUMENT;
  }
  enum sure_code code = open_channel(options, &target, &config, out_channel);
  sure__target_fini(&target);
  return code;
}

struct sure_channel *sure_channel_free(struct sure_channel *channel, uint32_t linger_ms) {
  if (channel == NULL || sure__channel_is_foreign(channel)) {
    return NULL;
  }
  sure__assert(!sure__callback_is_running() && "a completion would wait for itself");
  return close_channel(channel, or_default(linger_ms, LINGER_MS_DEFAULT));
}

void sure_channel_get_stats(struct sure_channel *channel, struct sure_channel_stats *out_stats) {
  if (sure__channel_is_foreign(channel)) {
    *out_stats = (struct sure_channel_stats){0}; /* the lock may be held for ever here (S3) */
    return;
  }
  pthread_mutex_lock(&channel->mutex);
  sure__client_get_stats(&channel->engine, out_stats);
  pthread_mutex_unlock(&channel->mutex);
}

enum sure_code sure_channel_set_credentials(struct sure_channel *channel,
                                            const struct sure_metadata *credentials) {
  if (sure__channel_is_foreign(channel)) {
    return SURE_FAILED_PRECONDITION;
  }
  return set_credentials(channel, credentials) ? SURE_OK : SURE_RESOURCE_EXHAUSTED;
}

/* ---- connectivity ---- */

enum sure_connectivity sure_channel_get_state(struct sure_channel *channel, bool connects) {
  if (sure__channel_is_foreign(channel)) {
    return SURE_SHUTDOWN;
  }
  pthread_mutex_lock(&channel->mutex);
  enum sure_connectivity state = channel->engine.connectivity;
  if (connects) {
    sure__client_connect(&channel->engine, sure__clock_ms());
  }
  sure__channel_finish(channel);
  return state;
}

enum sure_connectivity sure_channel_wait_for_state_change(struct sure_channel *channel,
                                                          enum sure_connectivity last,
                                                          uint32_t timeout_ms) {
  if (sure__channel_is_foreign(channel) || sure__callback_is_running()) {
    return SURE_SHUTDOWN;
  }
  uint64_t until_ms = sure__clock_ms() + timeout_ms;
  pthread_mutex_lock(&channel->mutex);
  while (channel->engine.connectivity == last && sure__clock_ms() < until_ms) {
    sure__condition_wait_until(&channel->changed, &channel->mutex, until_ms);
  }
  enum sure_connectivity state = channel->engine.connectivity;
  pthread_mutex_unlock(&channel->mutex);
  return state;
}
