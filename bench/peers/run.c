#include "run.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

const char *peer_scenario(const struct peer_run *run) {
  return run->scenario;
}

const uint8_t *peer_payload(const struct peer_run *run, size_t *out_len) {
  *out_len = run->payload_len;
  return run->payload;
}

bool peer_count(struct peer_run *run, uint64_t begun_ns) {
  run->last_ns = peer_now_ns();
  histogram_note(&run->latencies, run->last_ns - begun_ns);
  return run->last_ns < run->end_ns;
}

/* ---- calls that are open ---- */

static void wait_until_closed(struct peer_run *run) {
  pthread_mutex_lock(&run->mutex);
  while (run->open_count > 0) {
    pthread_cond_wait(&run->changed, &run->mutex);
  }
  pthread_mutex_unlock(&run->mutex);
}

static void leave(struct peer_run *run, unsigned slot) {
  pthread_mutex_lock(&run->mutex);
  run->open_count--;
  run->unused[run->unused_count++] = slot;
  pthread_cond_signal(&run->changed);
  pthread_mutex_unlock(&run->mutex);
}

bool peer_ended(struct peer_run *run, unsigned slot) {
  if (!peer_count(run, run->begun_at_ns[slot]) || run->is_paced) {
    leave(run, slot);
    return false;
  }
  run->begun_at_ns[slot] = run->last_ns;
  return true;
}

static void *open_with(struct peer_run *run, const char *address, unsigned slots) {
  run->begun_at_ns = calloc(slots, sizeof *run->begun_at_ns);
  run->unused = calloc(slots, sizeof *run->unused);
  return run->begun_at_ns == NULL || run->unused == NULL ? NULL : peer_open(run, address, slots);
}

static bool keep_open(struct peer_run *run, const char *address, unsigned count) {
  void *connection = open_with(run, address, count);
  if (connection == NULL) {
    return false;
  }
  run->open_count = count;
  for (unsigned i = 0; i < count; i++) {
    run->begun_at_ns[i] = peer_now_ns();
    peer_begin(connection, i);
  }
  wait_until_closed(run);
  peer_close(connection);
  return true;
}

/* ---- calls that begin when they are due ---- */

enum { PACED_SLOTS = 1024 };

/* A call that is due when no slot is free begins later, and took longer for it. */
static unsigned take_slot(struct peer_run *run) {
  pthread_mutex_lock(&run->mutex);
  while (run->unused_count == 0) {
    pthread_cond_wait(&run->changed, &run->mutex);
  }
  unsigned slot = run->unused[--run->unused_count];
  run->open_count++;
  pthread_mutex_unlock(&run->mutex);
  return slot;
}

static void sleep_until(uint64_t at_ns) {
  struct timespec at = {.tv_sec = (time_t)(at_ns / 1000000000u),
                        .tv_nsec = (long)(at_ns % 1000000000u)};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static bool pace(struct peer_run *run, const char *address, unsigned calls_per_s) {
  void *connection = open_with(run, address, PACED_SLOTS);
  if (connection == NULL || calls_per_s == 0) {
    return false;
  }
  prctl(PR_SET_TIMERSLACK, 1);
  run->is_paced = true;
  for (unsigned i = 0; i < PACED_SLOTS; i++) {
    run->unused[run->unused_count++] = i;
  }
  uint64_t between_ns = 1000000000u / calls_per_s;
  for (uint64_t due_ns = peer_now_ns(); due_ns < run->end_ns; due_ns += between_ns) {
    if (due_ns > peer_now_ns()) {
      sleep_until(due_ns);
    }
    unsigned slot = take_slot(run);
    run->begun_at_ns[slot] = due_ns;
    peer_begin(connection, slot);
  }
  wait_until_closed(run);
  peer_close(connection);
  return true;
}

/* ---- calls that block ---- */

struct caller {
  pthread_t thread;
  void *connection;
  uint64_t end_ns;
  uint64_t last_ns;
  struct histogram latencies;
  bool has_failed;
};

static void *call_and_wait(void *user) {
  struct caller *caller = user;
  while (caller->last_ns < caller->end_ns && !caller->has_failed) {
    uint64_t begun_ns = peer_now_ns();
    caller->has_failed = !peer_call_and_wait(caller->connection);
    caller->last_ns = peer_now_ns();
    histogram_note(&caller->latencies, caller->last_ns - begun_ns);
  }
  return NULL;
}

static void add(struct peer_run *run, const struct caller *caller) {
  run->last_ns = caller->last_ns > run->last_ns ? caller->last_ns : run->last_ns;
  histogram_add(&run->latencies, &caller->latencies);
}

static bool block(struct peer_run *run, const char *address, unsigned thread_count) {
  void *connection = peer_open(run, address, 0);
  struct caller *callers = calloc(thread_count, sizeof *callers);
  bool has_run = connection != NULL && callers != NULL;
  unsigned begun_count = 0;
  for (; has_run && begun_count < thread_count; begun_count++) {
    struct caller *caller = &callers[begun_count];
    caller->connection = connection;
    caller->end_ns = run->end_ns;
    has_run = pthread_create(&caller->thread, NULL, call_and_wait, caller) == 0;
  }
  for (unsigned i = 0; i < begun_count; i++) {
    pthread_join(callers[i].thread, NULL);
    has_run = has_run && !callers[i].has_failed;
    add(run, &callers[i]);
  }
  free(callers);
  if (connection != NULL) {
    peer_close(connection);
  }
  return has_run;
}

static bool load(struct peer_run *run, const char *address, unsigned count) {
  if (strcmp(run->scenario, "open") == 0) {
    return pace(run, address, count);
  }
  if (strcmp(run->scenario, "blocking") == 0 || strcmp(run->scenario, "settled") == 0) {
    return block(run, address, count);
  }
  return strcmp(run->scenario, "stream") == 0 ? peer_pour(run, address)
                                              : keep_open(run, address, count);
}

bool run_scenario(struct peer_run *run, const char *address, unsigned count) {
  bool has_run = load(run, address, count);
  free(run->begun_at_ns);
  free(run->unused);
  return has_run;
}
