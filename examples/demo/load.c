#include "load.h"

#include <inttypes.h>
#include <signal.h>
#include <time.h>

/* The server lives so long between two kills, and is away so long after one. */
#define ALIVE_MS 400
#define AWAY_MS  250
#define LOOK_MS  10

int64_t load_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void sleep_ms(long ms) {
  struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  nanosleep(&time, NULL);
}

static bool all_ended(struct cast *cast) {
  bool all = true;
  for (int i = 0; i < LOADS; i++) {
    all = all && child_has_ended(&cast->loads[i]);
  }
  return all;
}

/* Wait until the loads have ended or `ms` have passed; true if they have ended. */
static bool wait_for_loads(struct cast *cast, int64_t ms) {
  int64_t until = load_now_ms() + ms;
  while (!all_ended(cast)) {
    if (load_now_ms() >= until) {
      return false;
    }
    sleep_ms(LOOK_MS);
  }
  return true;
}

/* Kill the server in the middle of its work, and start another one on the same database. */
static bool kill_server(struct cast *cast, struct sums *sums, const char **out_why) {
  if (child_has_ended(&cast->server)) {
    *out_why = "the server ended by itself (see server.log)";
    return false;
  }
  child_end(&cast->server, SIGKILL);
  child_fini(&cast->server);
  sums->kills++;
  fprintf(stderr, "bank-demo: server killed, number %" PRIu64 "\n", sums->kills);
  sleep_ms(AWAY_MS);
  return cast_start_server(cast, out_why);
}

bool load_run_round(struct cast *cast, unsigned round, struct sums *sums, const char **out_why) {
  for (unsigned i = 0; i < LOADS; i++) {
    if (!cast_start_load(cast, i, round * LOADS + i, cast->proxy_url, out_why)) {
      return false;
    }
  }
  while (!wait_for_loads(cast, ALIVE_MS)) {
    if (!kill_server(cast, sums, out_why)) {
      return false;
    }
  }
  for (int i = 0; i < LOADS; i++) {
    if (!results_add(&cast->loads[i], &sums->results, out_why)) {
      return false;
    }
  }
  return true;
}
