#include "load.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHARGES_A_LOAD 2000
/* The server lives so long between two kills, and is away so long after one. */
#define ALIVE_MS 400
#define AWAY_MS  250
#define LOOK_MS  10
/* More intents than a load has. */
#define INTENTS_APART 1000000

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

/* The last line of a load's output is its result. */
static bool read_result(struct child *load, char *out_line, size_t len) {
  char line[1024];
  bool found = false;
  while (fgets(line, sizeof line, load->output) != NULL) {
    found = true;
    snprintf(out_line, len, "%s", line);
  }
  return found;
}

static bool add_result(struct child *load, struct sums *sums, const char **out_why) {
  char line[1024] = "";
  bool has_result = read_result(load, line, sizeof line);
  int status = child_end(load, 0);
  child_fini(load);
  if (!has_result || status != 0) {
    fprintf(stderr, "bank-demo: bank-load ended with status %d: %s\n", status, line);
    *out_why = "a client could not bring all its payments to an end (see load.log)";
    return false;
  }
  uint64_t connects = child_number(line, "connects");
  sums->charges += child_number(line, "charges");
  sums->replayed += child_number(line, "replayed");
  sums->joined += child_number(line, "joined");
  sums->settled += child_number(line, "settled");
  sums->reconnects += connects > LOAD_CONNECTIONS ? connects - LOAD_CONNECTIONS : 0;
  return true;
}

bool load_run_round(struct cast *cast, unsigned round, struct sums *sums, const char **out_why) {
  for (unsigned i = 0; i < LOADS; i++) {
    if (!cast_start_load(cast, round, i, CHARGES_A_LOAD, out_why)) {
      return false;
    }
  }
  while (!wait_for_loads(cast, ALIVE_MS)) {
    if (!kill_server(cast, sums, out_why)) {
      return false;
    }
  }
  for (int i = 0; i < LOADS; i++) {
    if (!add_result(&cast->loads[i], sums, out_why)) {
      return false;
    }
  }
  return true;
}

static bool append_journal(const char *path, uint64_t first_intent, FILE *out) {
  char line[512];
  FILE *in = fopen(path, "r");
  if (in == NULL) {
    return false;
  }
  while (fgets(line, sizeof line, in) != NULL) {
    char *rest = NULL;
    uint64_t intent = strtoull(line, &rest, 10);
    fprintf(out, "%" PRIu64 "%s", first_intent + intent, rest);
  }
  bool read = ferror(in) == 0;
  fclose(in);
  return read;
}

bool load_join_journals(unsigned rounds, const char *path) {
  FILE *out = fopen(path, "w");
  if (out == NULL) {
    return false;
  }
  bool joined = true;
  for (unsigned i = 0; i < rounds * LOADS; i++) {
    char journal[JOURNAL_NAME_LEN_MAX];
    cast_journal_name(i / LOADS, i % LOADS, journal);
    joined = joined && append_journal(journal, (uint64_t)i * INTENTS_APART, out);
  }
  joined = ferror(out) == 0 && joined;
  return fclose(out) == 0 && joined;
}
