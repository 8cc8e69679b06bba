/* What each end-to-end test starts from: a directory of its own, room for two server processes on
 * one database, a relay and a channel; and the calls of the test service with their ends in one
 * struct. Everything is taken down after each test, whatever it left running. */
#ifndef SURE_TESTS_E2E_WORLD_H
#define SURE_TESTS_E2E_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <sure/sure.h>
#include <sys/types.h>

#include "../lib/relay.h"
#include "e2e.sure.h"

/* ---- servers ---- */

struct server {
  pid_t pid; /* 0: none */
  int control;
  char url[128];
};

struct server_options {
  const char *database; /* NULL: in memory */
  const char *url;      /* NULL: a free port of loopback */
  unsigned lease_ms;
  unsigned busy_ms;
};

/* Returns when it listens. */
void server_start(struct server *server, const struct server_options *options);
/* A handler of a request with `meets` has done its work and waits. */
void server_wait_in_handler(struct server *server);
/* A handler that waits, or the next one that would, goes on. */
void server_let_go(struct server *server);
void server_signal(const struct server *server, int number);
/* Until it is over; its exit status, or the negative number of the signal that ended it. */
int server_wait(struct server *server);
/* SIGKILL, and wait. Fails when it has ended by itself. Harmless without a server. */
void server_kill(struct server *server);

/* ---- the world ---- */

struct world {
  char directory[64];
  char database[96];
  struct server server;
  struct server other;
  struct relay *relay;
  struct sure_channel *channel; /* through the relay */
  struct pending *pendings;     /* all that were started; freed after the channel */
};

/* For cmocka_unit_test_setup_teardown. */
int world_setup(void **state);
int world_teardown(void **state);
#define E2E_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
/* The first argument chooses tests by a pattern with * and ?. */
#define e2e_run(tests, argc, argv)                                                                 \
  ((argc) > 1 ? cmocka_set_test_filter((argv)[1]) : (void)0,                                       \
   cmocka_run_group_tests(tests, NULL, NULL))

/* A server on the world's database, a relay to it, and a channel through that with `options`
 * (without target; NULL: none). */
void world_serve(struct world *world, const struct sure_channel_options *options);
/* The same with a store in memory. */
void world_serve_memory(struct world *world, const struct sure_channel_options *options);
/* A new server process in place of the one that is gone; the relay leads to it from now on. */
void world_restart(struct world *world);
struct sure_channel *open_channel(const char *url, const struct sure_channel_options *options);
/* One integer from the world's database. */
int64_t world_query(const struct world *world, const char *sql);

/* Milliseconds of a clock that only goes forward. */
uint64_t now_ms(void);
/* For wait_until: sleeps a moment; ends the process when too many have passed. */
void wait_a_moment(unsigned *moments, const char *what);
#define wait_until(condition)                                                                      \
  for (unsigned moments_ = 0; !(condition); wait_a_moment(&moments_, #condition)) {                \
  }

/* ---- calls ---- */

struct end {
  enum sure_code code;
  enum sure_outcome outcome;
  enum sure_reason reason;
  unsigned attempts;
  bool replayed;
  bool recorded;
  bool settled;
  struct sure_call_id id;
  int64_t total;      /* of the reply */
  size_t ballast_len; /* of the reply */
};

#define assert_end(actual, code_, outcome_)                                                        \
  do {                                                                                             \
    struct end end_ = (actual);                                                                    \
    assert_string_equal(sure_code_name(end_.code), sure_code_name(code_));                         \
    assert_string_equal(sure_outcome_name(end_.outcome), sure_outcome_name(outcome_));             \
  } while (0)
#define assert_reason(actual, reason_)                                                             \
  assert_string_equal(sure_reason_name((actual).reason), sure_reason_name(reason_))

Sure__E2e__V1__AddRequest add_request(int64_t amount);
struct end add(struct sure_channel *channel, const Sure__E2e__V1__AddRequest *request,
               const struct sure_call_options *options);
/* Add(1) with the channel's options. */
struct end add_one(struct sure_channel *channel);
struct end add_keyed(struct sure_channel *channel, const char *key, int64_t amount);
struct end settle_call(struct sure_channel *channel, struct sure_call_id id);
struct end settle_key(struct sure_channel *channel, const char *key);

/* The server's own account, asked on a connection of its own. */
struct account {
  int64_t total;
  uint64_t effects;
  uint64_t runs;
  uint64_t joined;
  uint64_t replayed;
  uint64_t stale;
  uint64_t protocol_errors;
};
struct account account_of(const struct server *server);
void assert_account(const struct server *server, int64_t total, uint64_t effects);

/* A call that the test does not wait for yet. It belongs to the world, so that a completion finds
 * it even when the test has failed and gone. */
struct pending {
  struct pending *next;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  bool done;
  uint64_t handle;
  struct end end;
};
struct pending *pending_add(struct world *world, struct sure_channel *channel,
                            const Sure__E2e__V1__AddRequest *request,
                            const struct sure_call_options *options);
struct pending *pending_add_keyed(struct world *world, struct sure_channel *channel,
                                  const char *key, int64_t amount);
void pendings_free(struct pending *pendings);
bool pending_is_done(struct pending *pending);
struct end pending_wait(struct pending *pending);

#endif
