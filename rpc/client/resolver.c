#include "rpc/client/resolver.h"

#include <pthread.h>
#include <stdint.h>

#include "rpc/core/memory.h"
#include "rpc/net/clock.h"
#include "rpc/net/start.h"

/* After a failed look-up, doubling. */
enum { RETRY_MS_INITIAL = 1000, RETRY_MS_MAX = 120000 };

struct sure__resolver {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  struct sure__target target; /* the thread's */
  uint32_t interval_ms;
  sure__resolved_fn *fn;
  void *user;
  bool is_wanted;
  bool is_closed;
  uint64_t not_before_ms;
  uint32_t retry_ms; /* after the next failure */
};

/* The thread outlives the owner when a look-up takes its time, so it is the one who frees. */
static void free_resolver(struct sure__resolver *resolver) {
  sure__target_fini(&resolver->target);
  pthread_cond_destroy(&resolver->changed);
  pthread_mutex_destroy(&resolver->mutex);
  sure__free(resolver);
}

/* With the lock: until a look-up is wanted and due. False: it is closed. */
static bool wait_for_work(struct sure__resolver *resolver) {
  while (!resolver->is_closed) {
    if (!resolver->is_wanted) {
      pthread_cond_wait(&resolver->changed, &resolver->mutex);
    } else if (sure__clock_ms() < resolver->not_before_ms) {
      sure__condition_wait_until(&resolver->changed, &resolver->mutex, resolver->not_before_ms);
    } else {
      return true;
    }
  }
  return false;
}

/* With the lock, which it gives up while it looks. */
static void look_up(struct sure__resolver *resolver) {
  struct sure__urls urls = {.count = 0};
  const char *problem = NULL;
  resolver->is_wanted = false;
  pthread_mutex_unlock(&resolver->mutex);
  bool ok = sure__target_resolve(&resolver->target, &urls, &problem);
  pthread_mutex_lock(&resolver->mutex);
  uint32_t pause_ms = ok ? resolver->interval_ms : resolver->retry_ms;
  resolver->not_before_ms = sure__clock_ms() + pause_ms;
  resolver->is_wanted = resolver->is_wanted || !ok;
  resolver->retry_ms = ok                                      ? RETRY_MS_INITIAL
                       : resolver->retry_ms < RETRY_MS_MAX / 2 ? resolver->retry_ms * 2
                                                               : RETRY_MS_MAX;
  if (!resolver->is_closed) {
    resolver->fn(resolver->user, ok ? &urls : NULL, problem);
  }
  sure__urls_fini(&urls);
}

static void *run(void *user) {
  struct sure__resolver *resolver = user;
  pthread_mutex_lock(&resolver->mutex);
  while (wait_for_work(resolver)) {
    look_up(resolver);
  }
  pthread_mutex_unlock(&resolver->mutex);
  free_resolver(resolver);
  return NULL;
}

struct sure__resolver *sure__resolver_open(struct sure__target *target, uint32_t interval_ms,
                                           sure__resolved_fn *fn, void *user) {
  struct sure__resolver *resolver = sure__alloc(sizeof *resolver);
  if (resolver == NULL) {
    return NULL;
  }
  pthread_t thread;
  pthread_mutex_init(&resolver->mutex, NULL);
  (void)sure__condition_init(&resolver->changed);
  resolver->target = *target;
  resolver->interval_ms = interval_ms;
  resolver->fn = fn;
  resolver->user = user;
  resolver->is_wanted = true;
  resolver->retry_ms = RETRY_MS_INITIAL;
  if (sure__thread_start(&thread, run, resolver) != 0) {
    resolver->target.text = NULL;
    free_resolver(resolver);
    return NULL;
  }
  pthread_detach(thread);
  target->text = NULL;
  return resolver;
}

void sure__resolver_want(struct sure__resolver *resolver) {
  pthread_mutex_lock(&resolver->mutex);
  resolver->is_wanted = true;
  pthread_cond_signal(&resolver->changed);
  pthread_mutex_unlock(&resolver->mutex);
}

struct sure__resolver *sure__resolver_close(struct sure__resolver *resolver) {
  if (resolver != NULL) {
    pthread_mutex_lock(&resolver->mutex);
    resolver->is_closed = true;
    pthread_cond_signal(&resolver->changed);
    pthread_mutex_unlock(&resolver->mutex);
  }
  return NULL;
}
