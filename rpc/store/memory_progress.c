/* CLAIM, ADVANCE and CONCLUDE of the memory store: calls that commit as they go. All there is of
 * such a call is its key; whoever's claim is the key's own may move it. */
#include "rpc/core/assert.h"
#include "rpc/core/mutant.h"
#include "rpc/store/memory.h"

/* Nothing runs, and nothing begins to, while a claim changes hands: an effect and its position
 * belong to one claim. */
static void lock_runs(struct sure__memory *memory) {
  pthread_mutex_unlock(&memory->lock);
  pthread_mutex_lock(&memory->run_lock);
  pthread_mutex_lock(&memory->lock);
}

static bool is_claimable(const struct sure__key *key) {
  return key != NULL && key->state == SURE__ROW_INTENT && key->claim > 0;
}

static struct sure__key *find_own(const struct sure__memory *memory,
                                  const struct sure_store_op *op) {
  struct sure__key *key = sure__key_find(&memory->keys, op);
  bool is_last = key != NULL && (key->claim == op->claim || SURE__MUTANT(CLAIM_NOT_CHECKED));
  return is_claimable(key) && is_last ? key : NULL;
}

static enum sure_store_verdict claim(struct sure__memory *memory, struct sure_store_op *op) {
  const struct sure__stored_session *session = sure__memory_session(memory, op);
  if (session == NULL) {
    return SURE_STORE_LOST;
  }
  enum sure_store_verdict verdict = sure__memory_admit(session, op);
  if (verdict != SURE_STORE_PENDING) {
    return verdict;
  }
  struct sure__key *key = sure__key_find(&memory->keys, op);
  if (!is_claimable(key)) {
    verdict = sure__memory_key_verdict(memory, op);
    if (verdict != SURE_STORE_PENDING) {
      return verdict;
    }
    key = sure__key_add(&memory->keys, &memory->pool, op, SURE__ROW_INTENT);
    if (key == NULL) {
      return SURE_STORE_FULL;
    }
  }
  key->in_doubt = false;
  key->claim = ++memory->claim_last;
  op->claim = key->claim;
  op->position = key->position;
  return SURE_STORE_GRANTED;
}

void sure__memory_claim(struct sure__memory *memory, struct sure_store_op *op) {
  lock_runs(memory);
  op->verdict = claim(memory, op);
  pthread_mutex_unlock(&memory->run_lock);
}

void sure__memory_advance(struct sure__memory *memory, struct sure_store_op *op) {
  lock_runs(memory);
  op->verdict = SURE_STORE_TAKEN_OVER;
  if (find_own(memory, op) != NULL) {
    pthread_mutex_unlock(&memory->lock);
    op->record = (struct sure_record){0};
    op->clock = memory->clock;
    (void)op->run(op->run_user, op, NULL, &op->record);
    pthread_mutex_lock(&memory->lock);
    sure__memory_raise_clock(memory, op->clock);
    struct sure__key *key = find_own(memory, op);
    sure__assert(key != NULL && "a claim changes hands when nothing runs");
    bool applied = op->record.code == SURE_OK;
    bool moves = applied && !SURE__MUTANT(POSITION_NOT_MOVED);
    key->position = moves ? op->position : key->position;
    op->verdict = applied ? SURE_STORE_DONE : SURE_STORE_UNRECORDED;
  }
  pthread_mutex_unlock(&memory->run_lock);
}

void sure__memory_conclude(struct sure__memory *memory, struct sure_store_op *op) {
  struct sure__key *key = find_own(memory, op);
  op->verdict = key == NULL ? SURE_STORE_TAKEN_OVER : SURE_STORE_DONE;
  if (key == NULL) {
    return;
  }
  sure__memory_raise_clock(memory, op->clock);
  if (op->record_wanted) {
    key->state = SURE__ROW_RECORD;
    key->memo = sure__memo_take(&memory->pool, &op->record);
  } else if (key->position == 0) {
    sure__key_drop(&memory->keys, &memory->pool, key);
  } else {
    key->in_doubt = true;
  }
}
