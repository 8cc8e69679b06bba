/* The ways in which a server ends: drained, stopped, by a signal, by a broken store. */
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "rpc/core/log.h"
#include "rpc/core/server_stream.h"
#include "rpc/net/clock.h"
#include "rpc/server/shell.h"

enum { DRAIN_MS_DEFAULT = 30000, DRAIN_POLL_MS = 5 };

static void wake_run(struct sure_server *server) {
  eventfd_t one = 1;
  ssize_t written = write(server->event_fd, &one, sizeof one);
  (void)written; /* it can only fail when the counter is full, and then it is readable */
}

void sure__server_fail(struct sure_server *server) {
  if (!atomic_exchange(&server->has_failed, true)) {
    sure__log(&server->options.logger, SURE_LOG_ERROR,
              "the store has failed; nothing is answered any more, restart the server");
    wake_run(server);
  }
}

void sure_server_stop(struct sure_server *server) {
  atomic_store(&server->is_stopping, true);
  sure__links_close(server, "the server stops");
  pthread_mutex_lock(&server->lock);
  pthread_cond_broadcast(&server->changed);
  pthread_mutex_unlock(&server->lock);
  wake_run(server);
}

/* No new connections and no new calls from here on. */
static void begin_drain(struct sure_server *server) {
  pthread_mutex_lock(&server->lock);
  server->is_draining = true;
  pthread_mutex_unlock(&server->lock);
  for (size_t i = 0; i < server->listener_count; i++) {
    sure__listener_close(server->listeners[i]);
  }
  for (size_t i = 0; i < server->shard_count; i++) {
    struct sure__shard *shard = &server->shards[i];
    pthread_mutex_lock(&shard->lock);
    sure__server_drain(&shard->engine);
    sure__shard_finish(shard);
  }
}

static bool engines_are_idle(struct sure_server *server) {
  bool is_idle = true;
  for (size_t i = 0; i < server->shard_count; i++) {
    struct sure__shard *shard = &server->shards[i];
    pthread_mutex_lock(&shard->lock);
    is_idle = is_idle && sure__server_is_idle(&shard->engine);
    pthread_mutex_unlock(&shard->lock);
  }
  return is_idle;
}

static bool all_is_sent(struct sure_server *server) {
  bool is_sent = true;
  pthread_mutex_lock(&server->lock);
  for (struct sure__list *l = server->links.next; l != &server->links; l = l->next) {
    struct sure__link *link = sure__container_of(l, struct sure__link, of_server);
    is_sent = is_sent && sure__connection_unsent_len(link->connection) == 0;
  }
  pthread_mutex_unlock(&server->lock);
  return is_sent;
}

static void wait_for_links(struct sure_server *server) {
  pthread_mutex_lock(&server->lock);
  while (server->link_count > 0) {
    pthread_cond_wait(&server->changed, &server->lock);
  }
  pthread_mutex_unlock(&server->lock);
}

/* Waits a little, less if the server is stopped. */
static void pause_drain(struct sure_server *server) {
  pthread_mutex_lock(&server->lock);
  sure__condition_wait_until(&server->changed, &server->lock, sure__clock_ms() + DRAIN_POLL_MS);
  pthread_mutex_unlock(&server->lock);
}

static bool never(void *user) {
  (void)user;
  return false;
}

static enum sure_code drain(struct sure_server *server, uint32_t drain_ms_max,
                            bool (*is_cut_short)(void *user), void *user) {
  uint64_t until_ms =
      sure__clock_ms() + (drain_ms_max == 0 ? (uint32_t)DRAIN_MS_DEFAULT : drain_ms_max);
  enum sure_code code = SURE_OK;
  begin_drain(server);
  while (!engines_are_idle(server) || !all_is_sent(server)) {
    if (sure__clock_ms() >= until_ms || atomic_load(&server->is_stopping) ||
        atomic_load(&server->has_failed) || is_cut_short(user)) {
      code = SURE_DEADLINE_EXCEEDED;
      break;
    }
    pause_drain(server);
  }
  sure__links_close(server, "drained");
  wait_for_links(server);
  return code;
}

/* Their clients could not come back, and handlers would wait for them until their deadlines. */
static void end_streams(struct sure_server *server) {
  for (size_t i = 0; i < server->shard_count; i++) {
    struct sure__shard *shard = &server->shards[i];
    pthread_mutex_lock(&shard->lock);
    sure__server_end_streams(&shard->engine);
    sure__shard_finish(shard);
  }
}

/* After the connections are closed, what runs still runs to its end; the store decides about it. */
void sure__server_end(struct sure_server *server) {
  atomic_store(&server->is_stopping, true);
  (void)drain(server, 1, never, NULL);
  end_streams(server);
  while (!engines_are_idle(server)) {
    pause_drain(server);
  }
  sure__finishers_wait(server);
}

enum sure_code sure_server_drain(struct sure_server *server, uint32_t drain_ms_max) {
  return drain(server, drain_ms_max, never, NULL);
}

/* A signal has come since the last look. */
static bool signal_came(void *user) {
  const int *signal_fd = user;
  struct signalfd_siginfo info;
  return read(*signal_fd, &info, sizeof info) == (ssize_t)sizeof info;
}

static void wait_for_end(struct sure_server *server, int signal_fd) {
  struct pollfd ends[2] = {{.fd = signal_fd, .events = POLLIN},
                           {.fd = server->event_fd, .events = POLLIN}};
  while (!signal_came(&signal_fd) && !atomic_load(&server->is_stopping) &&
         !atomic_load(&server->has_failed)) {
    (void)poll(ends, 2, -1);
  }
}

enum sure_code sure_server_run(struct sure_server *server, uint32_t drain_ms_max) {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, NULL);
  int signal_fd = signalfd(-1, &ends, SFD_NONBLOCK | SFD_CLOEXEC);
  if (signal_fd < 0) {
    return SURE_RESOURCE_EXHAUSTED;
  }
  wait_for_end(server, signal_fd);
  enum sure_code code = drain(server, drain_ms_max, signal_came, &signal_fd);
  close(signal_fd);
  return atomic_load(&server->has_failed) ? SURE_DATA_LOSS : code;
}
