#include "bench.h"

#include <pthread.h>
#include <stdio.h>
#include <sure/sure.h>
#include <time.h>

#include "bench.sure.h"

enum { PAYLOAD_LEN = 32 };

struct load {
  const struct bench_options *options;
  struct sure_channel *channel;
  double end;
  pthread_mutex_t lock;
  pthread_cond_t over;
  uint64_t calls;
  uint64_t failures;
  unsigned open;
};

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void start(struct load *load);

/* A call has ended: begin another while there is time. */
static void next(struct load *load, const struct sure_status *status) {
  bool is_over = now() >= load->end;
  pthread_mutex_lock(&load->lock);
  load->calls++;
  load->failures += sure_status_code(status) != SURE_OK;
  load->open -= is_over;
  if (is_over && load->open == 0) {
    pthread_cond_signal(&load->over);
  }
  pthread_mutex_unlock(&load->lock);
  if (!is_over) {
    start(load);
  }
}

static void echoed(void *user, const struct sure_status *status,
                   const Sure__Bench__V1__EchoReply *reply) {
  (void)reply;
  next(user, status);
}

static void charged(void *user, const struct sure_status *status,
                    const Sure__Bench__V1__ChargeReply *reply) {
  (void)reply;
  next(user, status);
}

static void start(struct load *load) {
  static uint8_t payload[PAYLOAD_LEN];
  enum sure_code code;
  if (load->options->is_durable) {
    Sure__Bench__V1__ChargeRequest request = SURE__BENCH__V1__CHARGE_REQUEST__INIT;
    request.account = (uint32_t)load->calls;
    request.amount = 1;
    code = sure__bench__v1__bench_client__charge__async(load->channel, &request, NULL, charged,
                                                        load, NULL);
  } else {
    Sure__Bench__V1__EchoRequest request = SURE__BENCH__V1__ECHO_REQUEST__INIT;
    request.id = load->calls;
    request.payload = (ProtobufCBinaryData){PAYLOAD_LEN, payload};
    code = sure__bench__v1__bench_client__echo__async(load->channel, &request, NULL, echoed, load,
                                                      NULL);
  }
  if (code != SURE_OK) {
    fprintf(stderr, "sure-bench: a call could not be started: %s\n", sure_code_name(code));
    pthread_mutex_lock(&load->lock);
    load->failures++;
    load->open--;
    pthread_cond_signal(&load->over);
    pthread_mutex_unlock(&load->lock);
  }
}

bool bench_call(const struct bench_options *options, struct bench_result *out_result) {
  struct load load = {.options = options,
                      .lock = PTHREAD_MUTEX_INITIALIZER,
                      .over = PTHREAD_COND_INITIALIZER,
                      .open = options->outstanding};
  struct sure_channel_options channel_options = {
      .target = options->url, .logger = {.fn = sure_log_to_stderr, .level_min = SURE_LOG_WARNING}};
  if (sure_channel_open(&channel_options, &load.channel) != SURE_OK) {
    return false;
  }
  double begin = now();
  load.end = begin + options->seconds;
  for (unsigned i = 0; i < options->outstanding; i++) {
    start(&load);
  }
  pthread_mutex_lock(&load.lock);
  while (load.open > 0) {
    pthread_cond_wait(&load.over, &load.lock);
  }
  pthread_mutex_unlock(&load.lock);
  *out_result = (struct bench_result){load.calls, load.failures, now() - begin};
  sure_channel_free(load.channel, 0);
  return true;
}
