#include "tests/sim/jobs.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/errand.h"

enum { WORKERS_MAX = 64, LOOK_EVERY_MS = 50, TELL_EVERY_MS = 5000 };

/* In memory that all of them see. A worker's totals are its own, and read only when the seed that
 * it is at does not matter. */
struct board {
  _Atomic uint64_t next_seed;
  atomic_bool is_over;
  struct place {
    _Atomic uint64_t seed; /* that the worker is at */
    struct totals totals;
  } places[WORKERS_MAX];
};

static volatile sig_atomic_t is_interrupted;

static void interrupt(int number) {
  (void)number;
  is_interrupted = 1;
}

static uint64_t real_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- totals ---- */

static void note_failure(struct totals *totals, uint64_t seed, const char *reason) {
  if (totals->failed_count == 0 || seed < totals->failed_seed) {
    totals->failed_seed = seed;
    (void)snprintf(totals->reason, sizeof totals->reason, "%s", reason);
  }
  totals->failed_count++;
}

/* What the seed that has just ended adds. */
static void note_seed(struct totals *totals) {
  totals->seeds++;
  totals->calls = errand_call_count();
  totals->steps += sim.steps;
  for (size_t i = 0; i < FAULT_COUNT; i++) {
    totals->faults[i] += sim.faults[i];
  }
  for (size_t i = 0; i < COVERAGE_COUNT; i++) {
    totals->coverage[i] += sim.coverage[i];
  }
}

static void add_totals(struct totals *sum, const struct totals *part) {
  sum->seeds += part->seeds;
  sum->calls += part->calls;
  sum->steps += part->steps;
  for (size_t i = 0; i < FAULT_COUNT; i++) {
    sum->faults[i] += part->faults[i];
  }
  for (size_t i = 0; i < COVERAGE_COUNT; i++) {
    sum->coverage[i] += part->coverage[i];
  }
  uint64_t before = sum->failed_count;
  if (part->failed_count > 0) {
    note_failure(sum, part->failed_seed, part->reason);
  }
  sum->failed_count = before + part->failed_count;
}

static void sum_up(const struct board *board, unsigned worker_count, struct totals *out_sum) {
  *out_sum = (struct totals){0};
  for (unsigned i = 0; i < worker_count; i++) {
    add_totals(out_sum, &board->places[i].totals);
  }
}

uint64_t totals_faults(const struct totals *totals) {
  uint64_t sum = 0;
  for (size_t i = 0; i < FAULT_COUNT; i++) {
    sum += totals->faults[i];
  }
  return sum;
}

static const char *const fault_names[] = {
#define FAULT_NAME(name, text) text,
    FAULT_LIST(FAULT_NAME)
#undef FAULT_NAME
};

static const char *const coverage_names[] = {
#define COVERAGE_NAME(name, text) text,
    COVERAGE_LIST(COVERAGE_NAME) COVERAGE_BANK_LIST(COVERAGE_NAME)
#undef COVERAGE_NAME
};

void totals_tell_faults(const struct totals *totals) {
  for (size_t i = 0; i < FAULT_COUNT; i++) {
    printf("%-26s %llu\n", fault_names[i], (unsigned long long)totals->faults[i]);
  }
}

/* With SQLite it is the bank of the examples that must have had its traffic; not all of the other
 * places can be reached there. */
static bool must_be_reached(enum coverage place, bool uses_sqlite) {
  return uses_sqlite ? place >= COVER_RECEIPT && place != COVER_CHOICE : place < COVER_RECEIPT;
}

bool totals_tell_coverage(const struct totals *totals, bool uses_sqlite) {
  size_t count = uses_sqlite ? COVERAGE_COUNT : COVER_RECEIPT;
  bool is_covered = true;
  for (size_t i = 0; i < count; i++) {
    printf("%-26s %llu\n", coverage_names[i], (unsigned long long)totals->coverage[i]);
    bool is_missed = totals->coverage[i] == 0 && must_be_reached((enum coverage)i, uses_sqlite);
    is_covered = is_covered && !is_missed;
  }
  return is_covered;
}

/* ---- a worker ---- */

static void run_seed(const struct jobs_options *options, uint64_t seed, struct totals *totals) {
  struct sim_setup setup = options->setup;
  setup.seed = seed;
  sim_run_setup(&setup, options->trace ? stdout : NULL);
  note_seed(totals);
  if (options->trace) {
    printf("trace hash %016llx\n", (unsigned long long)sim.trace_hash);
  }
  if (sim.has_failed) {
    note_failure(totals, seed, sim.reason);
  }
  if (sim.has_failed && options->keep_going) {
    printf("seed %llu failed: %s\n", (unsigned long long)seed, sim.reason);
  }
}

static void work(const struct jobs_options *options, struct board *board, struct place *place) {
  uint64_t end = options->setup.seed + options->seed_count;
  while (!atomic_load(&board->is_over)) {
    uint64_t seed = atomic_fetch_add(&board->next_seed, 1);
    if (seed >= end) {
      return;
    }
    atomic_store(&place->seed, seed);
    run_seed(options, seed, &place->totals);
    if (place->totals.failed_count > 0 && !options->keep_going) {
      atomic_store(&board->is_over, true);
    }
  }
}

static pid_t start_worker(const struct jobs_options *options, struct board *board,
                          struct place *place) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid < 0) {
    abort();
  }
  if (pid == 0) {
    signal(SIGINT, SIG_IGN); /* the parent hears of it, and has the seed end first */
    signal(SIGTERM, SIG_IGN);
    work(options, board, place);
    exit(EXIT_SUCCESS);
  }
  return pid;
}

/* ---- those who wait for them ---- */

/* An assertion of the library, most likely. */
static void note_death(struct board *board, struct place *place) {
  note_failure(&place->totals, atomic_load(&place->seed), "the library stopped itself");
  atomic_store(&board->is_over, true);
}

/* How many have ended since it was asked last. */
static unsigned reap(struct board *board, pid_t *pids, unsigned count) {
  unsigned ended_count = 0;
  for (unsigned i = 0; i < count; i++) {
    int status = 0;
    if (pids[i] != 0 && waitpid(pids[i], &status, WNOHANG) == pids[i]) {
      pids[i] = 0;
      ended_count++;
      if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_SUCCESS) {
        note_death(board, &board->places[i]);
      }
    }
  }
  return ended_count;
}

static void tell_progress(const struct totals *sum, uint64_t elapsed_ms) {
  uint64_t seconds = elapsed_ms < 1000 ? 1 : elapsed_ms / 1000;
  printf("[%3llu s] seeds %llu, calls %llu (%llu/s), faults %llu:",
         (unsigned long long)(elapsed_ms / 1000), (unsigned long long)sum->seeds,
         (unsigned long long)sum->calls, (unsigned long long)(sum->calls / seconds),
         (unsigned long long)totals_faults(sum));
  for (size_t i = 0; i < FAULT_COUNT; i++) {
    printf(" %s %llu", fault_names[i], (unsigned long long)sum->faults[i]);
  }
  printf("\n");
  fflush(stdout);
}

static void watch(const struct jobs_options *options, struct board *board, pid_t *pids) {
  uint64_t begin_ms = real_ms();
  uint64_t told_ms = begin_ms;
  unsigned running_count = options->worker_count;
  while ((running_count -= reap(board, pids, options->worker_count)) > 0) {
    uint64_t now_ms = real_ms();
    bool is_late = options->seconds_max != 0 && now_ms - begin_ms >= options->seconds_max * 1000;
    if (is_interrupted != 0 || is_late) {
      atomic_store(&board->is_over, true);
    }
    if (options->tell_progress && now_ms - told_ms >= TELL_EVERY_MS) {
      struct totals sum;
      told_ms = now_ms;
      sum_up(board, options->worker_count, &sum);
      tell_progress(&sum, now_ms - begin_ms);
    }
    nanosleep(&(struct timespec){.tv_nsec = LOOK_EVERY_MS * 1000000L}, NULL);
  }
  if (options->tell_progress) {
    struct totals sum;
    sum_up(board, options->worker_count, &sum);
    tell_progress(&sum, real_ms() - begin_ms);
  }
}

bool jobs_run(const struct jobs_options *options, struct totals *out_totals) {
  pid_t pids[WORKERS_MAX] = {0};
  struct jobs_options own = *options;
  own.worker_count = own.worker_count > WORKERS_MAX ? WORKERS_MAX : own.worker_count;
  struct board *board =
      mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (board == MAP_FAILED) {
    abort();
  }
  board->next_seed = own.setup.seed;
  signal(SIGINT, interrupt);
  signal(SIGTERM, interrupt);
  for (unsigned i = 0; i < own.worker_count; i++) {
    pids[i] = start_worker(&own, board, &board->places[i]);
  }
  watch(&own, board, pids);
  sum_up(board, own.worker_count, out_totals);
  munmap(board, sizeof *board);
  return is_interrupted == 0;
}
