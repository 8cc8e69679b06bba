#include "rpc/net/clock.h"

#include <time.h>

static uint64_t read_ms(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t sure__clock_ms(void) {
  return read_ms(CLOCK_MONOTONIC) + 1;
}

int64_t sure__clock_lease_ms(void) {
  return (int64_t)read_ms(CLOCK_BOOTTIME);
}

struct sure__hlc *sure__clock_hlc(void) {
  static struct sure__hlc clock;
  return &clock;
}

void sure__clock_look_at_wall(void) {
  sure__hlc_set_wall(sure__clock_hlc(), sure__clock_ms(), (int64_t)read_ms(CLOCK_REALTIME));
}

int sure__condition_init(pthread_cond_t *condition) {
  pthread_condattr_t attributes;
  int error = pthread_condattr_init(&attributes);
  if (error != 0) {
    return error;
  }
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  error = pthread_cond_init(condition, &attributes);
  pthread_condattr_destroy(&attributes);
  return error;
}

void sure__condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex, uint64_t at_ms) {
  if (at_ms == UINT64_MAX) {
    pthread_cond_wait(condition, mutex);
    return;
  }
  /* sure__clock_ms is one ahead and rounds down: waking at its value means it has been reached. */
  struct timespec at = {.tv_sec = (time_t)((at_ms - 1) / 1000),
                        .tv_nsec = (long)((at_ms - 1) % 1000) * 1000000};
  pthread_cond_timedwait(condition, mutex, &at);
}
