/* What applications asked of the bank, what they were told, and when: all that the checker in
 * linear.h knows.
 *
 * An operation is one thing that was wanted: a payment, by however many calls under its id, or one
 * reading. Every beginning and end that is noted is a moment of its own: they are numbered in the
 * order in which they happened, so that no two are the same. */
#ifndef SURE_TESTS_SIM_HISTORY_H
#define SURE_TESTS_SIM_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HISTORY_ACCOUNTS_MAX = 16 };

/* The end of what nobody was told of. */
#define HISTORY_OPEN UINT64_MAX

enum history_kind {
  HISTORY_BOOKING, /* an amount goes from an account to another */
  HISTORY_REFUSAL, /* it was refused, as the giver had too little: so much is known of it */
  HISTORY_BALANCE, /* an account is read */
  HISTORY_ENTRIES, /* what was booked on it is listed */
  HISTORY_COUNT,   /* all bookings are counted */
};

enum history_fate {
  HISTORY_UNTOLD, /* it may have happened at any moment since it began, or not at all */
  HISTORY_TOLD,
  HISTORY_NEVER, /* it had no effect, has none, and told nothing */
};

struct history_op {
  enum history_kind kind;
  unsigned client;  /* for people, as are the times in milliseconds */
  unsigned giver;   /* of bookings */
  unsigned taker;   /* of bookings */
  unsigned account; /* that is read, or that the receipt is about */
  int64_t amount;
  bool is_opening; /* a booking that opens the taker's account */
  uint64_t begun;
  uint64_t ended;
  uint64_t begun_ms;
  uint64_t ended_ms;
  enum history_fate fate;
  unsigned possible_count; /* calls for it that are not excluded */

  /* What was told. */
  int64_t booking; /* its number; HISTORY_ENTRIES: the last one's; HISTORY_COUNT: how many */
  int64_t balance; /* right after the booking, or read, or what the entries come to */
  bool is_listed;  /* a booking that was only seen among the entries: its balance is not known */
  bool is_missing; /* there is no such account */
};

/* One call for an operation. */
struct history_call {
  size_t op;
  uint64_t begun;
  uint64_t begun_ms;
  bool is_excluded; /* this very call had no effect and left no record */
};

struct history_account {
  bool is_open; /* from the beginning */
  int64_t overdraft_limit;
};

struct history {
  struct history_account accounts[HISTORY_ACCOUNTS_MAX];
  unsigned account_count;
  struct history_op *ops;
  size_t op_count;
  struct history_call *calls;
  size_t call_count;
  uint64_t moment; /* the last one */
};

/* A new operation, of which nothing was told yet. Returns its index. */
size_t history_add(struct history *history, const struct history_op *op);
/* A call for it begins. Returns the call's index. */
size_t history_call(struct history *history, size_t op, uint64_t now_ms);
/* That call had no effect, and nothing of it remains. Others for the same payment may. */
void history_exclude(struct history *history, size_t call);

/* Somebody was told. False: it contradicts what somebody was told before. */
bool history_tell_receipt(struct history *history, size_t op, int64_t booking, int64_t balance,
                          uint64_t now_ms);
bool history_tell_entry(struct history *history, size_t op, int64_t booking, uint64_t now_ms);
bool history_tell_overdrawn(struct history *history, size_t op, uint64_t now_ms);
bool history_tell_never(struct history *history, size_t op);
void history_tell_reading(struct history *history, size_t op, const struct history_op *seen,
                          uint64_t now_ms);

/* Nothing more is to come: each operation began with the first call that may have been it, and what
 * all calls are excluded from has never happened. */
void history_close(struct history *history);
void history_clear(struct history *history);

#endif
