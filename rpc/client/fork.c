#include "rpc/client/fork.h"

#include <pthread.h>
#include <stdatomic.h>

static _Atomic uint64_t generation = 1;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int watch_error;

static void on_child(void) {
  atomic_fetch_add(&generation, 1);
}

static void watch(void) {
  watch_error = pthread_atfork(NULL, NULL, on_child);
}

bool sure__fork_watch(void) {
  pthread_once(&once, watch);
  return watch_error == 0;
}

uint64_t sure__fork_generation(void) {
  return atomic_load(&generation);
}
