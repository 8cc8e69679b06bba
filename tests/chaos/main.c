/* sure-chaos: real bank servers and clients while everything around them fails: the network, the
 * disk, the processes themselves. Then the ledger is audited against what the clients were told.
 *
 * The last line is "SURE CHAOS OK ..." with exit status 0, or "SURE CHAOS FAILED ..." with 1. */
#include "disk.h"
#include "faults.h"
#include "shell.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXIT_SKIPPED 77

struct arguments {
  const char *directory;
  uint64_t seed;
  unsigned seconds;
  bool apart;   /* in namespaces, if that is permitted */
  bool or_skip; /* ... and not at all if it is not */
};

enum { KEY_SEED = 0x100, KEY_SECONDS, KEY_OR_SKIP, KEY_NO_NAMESPACES };

static const struct argp_option options[] = {
    {"dir", 'd', "DIRECTORY", 0, "A new one, for journals and logs", 0},
    {"seed", KEY_SEED, "NUMBER", 0, "The same number, the same faults in the same order (1)", 0},
    {"seconds", KEY_SECONDS, "NUMBER", 0, "How long faults happen, at least: 10 to 3600 (100)", 0},
    {"or-skip", KEY_OR_SKIP, NULL, 0,
     "End with status 77 where namespaces and mounts are not permitted", 0},
    {"no-namespaces", KEY_NO_NAMESPACES, NULL, 0, "As if they were not permitted", 0},
    {0}};

static uint64_t parse_number(struct argp_state *state, const char *text, uint64_t min,
                             uint64_t max) {
  char *end;
  errno = 0;
  unsigned long long number = strtoull(text, &end, 10);
  if (errno || end == text || *end != '\0' || *text == '-' || number < min || number > max) {
    argp_error(state, "'%s' is not a number from %" PRIu64 " to %" PRIu64, text, min, max);
  }
  return number;
}

static error_t parse(int key, char *text, struct argp_state *state) {
  struct arguments *arguments = state->input;
  switch (key) {
  case 'd':
    arguments->directory = text;
    return 0;
  case KEY_SEED:
    arguments->seed = parse_number(state, text, 0, UINT64_MAX);
    return 0;
  case KEY_SECONDS:
    arguments->seconds = (unsigned)parse_number(state, text, 10, 3600);
    return 0;
  case KEY_OR_SKIP:
    arguments->or_skip = true;
    return 0;
  case KEY_NO_NAMESPACES:
    arguments->apart = false;
    return 0;
  case ARGP_KEY_ARG:
    argp_error(state, "'%s' is one word too many", text);
    return 0;
  case ARGP_KEY_END:
    if (arguments->directory == NULL) {
      argp_error(state, "--dir must be given");
    }
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp argp = {
    .options = options,
    .parser = parse,
    .doc =
        "Runs a bank while its network, its disk and its processes fail, and audits the ledger."};

/* In good order: first the network, then the server. Captured streams must have done nothing. */
static bool stop(struct stage *stage) {
  char line[1024] = "";
  struct cast *cast = &stage->cast;
  if (child_end(&cast->proxy, SIGTERM) != 0 ||
      fgets(line, sizeof line, cast->proxy.output) == NULL) {
    return stage_fail(stage, "the proxy did not end well");
  }
  fprintf(stderr, "the proxy: %s", line);
  if (child_number(line, "replay_answers") != 0) {
    return stage_fail(stage, "the server answered a replayed stream");
  }
  return child_end(&cast->server, SIGTERM) == 0 ||
         stage_fail(stage, "the server did not end well (see server.log)");
}

static void tell_of_packets(const struct wire_stats *wire) {
  fprintf(stderr,
          "the link: %" PRIu64 " packets, %" PRIu64 " lost, %" PRIu64 " doubled, %" PRIu64
          " overtaken\n",
          wire->frames, wire->lost, wire->doubled, wire->late);
}

static bool audit(struct stage *stage, char *line, size_t len) {
  static const char journal[] = "journal";
  if (!results_join_journals(stage->load_count, journal)) {
    return stage_fail(stage, "the journals can't be joined");
  }
  int status = cast_run_audit(&stage->cast, journal, line, len);
  fprintf(stderr, "the audit: %s", line);
  if (status != 0) {
    return stage_fail(stage, status == 1 ? "the ledger is not clean" : "the audit can't be made");
  }
  bool same = child_number(line, "charges") == stage->results.charges &&
              child_number(line, "applied") == stage->results.charges;
  return same || stage_fail(stage, "the ledger does not hold each charge");
}

static bool run(struct stage *stage, unsigned seconds, char *audit_line, size_t len) {
  if (!stage_open(stage) || !faults_play(stage, seconds)) {
    return false;
  }
  fprintf(stderr, "no more faults: the clients bring their payments to an end\n");
  return stage_finish(stage) && stop(stage) && audit(stage, audit_line, len);
}

/* The disk vanishes with us: what a failure left on it is copied to where it can be looked at. */
static void keep_database(const struct stage *stage) {
  if (stage->has_disk && !shell("cp " DISK_DIRECTORY "/bank.db* .")) {
    fprintf(stderr, "the database can't be kept\n");
  }
}

static void print_counts(const struct stage *stage, const char *line) {
  const struct counts *counts = &stage->counts;
  printf("kills=%u partitions=%u stops=%u fulls=%u readonly=%u charges=%" PRIu64 " applied=%" PRIu64
         " lost=%" PRIu64 " doubled=%" PRIu64 " unknown=%" PRIu64 "\n",
         counts->kills, counts->partitions, counts->stops, counts->fulls, counts->readonly,
         stage->results.charges, child_number(line, "applied"), child_number(line, "lost"),
         child_number(line, "doubled"), child_number(line, "unknown"));
}

static int print_verdict(const struct stage *stage, const char *line) {
  const struct counts *counts = &stage->counts;
  fprintf(stderr,
          "besides: %u clients killed, %u limits on files and memory, %u exits of the server by "
          "itself; %" PRIu64 " replies replayed, %" PRIu64 " calls settled\n",
          counts->client_kills, counts->limits, counts->exits, stage->results.replayed,
          stage->results.settled);
  if (stage->network.noise == NETWORK_WIRE) {
    tell_of_packets(&stage->network.wire);
  }
  faults_list_missing(stage);
  if (stage->why != NULL) {
    printf("SURE CHAOS FAILED %s: ", stage->why);
  } else {
    printf("SURE CHAOS OK ");
  }
  print_counts(stage, line);
  return fflush(stdout) == 0 && stage->why == NULL ? 0 : 1;
}

static void took_too_long(int signal) {
  static const char line[] = "SURE CHAOS FAILED it took too long\n";
  (void)signal;
  (void)!write(STDOUT_FILENO, line, sizeof line - 1);
  _exit(1);
}

static void set_scene(struct stage *stage, bool apart) {
  if (apart && network_unshare()) {
    stage->has_disk = disk_mount();
    (void)network_open(&stage->network, stage->random);
  }
  network_address(&stage->network, &stage->cast);
}

int main(int argc, char **argv) {
  struct arguments arguments = {.seed = 1, .seconds = 100, .apart = true};
  argp_parse(&argp, argc, argv, 0, NULL, &arguments);
  /* From inside it the sockets' names are short, however deep it lies. */
  if (mkdir(arguments.directory, 0777) != 0 || chdir(arguments.directory) != 0 ||
      mkdir(DISK_DIRECTORY, 0777) != 0) {
    printf("SURE CHAOS FAILED can't make %s: %s\n", arguments.directory, strerror(errno));
    return 1;
  }
  char give_up_s[16];
  snprintf(give_up_s, sizeof give_up_s, "%u", 2 * arguments.seconds + 30);
  struct stage stage = {.cast = {.database = DISK_DIRECTORY "/bank.db",
                                 .loss = "0.005",
                                 .give_up_s = give_up_s,
                                 .charges_a_load = 2000},
                        .random = arguments.seed,
                        .started_ms = stage_now_ms()};
  set_scene(&stage, arguments.apart);
  faults_list_missing(&stage);
  if (arguments.or_skip && (!stage.has_disk || !stage.network.is_apart)) {
    printf("SURE CHAOS SKIPPED namespaces or mounts are not permitted here\n");
    return EXIT_SKIPPED;
  }
  signal(SIGALRM, took_too_long);
  alarm(2 * arguments.seconds + 60);

  char audit_line[1024] = "";
  if (!run(&stage, arguments.seconds, audit_line, sizeof audit_line)) {
    keep_database(&stage);
  }
  stage_close(&stage);
  return print_verdict(&stage, audit_line);
}
