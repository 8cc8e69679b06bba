#include "tests/sim/store.h"

#include <stdlib.h>
#include <string.h>
#include <sure/sqlite.h>

#include "tests/sim/bank_app.h"
#include "tests/sim/bank_books.h"
#include "tests/sim/disk.h"
#include "tests/sim/ledger.h"
#include "tests/sim/model.h"

enum { BATCH_MAX = 256 };

/* The run that the server wants of a CALL, the process that it is to happen in, and whether the
 * store can roll it back. */
struct run {
  sure_store_run_fn *fn;
  void *user;
  struct process *process;
  bool is_durable;
};

/* A batch that left its transaction: what was done so far is undone, and done again (S21). */
static void run_in_vain(const struct run *run, struct sure_store_op *op, void *transaction) {
  struct sure_record undone = {0};
  sim_fault(FAULT_STORE, "a batch is void: its calls run again");
  sim.coverage[COVER_BATCH_VOID]++;
  (void)run->fn(run->user, op, transaction, &undone);
}

/* The run as a transaction would have it: what the handler does counts when it is committed. */
static bool run_in_transaction(void *user, struct sure_store_op *op, void *transaction,
                               struct sure_record *out_record) {
  static char handle; /* what a durable store would give to handlers */
  const struct run *run = user;
  struct process *before = process_enter(run->process);
  bool is_stand_in = run->is_durable && transaction == NULL;
  void *given = is_stand_in ? &handle : transaction;
  if (run->is_durable) {
    model_begin(op);
  }
  if (is_stand_in && chance_permille(sim.plan.void_permille) && !sim.is_healed) {
    run_in_vain(run, op, given);
    model_begin(op);
  }
  bool is_kept = run->fn(run->user, op, given, out_record);
  model_end();
  process_enter(before);
  return is_kept;
}

static void tell_model(const struct sure_store_op *op) {
  bool has_run = op->verdict == SURE_STORE_RECORDED || op->verdict == SURE_STORE_UNRECORDED;
  if (op->kind == SURE_STORE_CALL) {
    model_decide(op, has_run && op->record.code == SURE_OK);
  } else if (op->kind == SURE_STORE_ADVANCE) {
    model_decide(op, op->verdict == SURE_STORE_DONE);
  }
}

static void nothing(void *user, struct sure_store_op *const *ops, size_t count) {
  (void)user;
  (void)ops;
  (void)count;
}

/* A verdict that says that nothing happened, or PENDING. */
static enum sure_store_verdict refusal(void) {
  if (sim.is_healed) {
    return SURE_STORE_PENDING;
  }
  if (chance_permille(sim.plan.full_permille)) {
    sim_fault(FAULT_STORE, "the store is full");
    sim.coverage[COVER_STORE_FULL]++;
    return SURE_STORE_FULL;
  }
  return SURE_STORE_PENDING;
}

static void submit_inner(struct sim_store *store, struct sure_store_op *const *ops, size_t count) {
  struct run runs[BATCH_MAX];
  struct process *caller = process_enter(&store->memory);
  for (size_t i = 0; i < count; i++) {
    runs[i] = (struct run){ops[i]->run, ops[i]->run_user, caller, store->base.durable};
    if (ops[i]->kind == SURE_STORE_CALL || ops[i]->kind == SURE_STORE_ADVANCE) {
      ops[i]->run = run_in_transaction;
      ops[i]->run_user = &runs[i];
    }
  }
  disk_batch_begins();
  store->inner->ops->submit(store->inner, ops, count, nothing, NULL);
  disk_batch_ends();
  store->is_broken = disk_is_stopped();
  for (size_t i = 0; i < count; i++) {
    ops[i]->run = runs[i].fn;
    ops[i]->run_user = runs[i].user;
    store->is_broken = store->is_broken || ops[i]->verdict == SURE_STORE_FAILED;
  }
  for (size_t i = 0; i < count && !store->is_broken; i++) {
    tell_model(ops[i]);
  }
  process_enter(caller);
}

static void submit(struct sure_store *base, struct sure_store_op *const *ops, size_t count,
                   sure_store_done_fn *done, void *user) {
  struct sim_store *store = (struct sim_store *)base;
  struct sure_store_op *admitted[BATCH_MAX];
  size_t admitted_count = 0;
  bool is_busy = !sim.is_healed && chance_permille(sim.plan.busy_permille);
  if (is_busy) {
    sim_fault(FAULT_STORE, "the store is busy");
    sim.coverage[COVER_STORE_BUSY]++;
  }
  for (size_t i = 0; i < count; i++) {
    /* A COMPLETE can't be refused: its effect is there. */
    bool can_refuse = ops[i]->kind != SURE_STORE_COMPLETE;
    ops[i]->verdict = is_busy ? SURE_STORE_BUSY : can_refuse ? refusal() : SURE_STORE_PENDING;
    if (ops[i]->verdict == SURE_STORE_PENDING) {
      admitted[admitted_count++] = ops[i];
    }
  }
  if (admitted_count > 0) {
    submit_inner(store, admitted, admitted_count);
  }
  done(user, ops, count);
}

struct reading {
  sure_store_read_fn *fn;
  void *user;
  struct process *process;
};

static void read_in_process(void *user, void *transaction) {
  const struct reading *reading = user;
  struct process *before = process_enter(reading->process);
  if (bank_app_is_wanted()) {
    bank_books_check_sum(transaction);
  }
  reading->fn(reading->user, transaction);
  process_enter(before);
}

static enum sure_code read_inner(struct sure_store *base, sure_store_read_fn *fn, void *user) {
  struct sim_store *store = (struct sim_store *)base;
  struct reading reading = {fn, user, process_enter(&store->memory)};
  enum sure_code code = store->inner->ops->read(store->inner, read_in_process, &reading);
  process_enter(reading.process);
  return code;
}

static void free_nothing(struct sure_store *base) {
  (void)base;
}

uint64_t sim_store_number(const struct sure_store_id *id) {
  uint64_t number; /* the first half of the id: as good as a counter, and kept nowhere */
  memcpy(&number, id->bytes, sizeof number);
  return number;
}

static struct sure_store *open_memory(void) {
  struct sure_store *store;
  struct sure_memory_store_options options = {
      .session_records_max = sim.plan.session_records_max,
      .allow_volatile_keys = true,
  };
  if (sure_memory_store_open(&options, &store) != SURE_OK) {
    abort();
  }
  for (size_t i = 0; i < sizeof store->id.bytes; i++) {
    store->id.bytes[i] = (uint8_t)chance_below(256);
  }
  return store;
}

static const struct sure_store_ops ops = {
    .version = SURE_STORE_VERSION, .name = "simulated", .submit = submit, .free = free_nothing};

static const struct sure_store_ops ops_with_read = {.version = SURE_STORE_VERSION,
                                                    .name = "simulated",
                                                    .submit = submit,
                                                    .read = read_inner,
                                                    .free = free_nothing};

/* In place of rpc/store/sqlite_call.c, for whose eyes this would be no SQLite store. */
sqlite3 *sure_call_sqlite(const struct sure_call *call) {
  return sure_call_transaction(call, &ops_with_read);
}

struct sim_store *sim_store_open(void) {
  struct sim_store *store = calloc(1, sizeof *store);
  if (store == NULL) {
    abort();
  }
  bool is_sqlite = sim.plan.store_mode == STORE_SQLITE;
  bool is_durable = sim.plan.store_mode != STORE_VOLATILE;
  struct process *before = process_enter(&store->memory);
  store->inner = is_sqlite ? ledger_open_store() : open_memory();
  process_enter(before);
  store->base = (struct sure_store){.ops = is_sqlite ? &ops_with_read : &ops,
                                    .id = store->inner->id,
                                    .durable = is_durable,
                                    .blocks = is_durable,
                                    .allow_volatile_keys = true};
  store->number = sim_store_number(&store->base.id);
  return store;
}

struct sim_store *sim_store_close(struct sim_store *store) {
  if (store != NULL) {
    struct process *before = process_enter(&store->memory);
    sure_store_free(store->inner);
    process_enter(before);
    process_end(&store->memory);
    free(store);
  }
  return NULL;
}
