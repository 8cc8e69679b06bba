#include "load.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bench.sure.h"

typedef Sure__Bench__V1__EchoRequest Request;
typedef Sure__Bench__V1__EchoReply Reply;

/* ---- the server ---- */

static enum sure_code echo(void *user, struct sure_call *call, const Request *request,
                           Reply *reply) {
  (void)user;
  (void)call;
  reply->id = request->id;
  return SURE_OK;
}

enum sure_code load_set_up(struct sure_server *server) {
  static const struct sure__bench__v1__bench_server handlers = {.echo = echo};
  enum sure_code code =
      sure_server_set_run_mode(server, "sure.bench.v1.Bench/Echo", SURE_RUN_INLINE);
  return code ? code : sure__bench__v1__bench_server__register(server, &handlers, NULL);
}

/* ---- the client ---- */

struct load {
  atomic_bool is_over;
  atomic_bool has_failed;
  atomic_ullong calls;
  pthread_mutex_t mutex;
  pthread_cond_t ended;
  size_t open_count;
};

/* One of the calls that are kept open. */
struct slot {
  struct load *load;
  struct sure_channel *channel;
};

static bool start(struct slot *slot);

static void leave(struct load *load) {
  pthread_mutex_lock(&load->mutex);
  load->open_count--;
  pthread_cond_signal(&load->ended);
  pthread_mutex_unlock(&load->mutex);
}

static void ended(void *user, const struct sure_status *status, const Reply *reply) {
  struct slot *slot = user;
  (void)reply;
  if (sure_status_code(status) != SURE_OK) {
    fprintf(stderr, "a call failed: %s\n", sure_status_message(status));
    atomic_store(&slot->load->has_failed, true);
    leave(slot->load);
    return;
  }
  if (atomic_load(&slot->load->is_over)) {
    leave(slot->load);
    return;
  }
  atomic_fetch_add(&slot->load->calls, 1);
  if (!start(slot)) {
    leave(slot->load);
  }
}

static bool start(struct slot *slot) {
  Request request = SURE__BENCH__V1__ECHO_REQUEST__INIT;
  request.id = 1;
  bool is_started = sure__bench__v1__bench_client__echo__async(slot->channel, &request, NULL, ended,
                                                               slot, NULL) == SURE_OK;
  if (!is_started) {
    fprintf(stderr, "a call could not be started\n");
    atomic_store(&slot->load->has_failed, true);
  }
  return is_started;
}

double load_now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void pause_for(double seconds) {
  struct timespec time = {.tv_sec = (time_t)seconds};
  time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
  nanosleep(&time, NULL);
}

static void wait_for_last(struct load *load) {
  pthread_mutex_lock(&load->mutex);
  while (load->open_count > 0) {
    pthread_cond_wait(&load->ended, &load->mutex);
  }
  pthread_mutex_unlock(&load->mutex);
}

double load_run(struct sure_channel *const *channels, size_t count, double seconds) {
  struct load load = {.open_count = count};
  struct slot *slots = calloc(count, sizeof *slots);
  if (slots == NULL) {
    return 0;
  }
  pthread_mutex_init(&load.mutex, NULL);
  pthread_cond_init(&load.ended, NULL);
  for (size_t i = 0; i < count; i++) {
    slots[i] = (struct slot){&load, channels[i]};
    if (!start(&slots[i])) {
      leave(&load);
    }
  }
  double begun_s = load_now_s();
  unsigned long long before = atomic_load(&load.calls);
  pause_for(seconds);
  double rate = (double)(atomic_load(&load.calls) - before) / (load_now_s() - begun_s);
  atomic_store(&load.is_over, true);
  wait_for_last(&load);
  pthread_cond_destroy(&load.ended);
  pthread_mutex_destroy(&load.mutex);
  free(slots);
  return atomic_load(&load.has_failed) ? 0 : rate;
}
