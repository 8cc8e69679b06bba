#include "durable.h"

#include <pthread.h>
#include <stdio.h>
#include <sure/sure.h>
#include <time.h>

#include "bench.sure.h"

struct load {
  struct sure_channel *channel;
  double end;
  pthread_mutex_t lock;
  pthread_cond_t over;
  uint64_t charges;
  bool has_failed;
  unsigned open_count;
};

double durable_now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void start(struct load *load);

/* A charge has ended: begin another while there is time. */
static void charged(void *user, const struct sure_status *status,
                    const Sure__Bench__V1__ChargeReply *reply) {
  struct load *load = user;
  (void)reply;
  pthread_mutex_lock(&load->lock);
  load->charges++;
  load->has_failed = load->has_failed || sure_status_code(status) != SURE_OK;
  bool goes_on = durable_now() < load->end && !load->has_failed;
  load->open_count -= !goes_on;
  if (load->open_count == 0) {
    pthread_cond_signal(&load->over);
  }
  pthread_mutex_unlock(&load->lock);
  if (goes_on) {
    start(load);
  }
}

static void start(struct load *load) {
  Sure__Bench__V1__ChargeRequest request = SURE__BENCH__V1__CHARGE_REQUEST__INIT;
  request.account = (uint32_t)load->charges;
  request.amount = 1;
  if (sure__bench__v1__bench_client__charge__async(load->channel, &request, NULL, charged, load,
                                                   NULL) != SURE_OK) {
    pthread_mutex_lock(&load->lock);
    load->has_failed = true;
    load->open_count--;
    pthread_cond_signal(&load->over);
    pthread_mutex_unlock(&load->lock);
  }
}

uint64_t durable_charge(const char *url, unsigned outstanding, double seconds) {
  struct load load = {.lock = PTHREAD_MUTEX_INITIALIZER,
                      .over = PTHREAD_COND_INITIALIZER,
                      .open_count = outstanding};
  const struct sure_channel_options options = {
      .target = url, .logger = {.fn = sure_log_to_stderr, .level_min = SURE_LOG_WARNING}};
  if (sure_channel_open(&options, &load.channel) != SURE_OK) {
    return 0;
  }
  load.end = durable_now() + seconds;
  for (unsigned i = 0; i < outstanding; i++) {
    start(&load);
  }
  pthread_mutex_lock(&load.lock);
  while (load.open_count > 0) {
    pthread_cond_wait(&load.over, &load.lock);
  }
  pthread_mutex_unlock(&load.lock);
  sure_channel_free(load.channel, 0);
  return load.has_failed ? 0 : load.charges;
}
