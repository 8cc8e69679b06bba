#include "tests/sim/history.h"

#include <stdlib.h>

/* Room for one more in an array that is doubled whenever its count is a power of two. */
static void *grow(void *array, size_t count, size_t size) {
  if ((count & (count - 1)) != 0) {
    return array;
  }
  void *grown = realloc(array, (count == 0 ? 1 : 2 * count) * size);
  if (grown == NULL) {
    abort();
  }
  return grown;
}

size_t history_add(struct history *history, const struct history_op *op) {
  history->ops = grow(history->ops, history->op_count, sizeof(struct history_op));
  struct history_op *added = &history->ops[history->op_count];
  *added = *op;
  added->begun = HISTORY_OPEN;
  added->ended = HISTORY_OPEN;
  added->fate = HISTORY_UNTOLD;
  return history->op_count++;
}

size_t history_call(struct history *history, size_t op, uint64_t now_ms) {
  history->calls = grow(history->calls, history->call_count, sizeof(struct history_call));
  history->calls[history->call_count] =
      (struct history_call){.op = op, .begun = ++history->moment, .begun_ms = now_ms};
  history->ops[op].possible_count++;
  return history->call_count++;
}

void history_exclude(struct history *history, size_t call) {
  history->ops[history->calls[call].op].possible_count -= !history->calls[call].is_excluded;
  history->calls[call].is_excluded = true;
}

static void end(struct history *history, struct history_op *op, uint64_t now_ms) {
  op->fate = HISTORY_TOLD;
  op->ended = ++history->moment;
  op->ended_ms = now_ms;
}

bool history_tell_entry(struct history *history, size_t op, int64_t booking, uint64_t now_ms) {
  struct history_op *told = &history->ops[op];
  if (told->fate != HISTORY_UNTOLD) {
    return told->fate == HISTORY_TOLD && told->kind == HISTORY_BOOKING && told->booking == booking;
  }
  told->booking = booking;
  told->is_listed = true;
  end(history, told, now_ms);
  return true;
}

bool history_tell_receipt(struct history *history, size_t op, int64_t booking, int64_t balance,
                          uint64_t now_ms) {
  struct history_op *told = &history->ops[op];
  if (!history_tell_entry(history, op, booking, now_ms)) {
    return false;
  }
  told->balance = told->is_listed ? balance : told->balance;
  told->is_listed = false;
  return told->balance == balance;
}

bool history_tell_overdrawn(struct history *history, size_t op, uint64_t now_ms) {
  struct history_op *told = &history->ops[op];
  if (told->fate != HISTORY_UNTOLD) {
    return told->fate == HISTORY_TOLD && told->kind == HISTORY_REFUSAL;
  }
  told->kind = HISTORY_REFUSAL;
  end(history, told, now_ms);
  return true;
}

bool history_tell_never(struct history *history, size_t op) {
  struct history_op *told = &history->ops[op];
  if (told->fate == HISTORY_TOLD) {
    return false;
  }
  told->fate = HISTORY_NEVER;
  return true;
}

void history_tell_reading(struct history *history, size_t op, const struct history_op *seen,
                          uint64_t now_ms) {
  struct history_op *told = &history->ops[op];
  told->booking = seen->booking;
  told->balance = seen->balance;
  told->is_missing = seen->is_missing;
  end(history, told, now_ms);
}

void history_close(struct history *history) {
  for (size_t i = 0; i < history->call_count; i++) {
    const struct history_call *call = &history->calls[i];
    struct history_op *op = &history->ops[call->op];
    if (!call->is_excluded && call->begun < op->begun) {
      op->begun = call->begun;
      op->begun_ms = call->begun_ms;
    }
  }
  for (size_t i = 0; i < history->op_count; i++) {
    struct history_op *op = &history->ops[i];
    if (op->possible_count == 0 && op->fate == HISTORY_UNTOLD) {
      op->fate = HISTORY_NEVER;
    }
  }
}

void history_clear(struct history *history) {
  free(history->ops);
  free(history->calls);
  *history = (struct history){0};
}
