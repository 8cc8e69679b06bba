#include "tests/sim/store.h"

#include <stdlib.h>
#include <string.h>

#include "rpc/store/memory.h"
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

/* The run as a transaction would have it: what the handler does counts if it ends with OK, and it
 * may be undone and done again (S21). */
static bool run_in_transaction(void *user, struct sure_store_op *op, void *transaction,
                               struct sure_record *out_record) {
  static char handle; /* what a durable store would give to handlers */
  const struct run *run = user;
  struct process *before = process_enter(run->process);
  if (!run->is_durable) {
    bool is_kept_anyway = run->fn(run->user, op, transaction, out_record);
    process_enter(before);
    return is_kept_anyway;
  }
  if (chance_permille(sim.plan.void_permille) && !sim.is_healed) {
    sim_fault("a batch is void: its calls run again");
    sim.coverage[COVER_BATCH_VOID]++;
    model_begin();
    struct sure_record undone = {0};
    (void)run->fn(run->user, op, &handle, &undone);
    model_roll_back();
  }
  model_begin();
  bool is_kept = run->fn(run->user, op, &handle, out_record);
  process_enter(before);
  if (out_record->code == SURE_OK) {
    model_commit();
  } else {
    model_roll_back();
  }
  return is_kept;
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
    sim_fault("the store is full");
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
    if (ops[i]->kind == SURE_STORE_CALL) {
      ops[i]->run = run_in_transaction;
      ops[i]->run_user = &runs[i];
    }
  }
  store->inner->ops->submit(store->inner, ops, count, nothing, NULL);
  for (size_t i = 0; i < count; i++) {
    ops[i]->run = runs[i].fn;
    ops[i]->run_user = runs[i].user;
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
    sim_fault("the store is busy");
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
  submit_inner(store, admitted, admitted_count);
  done(user, ops, count);
}

static void free_nothing(struct sure_store *base) {
  (void)base;
}

uint64_t sim_store_number(const struct sure_store_id *id) {
  uint64_t number; /* the first half of the id: as good as a counter, and kept nowhere */
  memcpy(&number, id->bytes, sizeof number);
  return number;
}

struct sim_store *sim_store_open(bool is_durable) {
  static const struct sure_store_ops ops = {
      .version = SURE_STORE_VERSION, .name = "simulated", .submit = submit, .free = free_nothing};
  struct sim_store *store = calloc(1, sizeof *store);
  if (store == NULL) {
    abort();
  }
  struct process *before = process_enter(&store->memory);
  struct sure_memory_store_options options = {
      .session_records_max = sim.plan.session_records_max,
      .allow_volatile_keys = true,
  };
  if (sure_memory_store_open(&options, &store->inner) != SURE_OK) {
    abort();
  }
  process_enter(before);
  for (size_t i = 0; i < sizeof store->base.id.bytes; i++) {
    store->base.id.bytes[i] = (uint8_t)chance_below(256);
  }
  store->base.ops = &ops;
  store->base.durable = is_durable;
  store->base.blocks = is_durable;
  store->base.allow_volatile_keys = true;
  store->number = sim_store_number(&store->base.id);
  return store;
}

struct sim_store *sim_store_close(struct sim_store *store) {
  if (store != NULL) {
    process_end(&store->memory);
    free(store);
  }
  return NULL;
}

static const struct sure__stored_session *find(const struct sim_store *store,
                                               const struct sure_session_id *id) {
  const struct sure__memory *memory = (const struct sure__memory *)store->inner;
  return sure__stored_session_find(&memory->sessions, id, (struct sure_bytes){0});
}

long sim_store_row_count(const struct sim_store *store, const struct sure_session_id *id) {
  const struct sure__stored_session *session = find(store, id);
  return session == NULL ? -1 : (long)session->row_count;
}

bool sim_store_knows(const struct sim_store *store, const struct sure_session_id *id,
                     uint64_t sequence) {
  const struct sure__stored_session *session = find(store, id);
  return session == NULL || sure__row_find(session, sequence) != NULL;
}
