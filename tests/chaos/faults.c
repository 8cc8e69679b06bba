/* Faults are cards of a deck. It is shuffled, played to its end, and shuffled again: each kind
 * comes, in an order that only the seed decides. Between two cards everything is in order until
 * charges get through again, so that the next fault finds some in the middle. */
#include "faults.h"

#include "disk.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define CALM_MS_MIN 150
#define CALM_MS_MAX 450
/* The server can't book anything for so long: the disk is full for it, too. */
#define STALLED_MS 400
/* For a full disk, or the end of a fault, to show in the bookings. */
#define NOTICED_MS_MAX 20000

__attribute__((format(printf, 2, 3))) static void tell(const struct stage *stage,
                                                       const char *format, ...) {
  const struct counts *counts = &stage->counts;
  int64_t ms = stage_now_ms() - stage->started_ms;
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "[%5.1f s] ", (double)ms / 1000);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fprintf(stderr, " | %" PRIu64 " charges, %u kills, %u partitions\n", stage_applied(stage),
          counts->kills, counts->partitions);
}

static int64_t time_between(struct stage *stage, uint64_t min_ms, uint64_t max_ms) {
  return (int64_t)stage_dice(stage, min_ms, max_ms);
}

/* Everything is in order: charges have to get through. */
static bool calm_down(struct stage *stage) {
  uint64_t before = stage_applied(stage);
  int64_t give_up_at = stage_now_ms() + NOTICED_MS_MAX;
  int64_t ms = time_between(stage, CALM_MS_MIN, CALM_MS_MAX);
  do {
    if (!stage_run(stage, ms)) {
      return false;
    }
    if (stage_now_ms() > give_up_at) {
      return stage_fail(stage, "nothing is booked though everything is in order");
    }
  } while (stage_applied(stage) <= before);
  return true;
}

static bool play_kill(struct stage *stage) {
  int64_t away_ms = time_between(stage, 20, 400);
  tell(stage, "the server is killed, for %" PRId64 " ms", away_ms);
  return stage_kill_server(stage) && stage_run(stage, away_ms) && stage_start_server(stage, false);
}

static bool play_client_kill(struct stage *stage) {
  tell(stage, "a client is killed, and another does the same again");
  return stage_kill_client(stage);
}

/* In one of four partitions the server is also killed, so that it comes back to nobody. */
static bool play_partition(struct stage *stage) {
  const char *how;
  int64_t half_ms = time_between(stage, 50, 700);
  bool with_kill = stage_dice(stage, 0, 3) == 0;
  if (!network_cut(&stage->network, &stage->cast, stage_dice(stage, 0, 99), &how)) {
    return stage_fail(stage, "the network can't be cut");
  }
  stage->counts.partitions++;
  tell(stage, "partition for %" PRId64 " ms: %s%s", 2 * half_ms, how,
       with_kill ? ", and the server is killed" : "");
  bool played = stage_run(stage, half_ms) && (!with_kill || stage_kill_server(stage)) &&
                stage_start_server(stage, false) && stage_run(stage, half_ms);
  bool healed = network_heal(&stage->network, &stage->cast);
  return played && (healed || stage_fail(stage, "the network can't be healed"));
}

/* Longer than calls and their attempts last. */
static bool play_stop(struct stage *stage) {
  int64_t ms = time_between(stage, 100, 1500);
  tell(stage, "the server is stopped for %" PRId64 " ms", ms);
  stage->counts.stops++;
  kill(stage->cast.server.pid, SIGSTOP);
  bool played = stage_run(stage, ms);
  kill(stage->cast.server.pid, SIGCONT);
  return played;
}

/* Keep the disk full until nothing is booked any more. */
static bool fill_until_stalled(struct stage *stage) {
  int64_t give_up_at = stage_now_ms() + NOTICED_MS_MAX;
  uint64_t applied;
  do {
    applied = stage_applied(stage);
    if (!disk_fill()) {
      return stage_fail(stage, "the disk can't be filled");
    }
    if (stage_now_ms() > give_up_at) {
      return stage_fail(stage, "charges are booked on a full disk");
    }
    if (!stage_run(stage, STALLED_MS)) {
      return false;
    }
  } while (stage_applied(stage) != applied);
  return true;
}

/* The server says RESOURCE_EXHAUSTED, or ends. Half the time it is killed then, and has to decide
 * without any room whether it can start. */
static bool play_full(struct stage *stage) {
  bool with_kill = stage_dice(stage, 0, 1) == 0;
  tell(stage, "the disk is full%s", with_kill ? ", and the server is killed" : "");
  if (!fill_until_stalled(stage)) {
    return false;
  }
  stage->counts.fulls++;
  tell(stage, "the disk is still full: nothing is booked");
  if (with_kill && !(stage_kill_server(stage) && stage_start_server(stage, true))) {
    return false;
  }
  if (!stage_run(stage, time_between(stage, 100, 600))) {
    return false;
  }
  return (disk_free() || stage_fail(stage, "the disk can't be freed")) &&
         stage_start_server(stage, false);
}

/* The kernel makes no file system read only under a running server: it is killed, and has to
 * refuse to start. */
static bool play_readonly(struct stage *stage) {
  bool runs;
  tell(stage, "the server is killed, and finds its disk read only");
  if (!stage_kill_server(stage)) {
    return false;
  }
  if (!disk_set_readonly(true)) {
    return stage_fail(stage, "the disk can't be made read only");
  }
  if (!stage_start_server(stage, true) || !stage_reap_server(stage, &runs)) {
    return false;
  }
  if (runs) {
    return stage_fail(stage, "the server serves from a disk that it can't write to");
  }
  stage->counts.readonly++;
  return stage_run(stage, time_between(stage, 50, 400)) &&
         (disk_set_readonly(false) || stage_fail(stage, "the disk stays read only")) &&
         stage_start_server(stage, false);
}

/* Lower a soft limit of the running server, and raise it again after a while. */
static bool play_limit(struct stage *stage, enum __rlimit_resource what, rlim_t limit) {
  struct rlimit before;
  pid_t pid = stage->cast.server.pid;
  if (prlimit(pid, what, NULL, &before) != 0 ||
      prlimit(pid, what, &(struct rlimit){limit, before.rlim_max}, NULL) != 0) {
    return stage_fail(stage, "the server's limits can't be changed");
  }
  stage->counts.limits++;
  if (!stage_run(stage, time_between(stage, 300, 1200))) {
    return false;
  }
  /* It may be gone. */
  (void)prlimit(pid, what, &before, NULL);
  return stage_start_server(stage, false);
}

/* No file and no connection more; a client that is killed makes sure that some are wanted. */
static bool play_files(struct stage *stage) {
  tell(stage, "the server may open no more files, and a client is killed");
  return stage_kill_client(stage) && play_limit(stage, RLIMIT_NOFILE, 8);
}

/* The size of its address space, in pages; 0 if that can't be read. */
static unsigned long pages_of(pid_t pid) {
  char path[64];
  char line[128] = "";
  snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
  FILE *statm = fopen(path, "r");
  if (statm == NULL) {
    return 0;
  }
  bool read = fgets(line, sizeof line, statm) != NULL;
  fclose(statm);
  return read ? strtoul(line, NULL, 10) : 0;
}

static bool play_memory(struct stage *stage) {
  rlim_t bytes = (rlim_t)pages_of(stage->cast.server.pid) * (rlim_t)sysconf(_SC_PAGESIZE);
  if (bytes == 0) {
    return stage_fail(stage, "the server's size can't be read");
  }
  tell(stage, "the server gets no more memory than its %lu MiB", (unsigned long)(bytes >> 20));
  return play_limit(stage, RLIMIT_AS, bytes);
}

struct card {
  bool (*play)(struct stage *stage);
  unsigned copies;
  bool needs_disk;
};

static const struct card cards[] = {
    {play_kill, 6, false},  {play_client_kill, 2, false}, {play_partition, 4, false},
    {play_stop, 2, false},  {play_full, 1, true},         {play_readonly, 1, true},
    {play_files, 1, false}, {play_memory, 1, false},
};

#define DECK_MAX 32

static unsigned shuffle(struct stage *stage, const struct card *deck[DECK_MAX]) {
  unsigned count = 0;
  for (size_t i = 0; i < sizeof cards / sizeof *cards; i++) {
    for (unsigned j = 0; j < cards[i].copies && (stage->has_disk || !cards[i].needs_disk); j++) {
      deck[count++] = &cards[i];
    }
  }
  for (unsigned i = count - 1; i > 0; i--) {
    uint64_t j = stage_dice(stage, 0, i);
    const struct card *card = deck[i];
    deck[i] = deck[j];
    deck[j] = card;
  }
  return count;
}

/* Enough for the time: 20 kills and 10 partitions in a run of 100 seconds. */
static bool is_enough(const struct stage *stage, unsigned seconds) {
  const struct counts *counts = &stage->counts;
  bool on_disk = !stage->has_disk || (counts->fulls > 0 && counts->readonly > 0);
  return counts->kills >= (seconds + 4) / 5 && counts->partitions >= (seconds + 9) / 10 &&
         counts->stops > 0 && counts->client_kills > 0 && counts->limits > 1 && on_disk;
}

static bool is_over(const struct stage *stage, unsigned seconds) {
  return stage_now_ms() - stage->started_ms >= (int64_t)seconds * 1000 && is_enough(stage, seconds);
}

bool faults_play(struct stage *stage, unsigned seconds) {
  const struct card *deck[DECK_MAX];
  unsigned count = 0;
  while (!is_over(stage, seconds)) {
    if (count == 0) {
      count = shuffle(stage, deck);
    }
    if (!calm_down(stage) || !deck[--count]->play(stage)) {
      return false;
    }
  }
  return true;
}

void faults_list_missing(const struct stage *stage) {
  if (!stage->network.is_apart) {
    fprintf(stderr, "not run here: cutting links between network namespaces (not permitted); the "
                    "proxy is stopped and killed instead\n");
  }
  if (stage->network.is_apart && stage->network.noise == NETWORK_QUIET) {
    fprintf(stderr, "not run here: loss, delay, reordering and duplication of packets (neither "
                    "netem nor TAP interfaces); the proxy loses requests and replies\n");
  }
  if (!stage->has_disk) {
    fprintf(stderr, "not run here: a full disk, a read-only disk (mounts are not permitted)\n");
  }
}
