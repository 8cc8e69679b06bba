/* A server with one hand-written service "echo.Echo": each method gives its line back, in a run
 * mode of its own. */
#ifndef TESTS_E2E_RAW_SERVER_H
#define TESTS_E2E_RAW_SERVER_H

#include <stdatomic.h>
#include <sure/server.h>

#include "tests/e2e/raw_client.h"

enum echo_method {
  ECHO_INLINE,
  ECHO_POOL,
  ECHO_TX,
  ECHO_PREPARE,
  ECHO_SLOW,  /* pool; stays in the handler until echo_let_go */
  ECHO_LARGE, /* pool; answers with 600 000 bytes whatever it is asked */
  ECHO_READ,  /* no side effects */
  ECHO_METHODS,
};

struct echo_server {
  struct sure_server *server;
  const char *url;
  atomic_int run_count; /* second phases, for PREPARE */
  atomic_int prepare_count;
};

/* `options` may be NULL. Asserts that it worked; `*url` may be NULL for a free port. */
void echo_start(struct echo_server *echo, const struct sure_server_options *options,
                const char *url);
void echo_stop(struct echo_server *echo);

/* Until a handler of ECHO_SLOW is inside. */
void echo_wait_for_slow(void);
/* One handler of ECHO_SLOW goes on. */
void echo_let_go(void);

struct sure__frame echo_request(enum echo_method method, uint64_t sequence, uint32_t attempt,
                                struct sure_bytes payload);
/* A first attempt, or another. */
void echo_call(struct raw_client *client, enum echo_method method, uint64_t sequence,
               uint32_t attempt, const char *text);
/* The next frame but ACCEPTED is the reply to `sequence`, with `text` and `flags`. */
void echo_expect(struct raw_client *client, uint64_t sequence, const char *text, unsigned flags);

#endif
