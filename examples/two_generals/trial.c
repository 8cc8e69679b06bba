#include "trial.h"

#include "callers.h"
#include "child.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

struct world {
  struct child server;
  struct child proxy;
  char ledger[CHILD_PATH_LEN_MAX + 32];
  char proxy_url[CHILD_URL_LEN_MAX];
};

static bool complain(const char *what) {
  fprintf(stderr, "two_generals: %s\n", what);
  return false;
}

static bool start_server(struct world *world, const char *url) {
  char program[CHILD_PATH_LEN_MAX];
  char bound[CHILD_URL_LEN_MAX];
  if (!child_find(".", "two_generals-server", program)) {
    return false;
  }
  const char *argv[] = {program, "--listen", url, "--database", world->ledger, NULL};
  return child_start(argv, NULL, &world->server) && child_read_url(&world->server, bound);
}

static bool start_proxy(struct world *world, const struct trial *trial, const char *url) {
  char program[CHILD_PATH_LEN_MAX];
  char loss[32];
  char seed[32];
  snprintf(loss, sizeof loss, "%.6f", trial->loss);
  snprintf(seed, sizeof seed, "%" PRIu64, trial->seed);
  if (!child_find(".", "sure-lossy-proxy", program)) {
    return false;
  }
  const char *argv[] = {program, "--target",        url, "--loss", loss, "--seed",
                        seed,    "--stats-on-exit", NULL};
  return child_start(argv, NULL, &world->proxy) && child_read_url(&world->proxy, world->proxy_url);
}

static bool start_world(struct world *world, const struct trial *trial) {
  char url[CHILD_PATH_LEN_MAX + 32];
  snprintf(world->ledger, sizeof world->ledger, "%s/ledger.db", trial->directory);
  snprintf(url, sizeof url, "ipc://%s/server", trial->directory);
  return (start_server(world, url) || complain("the server does not start")) &&
         (start_proxy(world, trial, url) || complain("the proxy does not start"));
}

static void read_proxy_stats(struct world *world, struct tally *tally) {
  char line[1024] = "";
  if (fgets(line, sizeof line, world->proxy.output) == NULL) {
    return;
  }
  tally->replays = child_number(line, "replays");
  tally->replay_answers = child_number(line, "replay_answers");
  tally->faults = child_number(line, "faults_sum");
}

/* First the proxy, then the server in good order: after that nothing moves any more. */
static bool stop_world(struct world *world, struct tally *tally) {
  if (child_end(&world->proxy, SIGTERM) != 0) {
    return complain("the proxy did not end well");
  }
  read_proxy_stats(world, tally);
  return child_end(&world->server, SIGTERM) == 0 || complain("the server did not end well");
}

/* Lines of the ledger for each intent. */
static bool count_lines(const char *path, uint32_t *lines, uint32_t intents) {
  sqlite3 *ledger = NULL;
  sqlite3_stmt *select = NULL;
  int result = sqlite3_open_v2(path, &ledger, SQLITE_OPEN_READWRITE, NULL);
  if (result == SQLITE_OK) {
    result = sqlite3_prepare_v2(ledger, "SELECT intent FROM charge", -1, &select, NULL);
  }
  while (result == SQLITE_OK && (result = sqlite3_step(select)) == SQLITE_ROW) {
    sqlite3_int64 intent = sqlite3_column_int64(select, 0);
    if (intent >= 0 && intent < intents) {
      lines[intent]++;
    }
    result = SQLITE_OK;
  }
  sqlite3_finalize(select);
  sqlite3_close(ledger);
  return result == SQLITE_DONE;
}

static void compare(const enum word *words, const uint32_t *lines, uint32_t intents,
                    struct tally *tally) {
  for (uint32_t i = 0; i < intents; i++) {
    tally->applied += lines[i] > 0;
    tally->lost += lines[i] == 0;
    tally->doubled += lines[i] > 1;
    tally->unknown += words[i] == WORD_UNKNOWN;
    tally->wrong += (words[i] == WORD_APPLIED && lines[i] == 0) ||
                    (words[i] == WORD_NOT_APPLIED && lines[i] > 0);
  }
}

bool trial_run(const struct trial *trial, struct tally *out_tally) {
  struct world world = {0};
  struct tally tally = {0};
  enum word *words = calloc(trial->intents, sizeof *words);
  uint32_t *lines = calloc(trial->intents, sizeof *lines);
  bool done = (words != NULL && lines != NULL) || complain("out of memory");
  done = done && start_world(&world, trial);
  done = done && (callers_run(trial, world.proxy_url, words, &tally) ||
                  complain("the callers can't be started"));
  done = done && stop_world(&world, &tally);
  done = done &&
         (count_lines(world.ledger, lines, trial->intents) || complain("the ledger can't be read"));
  if (done) {
    compare(words, lines, trial->intents, &tally);
    *out_tally = tally;
  }
  child_fini(&world.proxy);
  child_fini(&world.server);
  free(words);
  free(lines);
  return done;
}
