/* An open loop: calls are made when they are due, whether or not the ones before have ended. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sure/sure.h>
#include <time.h>

#include "bench.sure.h"
#include "overload.h"

enum { TIMEOUT_MS = 1000, LATENCY_MS_MAX = 2 * TIMEOUT_MS, EFFECTS_MAX = 4000000 };

struct load {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  uint64_t open;
  struct overload_step *step;
  uint64_t latencies[LATENCY_MS_MAX + 1]; /* how many took so many milliseconds */
};

/* Which replies were given to somebody, since the server began. */
static uint8_t given[EFFECTS_MAX];

static uint64_t now_us(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

/* What a completion is given: the load, and when the call was due. */
struct pending {
  struct load *load;
  uint64_t due_us;
};

static void count_reply(struct load *load, const struct pending *pending, uint64_t number) {
  uint64_t latency_ms = (now_us() - pending->due_us) / 1000;
  load->latencies[latency_ms < LATENCY_MS_MAX ? latency_ms : LATENCY_MS_MAX]++;
  load->step->ok++;
  if (number < EFFECTS_MAX) {
    load->step->doubled += given[number];
    given[number] = 1;
  }
}

static void ended(void *user, const struct sure_status *status,
                  const Sure__Bench__V1__EchoReply *reply) {
  struct pending *pending = user;
  struct load *load = pending->load;
  pthread_mutex_lock(&load->lock);
  if (reply != NULL) {
    count_reply(load, pending, reply->id);
  } else if (sure_status_outcome(status) == SURE_NOT_APPLIED) {
    load->step->refused++;
  } else {
    load->step->unknown++;
  }
  load->open--;
  pthread_cond_signal(&load->changed);
  pthread_mutex_unlock(&load->lock);
  free(pending);
}

static void make(struct load *load, struct sure_channel *channel, uint64_t due_us) {
  static const struct sure_call_options options = {.timeout_ms = TIMEOUT_MS};
  struct pending *pending = malloc(sizeof *pending);
  if (pending == NULL) {
    abort();
  }
  *pending = (struct pending){load, due_us};
  Sure__Bench__V1__EchoRequest request = SURE__BENCH__V1__ECHO_REQUEST__INIT;
  pthread_mutex_lock(&load->lock);
  load->step->made++;
  load->open++;
  pthread_mutex_unlock(&load->lock);
  if (sure__bench__v1__bench_client__echo__async(channel, &request, &options, ended, pending,
                                                 NULL) != SURE_OK) {
    pthread_mutex_lock(&load->lock); /* too many are open here: not sent */
    load->step->refused++;
    load->open--;
    pthread_mutex_unlock(&load->lock);
    free(pending);
  }
}

static void sleep_until(uint64_t us) {
  struct timespec at = {.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) {
  }
}

static uint32_t percentile(const struct load *load, double share) {
  uint64_t wanted = (uint64_t)((double)load->step->ok * share);
  uint64_t seen = 0;
  for (uint32_t ms = 0; ms <= LATENCY_MS_MAX; ms++) {
    seen += load->latencies[ms];
    if (seen > wanted) {
      return ms;
    }
  }
  return LATENCY_MS_MAX;
}

bool overload_run(const char *url, const struct overload_options *options,
                  struct overload_step *step) {
  struct sure_channel *channel = NULL;
  struct sure_channel_options channel_options = {
      .target = url, .logger = {.fn = sure_log_to_stderr, .level_min = SURE_LOG_ERROR}};
  if (sure_channel_open(&channel_options, &channel) != SURE_OK) {
    return false;
  }
  struct load *load = calloc(1, sizeof *load);
  if (load == NULL) {
    abort();
  }
  pthread_mutex_init(&load->lock, NULL);
  pthread_cond_init(&load->changed, NULL);
  load->step = step;
  uint64_t begin_us = now_us();
  uint64_t count = (uint64_t)step->offered_per_s * options->seconds;
  for (uint64_t i = 0; i < count; i++) {
    uint64_t due_us = begin_us + i * 1000000 / step->offered_per_s;
    if (i % 8 == 0) {
      sleep_until(due_us); /* eight at a time, or the waking would be the load */
    }
    make(load, channel, due_us);
  }
  pthread_mutex_lock(&load->lock);
  while (load->open > 0) {
    pthread_cond_wait(&load->changed, &load->lock);
  }
  pthread_mutex_unlock(&load->lock);
  step->seconds = (double)(now_us() - begin_us) / 1e6;
  step->p50_ms = percentile(load, 0.5);
  step->p99_ms = percentile(load, 0.99);
  sure_channel_free(channel, 0);
  free(load);
  return true;
}
