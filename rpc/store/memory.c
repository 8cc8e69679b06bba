/* The memory store: open, free, and the ops on sessions. Ops are decided under one lock, taken once
 * a batch. A volatile store has no transaction, so durable means "in the table". */
#include "rpc/store/memory.h"

#include <sys/random.h>

#include "rpc/core/assert.h"
#include "rpc/core/hlc.h"
#include "rpc/core/memory.h"
#include "rpc/core/mutant.h"

/* Sessions that one SWEEP touches at most: nobody waits long behind it. */
#define SWEEP_MAX 256
/* With more ranges in one ACK all rows are looked at once, so that an ACK of thousands of wide
 * ranges costs no more than one of few. */
#define RANGES_BY_NUMBER_MAX 8

struct sure__stored_session *sure__memory_session(const struct sure__memory *memory,
                                                  const struct sure_store_op *op) {
  return sure__stored_session_find(&memory->sessions, &op->session, op->principal);
}

void sure__memory_raise_clock(struct sure__memory *memory, uint64_t stamp) {
  sure__stamp_raise(&memory->clock, stamp);
}

static enum sure_store_verdict attach(struct sure__memory *memory, const struct sure_store_op *op) {
  struct sure__stored_session *session = sure__memory_session(memory, op);
  if (session != NULL && session->fenced) {
    return SURE_STORE_FENCED;
  }
  if (session != NULL) {
    sure__stored_session_stamp(&memory->sessions, session, false, op->now_ms);
    return SURE_STORE_OPEN;
  }
  if (!op->create) {
    return SURE_STORE_LOST;
  }
  session = sure__stored_session_create(&memory->sessions, &op->session, op->principal, op->now_ms);
  return session != NULL ? SURE_STORE_OPEN : SURE_STORE_FULL;
}

/* Drops what is in `range` and was not acknowledged before. */
static void release_new(struct sure__memory *memory, struct sure__stored_session *session,
                        struct sure_range range) {
  struct sure_range gap;
  uint64_t cursor = range.first;
  while (sure__ranges_next_gap(&session->acked, &cursor, range.last, &gap)) {
    sure__rows_release(&session->rows, &memory->pool, gap);
  }
}

static enum sure_store_verdict ack(struct sure__memory *memory, const struct sure_store_op *op) {
  struct sure__stored_session *session = sure__memory_session(memory, op);
  if (session == NULL) {
    return SURE_STORE_LOST;
  }
  struct sure__ranges *acked = &session->acked;
  size_t kept_count = SURE__MUTANT(ACKED_RANGE_DROPPED) ? 0 : op->range_count;
  if (sure__ranges_plan(acked, op->watermark, op->ranges, kept_count) != SURE_OK) {
    return SURE_STORE_FULL;
  }
  if (op->range_count > RANGES_BY_NUMBER_MAX) {
    sure__ranges_apply(acked);
    sure__rows_release_acked(&session->rows, &memory->pool, acked);
    return SURE_STORE_DONE;
  }
  struct sure_range below = {0, op->watermark - !SURE__MUTANT(WATERMARK_OFF_BY_ONE)};
  if (op->watermark > 0) {
    release_new(memory, session, below);
  }
  for (size_t i = 0; i < op->range_count; i++) {
    release_new(memory, session, op->ranges[i]);
  }
  sure__ranges_apply(acked);
  return SURE_STORE_DONE;
}

static enum sure_store_verdict close_session(struct sure__memory *memory,
                                             const struct sure_store_op *op) {
  struct sure__stored_session *session = sure__memory_session(memory, op);
  if (session == NULL) {
    return SURE_STORE_LOST;
  }
  if (session->rows.count == 0) {
    sure__stored_session_forget(&memory->sessions, &memory->pool, session);
  } else if (!session->fenced) {
    sure__stored_session_stamp(&memory->sessions, session, true, op->now_ms);
  }
  return SURE_STORE_DONE;
}

static enum sure_store_verdict renew(struct sure__memory *memory, const struct sure_store_op *op) {
  struct sure__stored_session *session = sure__memory_session(memory, op);
  if (session == NULL) {
    return SURE_STORE_LOST;
  }
  if (!session->fenced) {
    sure__stored_session_stamp(&memory->sessions, session, false, op->now_ms);
  }
  return SURE_STORE_DONE;
}

/* A fenced session that still has an intent goes to the end of its list, for another retention. */
static enum sure_store_verdict sweep(struct sure__memory *memory, struct sure_store_op *op) {
  struct sure__stored_sessions *sessions = &memory->sessions;
  struct sure__stored_session *session;
  size_t left = SWEEP_MAX;
  op->swept_count = 0;
  for (; left > 0 && (session = sure__stored_session_oldest(sessions, true)) != NULL &&
         op->now_ms - session->stamp_ms > op->retention_ms;
       left--) {
    if (session->rows.intent_count > 0) {
      sure__stored_session_stamp(sessions, session, true, op->now_ms);
      continue;
    }
    sure__stored_session_forget(sessions, &memory->pool, session);
    op->swept_count++;
  }
  for (; left > 0 && (session = sure__stored_session_oldest(sessions, false)) != NULL &&
         op->now_ms - session->stamp_ms > op->lease_ms;
       left--) {
    sure__stored_session_stamp(sessions, session, true, op->now_ms);
    op->swept_count++;
  }
  return SURE_STORE_DONE;
}

static void decide(struct sure__memory *memory, struct sure_store_op *op) {
  switch (op->kind) {
  case SURE_STORE_ATTACH:
    op->verdict = attach(memory, op);
    return;
  case SURE_STORE_CALL:
    sure__memory_call(memory, op);
    return;
  case SURE_STORE_INTENT:
    sure__memory_intent(memory, op);
    return;
  case SURE_STORE_COMPLETE:
    sure__memory_complete(memory, op);
    return;
  case SURE_STORE_ACK:
    op->verdict = ack(memory, op);
    return;
  case SURE_STORE_SETTLE:
    sure__memory_settle(memory, op);
    return;
  case SURE_STORE_CLOSE:
    op->verdict = close_session(memory, op);
    return;
  case SURE_STORE_RENEW:
    op->verdict = renew(memory, op);
    return;
  case SURE_STORE_SWEEP:
    op->verdict = sweep(memory, op);
    return;
  case SURE_STORE_DOUBTS:
    sure__doubts_list(&memory->doubts, op);
    return;
  case SURE_STORE_RESOLVE:
    sure__memory_resolve(memory, op);
    return;
  case SURE_STORE_CLAIM:
    sure__memory_claim(memory, op);
    return;
  case SURE_STORE_ADVANCE:
    sure__memory_advance(memory, op);
    return;
  case SURE_STORE_CONCLUDE:
    sure__memory_conclude(memory, op);
    return;
  }
  sure__assert(false && "an op of a kind that the contract does not have");
}

static void submit(struct sure_store *store, struct sure_store_op *const *ops, size_t count,
                   sure_store_done_fn *done, void *user) {
  struct sure__memory *memory = (struct sure__memory *)store;
  pthread_mutex_lock(&memory->lock);
  for (size_t i = 0; i < count; i++) {
    decide(memory, ops[i]);
    ops[i]->clock = atomic_load(&memory->clock);
  }
  pthread_mutex_unlock(&memory->lock);
  done(user, ops, count);
}

static void free_memory(struct sure_store *store) {
  struct sure__memory *memory = (struct sure__memory *)store;
  sure__doubts_fini(&memory->doubts, &memory->pool);
  sure__keys_fini(&memory->keys, &memory->pool);
  sure__stored_sessions_fini(&memory->sessions, &memory->pool);
  sure__assert(memory->pool.used_len == 0 && "all was given back");
  sure__pool_fini(&memory->pool);
  pthread_mutex_destroy(&memory->run_lock);
  pthread_mutex_destroy(&memory->lock);
  sure__free(memory);
}

static const struct sure_store_ops memory_ops = {
    .version = SURE_STORE_VERSION, .name = "memory", .submit = submit, .free = free_memory};

enum sure_code sure_memory_store_open(const struct sure_memory_store_options *options,
                                      struct sure_store **out_store) {
  struct sure_memory_store_options given = {0};
  if (options != NULL) {
    given = *options;
  }
  struct sure__memory *memory = sure__alloc(sizeof *memory);
  if (memory == NULL) {
    return SURE_RESOURCE_EXHAUSTED;
  }
  if (getentropy(memory->base.id.bytes, sizeof memory->base.id.bytes) != 0) {
    sure__free(memory);
    return SURE_UNAVAILABLE;
  }
  memory->base.ops = &memory_ops;
  memory->base.allow_volatile_keys = given.allow_volatile_keys;
  memory->session_records_max =
      given.session_records_max != 0 ? given.session_records_max : SURE_SESSION_RECORDS_MAX_DEFAULT;
  sure__stored_sessions_init(
      &memory->sessions, given.sessions_max != 0 ? given.sessions_max : SURE_SESSIONS_MAX_DEFAULT);
  sure__keys_init(&memory->keys);
  sure__list_init(&memory->doubts);
  memory->pool.used_len_max =
      given.len_max != 0 ? given.len_max : SURE_MEMORY_STORE_LEN_MAX_DEFAULT;
  pthread_mutex_init(&memory->lock, NULL);
  pthread_mutex_init(&memory->run_lock, NULL);
  *out_store = &memory->base;
  return SURE_OK;
}
