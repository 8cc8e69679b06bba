/* The simulator: clients, servers, stores and a network in one thread and in virtual time.
 *
 * What is real: the client engine, the server with its engine, shards, links and the way from bytes
 * to handlers and back, the stores. What is simulated stands below the interfaces of rpc/net and
 * beside the threads of rpc/server: this program defines the functions of clock.h, connection.h,
 * entropy.h and start.h, of writer.c, pool.c and loop.c, and of sqlite_call.c, so that the linker
 * takes them instead of the library's.
 *
 * One event is one step. Events at the same millisecond run in the order in which they were
 * planned; those of a process that is paused wait, and keep that order. All that is random comes
 * from one seed. */
#ifndef SURE_TESTS_SIM_H
#define SURE_TESTS_SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sure/base.h>

#include "rpc/core/hlc.h"
#include "tests/sim/plan.h"

enum { SERVERS_MAX = 3, CLIENTS_MAX = 5, CUSTOMERS_MAX = 6 };

struct block;

/* A process: it has memory, which goes when it crashes, clocks of its own, and may be paused. */
struct process {
  char name[16];
  uint32_t life; /* counts the crashes: events of an earlier life are dropped */
  struct block *blocks;
  uint64_t paused_until_ms;
  int64_t wall_skew_ms;
  struct sure__hlc clock;
};

/* Of stamps. Clocks are set wrong by more than that now and then. */
enum { CLOCK_DRIFT_MS_MAX = 500 };

/* Places that a run must have been to, or it has shown little. */
#define COVERAGE_LIST(X)                                                                           \
  X(JOINED, "joined")                                                                              \
  X(REPLAYED, "replayed")                                                                          \
  X(STALE_WATERMARK, "stale by watermark")                                                         \
  X(STALE_RANGE, "stale by range")                                                                 \
  X(FENCED, "fenced")                                                                              \
  X(LOST, "lost sessions")                                                                         \
  X(SETTLED_RECORD, "settled with a record")                                                       \
  X(SETTLED_TOMBSTONE, "settled with a tombstone")                                                 \
  X(SETTLED_NOT_YET, "settle against running")                                                     \
  X(SETTLED_IN_DOUBT, "settle in doubt")                                                           \
  X(RESOLVED_APPLIED, "doubts resolved as applied")                                                \
  X(RESOLVED_NOT_APPLIED, "doubts resolved as not applied")                                        \
  X(KEY_REUSED, "keys used twice")                                                                 \
  X(KEY_WAITS, "waits for a key")                                                                  \
  X(COMMIT_UNHEARD, "commits unheard of")                                                          \
  X(BATCH_VOID, "void batches")                                                                    \
  X(HEDGED, "hedged")                                                                              \
  X(REQUEST_RESUMED, "requests gone on with")                                                      \
  X(REPLY_RESUMED, "replies gone on with")                                                         \
  X(SHED, "shed")                                                                                  \
  X(DRAINED, "asked to go elsewhere")                                                              \
  X(STREAM_DONE, "streams that were done")                                                         \
  X(STREAM_RESUMED, "streams done after a loss")                                                   \
  X(STREAM_LOST, "streams lost")                                                                   \
  X(RECITAL_RESUMED, "gone on with behind a commit")                                               \
  X(TAKEN_OVER, "taken over")                                                                      \
  X(STORE_BUSY, "store busy")                                                                      \
  X(STORE_FULL, "store full")

/* The same where the bank of the examples is. */
#define COVERAGE_BANK_LIST(X)                                                                      \
  X(RECEIPT, "receipts")                                                                           \
  X(RECEIPT_AGAIN, "receipts told again")                                                          \
  X(OVERDRAWN, "payments refused")                                                                 \
  X(READING, "readings")                                                                           \
  X(UNKNOWN_END, "payments of unknown end")                                                        \
  X(CHOICE, "histories with a choice")

enum coverage {
#define COVERAGE_ENUM(name, text) COVER_##name,
  COVERAGE_LIST(COVERAGE_ENUM) COVERAGE_BANK_LIST(COVERAGE_ENUM)
#undef COVERAGE_ENUM
      COVERAGE_COUNT
};

/* Kinds of faults. A mere delay is none. */
#define FAULT_LIST(X)                                                                              \
  X(CUT, "cuts")                                                                                   \
  X(DROP, "drops")                                                                                 \
  X(PARTITION, "partitions")                                                                       \
  X(DUPLICATE, "duplicates")                                                                       \
  X(CRASH, "crashes")                                                                              \
  X(PAUSE, "pauses")                                                                               \
  X(STORE, "store errors")

enum fault_kind {
#define FAULT_ENUM(name, text) FAULT_##name,
  FAULT_LIST(FAULT_ENUM)
#undef FAULT_ENUM
      FAULT_COUNT
};

/* Which story is to be told: a seed, and what is decided beforehand. */
struct sim_setup {
  uint64_t seed;
  bool uses_sqlite;    /* all stores are real files */
  const char *changes; /* "field=value,..." of the plan, after the seed has decided; or NULL */
  uint32_t strikes_permille; /* worst mode: of the narrow windows, how many are struck; 0: swarm */
};

struct sim {
  uint64_t seed;
  bool uses_sqlite;
  struct plan plan;
  uint64_t now_ms;
  uint64_t random;
  struct process *current; /* whose code runs; NULL: the simulator's own */
  bool is_healed;          /* no more faults from here on */
  uint64_t steps;
  uint64_t faults[FAULT_COUNT];
  bool has_failed;
  char reason[256];
  FILE *trace; /* NULL: none is written */
  uint64_t trace_hash;
  uint64_t coverage[COVERAGE_COUNT];
};

extern struct sim sim;

/* ---- sim.c ---- */

/* Run one seed to its end. */
void sim_run_setup(const struct sim_setup *setup, FILE *trace_file);
/* Only decide, as it would be: sim.plan. */
void sim_make_plan(const struct sim_setup *setup);
/* A checker's verdict. The first one counts; the run ends after the step. */
void sim_fail(const char *format, ...) SURE_PRINTF(1, 2);
/* One line of the story. Part of the hash even when it is not written. */
void sim_trace(const char *format, ...) SURE_PRINTF(1, 2);
/* Counts a fault and tells of it. */
void sim_fault(enum fault_kind kind, const char *format, ...) SURE_PRINTF(2, 3);
/* Tells of trouble that is no fault: nothing broke. */
void sim_trouble(const char *format, ...) SURE_PRINTF(1, 2);

/* ---- event.c ---- */

typedef void event_fn(void *thing, uint64_t number);

/* Plan `fn(thing, number)` at `at_ms`, in the life that `process` has now; NULL: the simulator's
 * own. */
void event_at(uint64_t at_ms, struct process *process, event_fn *fn, void *thing, uint64_t number);
/* Run the next one. False when there is none. */
bool event_step(void);
void events_clear(void);

/* ---- process.c ---- */

/* Have the library take its memory from the current process. */
void process_use_memory(void);
/* Code that runs from here on is `process`'s; returns whose it was before. */
struct process *process_enter(struct process *process);
/* All that it had in memory is gone, and what was planned for it does not happen. */
void process_end(struct process *process);
/* The same for what the simulator itself took from the library. */
void process_clear(void);
bool process_is_alive(const struct process *process, uint32_t life);

/* ---- chance.c ---- */

uint64_t chance_below(uint64_t limit); /* 0 to limit - 1 */
uint64_t chance_between(uint64_t low, uint64_t high);
bool chance_permille(uint32_t permille);

#endif
