/* bank-demo: the bank under fire. Clients charge through a lossy network while the server is killed
 * again and again; then the ledger is audited against what the clients were told.
 *
 * The last line is "SURE DEMO OK ..." with exit status 0, or "SURE DEMO FAILED ..." with 1. */
#include "load.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What has to have happened for the demo to show anything. */
#define CHARGES_MIN 5000
#define KILLS_MIN   5
/* No further round is begun after that. */
#define ROUNDS_MS_MAX 60000

struct verdict {
  const char *why; /* it failed; NULL: it did not */
  struct sums sums;
  char audit[1024]; /* bank-audit's line */
};

static bool has_happened(const struct sums *sums) {
  const struct results *results = &sums->results;
  return results->charges >= CHARGES_MIN && sums->kills >= KILLS_MIN && results->replayed > 0 &&
         results->joined > 0 && results->settled > 0 && results->reconnects >= sums->kills;
}

/* Rounds until everything has been seen; returns how many. */
static unsigned run_rounds(struct cast *cast, struct verdict *verdict) {
  int64_t until = load_now_ms() + ROUNDS_MS_MAX;
  unsigned round = 0;
  struct sums *sums = &verdict->sums;
  while (!has_happened(sums) && load_now_ms() < until && verdict->why == NULL) {
    const char *why = NULL;
    if (!load_run_round(cast, round++, sums, &why)) {
      verdict->why = why;
    }
    fprintf(stderr,
            "bank-demo: %" PRIu64 " charges, %" PRIu64 " kills, %" PRIu64 " replayed, %" PRIu64
            " joined, %" PRIu64 " settled\n",
            sums->results.charges, sums->kills, sums->results.replayed, sums->results.joined,
            sums->results.settled);
  }
  return round;
}

/* In good order: first the network, then the server. Captured streams must have done nothing. */
static const char *stop(struct cast *cast) {
  char line[1024] = "";
  if (child_end(&cast->proxy, SIGTERM) != 0 ||
      fgets(line, sizeof line, cast->proxy.output) == NULL) {
    return "the proxy did not end well";
  }
  fprintf(stderr, "bank-demo: the network: %s", line);
  if (child_number(line, "replay_answers") != 0) {
    return "the server answered a replayed stream";
  }
  return child_end(&cast->server, SIGTERM) == 0 ? NULL : "the server did not end well";
}

static const char *audit(const struct cast *cast, unsigned rounds, struct verdict *verdict) {
  static const char journal[] = "journal";
  if (!results_join_journals(rounds * LOADS, journal)) {
    return "the journals can't be joined";
  }
  int status = cast_run_audit(cast, journal, verdict->audit, sizeof verdict->audit);
  fprintf(stderr, "bank-demo: the audit: %s", verdict->audit);
  if (status != 0) {
    return status == 1 ? "the ledger is not clean" : "the audit can't be made";
  }
  bool same = child_number(verdict->audit, "charges") == verdict->sums.results.charges &&
              child_number(verdict->audit, "applied") == verdict->sums.results.charges;
  if (!same) {
    return "the ledger does not hold each charge";
  }
  return has_happened(&verdict->sums) ? NULL : "too little happened to show anything";
}

static void run(struct cast *cast, struct verdict *verdict) {
  if (!cast_start_server(cast, &verdict->why) || !cast_start_proxy(cast, &verdict->why)) {
    return;
  }
  verdict->why = NULL;
  unsigned rounds = run_rounds(cast, verdict);
  if (verdict->why == NULL) {
    verdict->why = stop(cast);
  }
  if (verdict->why == NULL) {
    verdict->why = audit(cast, rounds, verdict);
  }
}

static int print_verdict(const struct verdict *verdict) {
  const struct results *results = &verdict->sums.results;
  if (verdict->why != NULL) {
    printf("SURE DEMO FAILED %s\n", verdict->why);
    return 1;
  }
  printf("SURE DEMO OK charges=%" PRIu64 " applied=%" PRIu64 " lost=%" PRIu64 " doubled=%" PRIu64
         " unknown=%" PRIu64 " kills=%" PRIu64 " replayed=%" PRIu64 " joined=%" PRIu64
         " settled=%" PRIu64 " reconnects=%" PRIu64 "\n",
         results->charges, child_number(verdict->audit, "applied"),
         child_number(verdict->audit, "lost"), child_number(verdict->audit, "doubled"),
         child_number(verdict->audit, "unknown"), verdict->sums.kills, results->replayed,
         results->joined, results->settled, results->reconnects);
  return fflush(stdout) == 0 ? 0 : 1;
}

static error_t parse(int key, char *text, struct argp_state *state) {
  const char **directory = state->input;
  switch (key) {
  case 'd':
    *directory = text;
    return 0;
  case ARGP_KEY_END:
    if (*directory == NULL) {
      argp_error(state, "--dir must be given");
    }
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

int main(int argc, char **argv) {
  static const struct argp_option options[] = {
      {"dir", 'd', "DIRECTORY", 0, "A new one, for the database, journals and logs", 0}, {0}};
  static const struct argp argp = {
      .options = options,
      .parser = parse,
      .doc = "Charges a bank through a lossy network while its server is killed again and again, "
             "and audits the ledger."};
  const char *directory = NULL;
  argp_parse(&argp, argc, argv, 0, NULL, &directory);
  /* From inside it the socket's name is short, however deep it lies. */
  if (mkdir(directory, 0777) != 0 || chdir(directory) != 0) {
    printf("SURE DEMO FAILED can't make %s: %s\n", directory, strerror(errno));
    return 1;
  }
  struct cast cast = {.server_url = "ipc://server",
                      .proxy_url = "ipc://proxy",
                      .database = "bank.db",
                      .loss = "0.01",
                      .give_up_s = "40",
                      .charges_a_load = 2000};
  struct verdict verdict = {0};
  run(&cast, &verdict);
  cast_fini(&cast);
  return print_verdict(&verdict);
}
