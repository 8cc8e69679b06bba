#include "rpc/net/start.h"

#include <nng/nng.h>
#include <signal.h>

static void nothing(void *user) {
  (void)user;
}

bool sure__net_start(void) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  nng_aio *aio;
  bool started = nng_aio_alloc(&aio, nothing, NULL) == 0;
  if (started) {
    nng_aio_free(aio);
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return started;
}

int sure__thread_start(pthread_t *thread, void *(*run)(void *user), void *user) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(thread, NULL, run, user);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return error;
}
