/* Channels: opening and freeing them. */
#include <string.h>
#include <sure/channel.h>

#include "rpc/client/channel_private.h"
#include "rpc/client/fork.h"
#include "rpc/core/assert.h"
#include "rpc/core/memory.h"
#include "rpc/net/callback_mark.h"
#include "rpc/net/clock.h"
#include "rpc/net/entropy.h"
#include "rpc/net/start.h"

enum { LINGER_MS_DEFAULT = 1000, OPTION_MS_MAX = SURE_CALL_TIMEOUT_MS_MAX };

bool sure__channel_is_foreign(const struct sure_channel *channel) {
  return channel->fork_generation != sure__fork_generation();
}

static uint32_t or_default(uint32_t value, uint32_t fallback) {
  return value == 0 ? fallback : value;
}

static struct sure__client_config full_config(const struct sure_channel_options *options) {
  return (struct sure__client_config){
      .attempt_timeout_ms = or_default(options->attempt_timeout_ms, 1000),
      .connect_timeout_ms = or_default(options->connect_timeout_ms, 5000),
      .reconnect_ms_initial = or_default(options->reconnect_ms_initial, 50),
      .reconnect_ms_max = or_default(options->reconnect_ms_max, 2000),
      .keepalive_time_ms = or_default(options->keepalive_time_ms, 10000),
      .keepalive_timeout_ms = or_default(options->keepalive_timeout_ms, 5000),
      .ack_idle_ms = or_default(options->ack_idle_ms, 50),
      .message_len_max = or_default(options->message_len_max, SURE_MESSAGE_LEN_MAX_DEFAULT),
      .unresolved_calls_max =
          or_default(options->unresolved_calls_max, SURE_UNRESOLVED_CALLS_MAX_DEFAULT),
  };
}

static bool is_valid(const struct sure_channel_options *options,
                     const struct sure__client_config *config) {
  const char *target = options->target;
  bool known_scheme =
      target != NULL && (strncmp(target, "tcp://", 6) == 0 || strncmp(target, "ipc://", 6) == 0);
  const uint32_t times[] = {
      options->timeout_ms,          config->attempt_timeout_ms, config->connect_timeout_ms,
      config->reconnect_ms_initial, config->reconnect_ms_max,   config->keepalive_time_ms,
      config->keepalive_timeout_ms, config->ack_idle_ms,
  };
  for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
    if (times[i] > OPTION_MS_MAX) {
      return false;
    }
  }
  return known_scheme && config->unresolved_calls_max <= SURE_OPEN_CALLS_MAX;
}

/* The channel's thread: time, and connections that are over. */
static void *run(void *user) {
  struct sure_channel *channel = user;
  pthread_mutex_lock(&channel->mutex);
  sure__client_advance(&channel->engine, sure__clock_ms()); /* the first dial */
  sure__channel_finish(channel);
  pthread_mutex_lock(&channel->mutex);
  while (!channel->stopping || channel->link_count > 0 || channel->dialing) {
    if (!sure__list_is_empty(&channel->dead)) {
      sure__channel_reap(channel); /* unlocks: what the loop waits for may have come */
      continue;
    }
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

/* Everything but the thread; for channels that were opened half, too. */
static struct sure_channel *release(struct sure_channel *channel) {
  if (channel->dial_aio != NULL) {
    nng_aio_free(channel->dial_aio);
  }
  if (channel->dialer != NULL) {
    nng_stream_dialer_free(channel->dialer);
  }
  sure__client_fini(&channel->engine);
  pthread_cond_destroy(&channel->changed);
  pthread_mutex_destroy(&channel->mutex);
  sure__free(channel);
  return NULL;
}

static enum sure_code code_of_url_error(int error) {
  return error == NNG_ENOMEM ? SURE_RESOURCE_EXHAUSTED : SURE_INVALID_ARGUMENT;
}

static enum sure_code set_up(struct sure_channel *channel,
                             const struct sure_channel_options *options,
                             const struct sure__client_config *config) {
  if (!sure__client_init(&channel->engine, config) || !sure__fork_watch() || !sure__net_start()) {
    return SURE_RESOURCE_EXHAUSTED;
  }
  channel->fork_generation = sure__fork_generation();
  int error = nng_stream_dialer_alloc(&channel->dialer, options->target);
  if (error != 0) {
    return code_of_url_error(error);
  }
  if (nng_aio_alloc(&channel->dial_aio, sure__channel_on_dialed, channel) != 0) {
    return SURE_RESOURCE_EXHAUSTED;
  }
  nng_aio_set_timeout(channel->dial_aio, NNG_DURATION_INFINITE);
  return sure__thread_start(&channel->thread, run, channel) == 0 ? SURE_OK
                                                                 : SURE_RESOURCE_EXHAUSTED;
}

enum sure_code sure_channel_open(const struct sure_channel_options *options,
                                 struct sure_channel **out_channel) {
  struct sure__client_config config = full_config(options);
  if (!is_valid(options, &config)) {
    return SURE_INVALID_ARGUMENT;
  }
  if (!sure__entropy(&config.random_seed, sizeof config.random_seed)) {
    return SURE_RESOURCE_EXHAUSTED;
  }
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
  sure__list_init(&channel->dead);
  enum sure_code code = set_up(channel, options, &config);
  if (code != SURE_OK) {
    release(channel);
    return code;
  }
  *out_channel = channel;
  return SURE_OK;
}

/* The server has heard the end of the session, or the time for that is over. */
static void part(struct sure_channel *channel, uint32_t linger_ms) {
  uint64_t until_ms = sure__clock_ms() + or_default(linger_ms, LINGER_MS_DEFAULT);
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

struct sure_channel *sure_channel_free(struct sure_channel *channel, uint32_t linger_ms) {
  if (channel == NULL || sure__channel_is_foreign(channel)) {
    return NULL;
  }
  sure__assert(!sure__callback_is_running() && "a completion would wait for itself");
  part(channel, linger_ms);
  pthread_join(channel->thread, NULL);
  return release(channel);
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
