#include "tests/sim/linear.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t NONE = SIZE_MAX;

/* The bank after the operations that are placed. */
struct account {
  bool is_open;
  int64_t balance;
  int64_t last_booking;
};

struct bank {
  struct account accounts[HISTORY_ACCOUNTS_MAX];
  int64_t booking_count;
};

/* What is placed, as two hashes: the chance that two sets have the same is that of 128 bits. */
struct place {
  uint64_t low;
  uint64_t high;
};

/* Why an attempt ended. */
enum obstacle {
  OBSTACLE_LATE,    /* `op` has ended before anything that could come next began */
  OBSTACLE_RECEIPT, /* `op` would leave another balance than its receipt says */
  OBSTACLE_RULE,    /* the bank would not have booked `op` */
};

struct failure {
  enum obstacle obstacle;
  size_t op; /* NONE: there is none that can have had the next number */
  size_t placed_count;
  struct bank bank;
};

struct search {
  const struct history *history;
  size_t *by_end; /* all that was told, in the order of the ends */
  size_t told_count;
  size_t *readings; /* of it, in the order of the beginnings */
  size_t reading_count;
  size_t *untold; /* payments that may have happened, likewise */
  size_t untold_count;
  size_t *numbered; /* the payment that was told number i + 1, or NONE */
  int64_t number_max;

  struct bank bank;
  bool *is_placed;
  size_t *placed; /* in their order, without the untold ones */
  size_t placed_count;
  size_t first_end;     /* all of by_end before are placed */
  size_t first_reading; /* and all of readings before this one */
  struct place place;

  struct place *tried; /* a hash table; {0, 0}: free */
  size_t tried_count;
  struct failure failure; /* of the attempt that came furthest */
};

static void *array_of(size_t count, size_t size) {
  void *array = calloc(count + 1, size);
  if (array == NULL) {
    abort();
  }
  return array;
}

/* ---- what is placed ---- */

/* A well-mixed number for each number (the finisher of splitmix64). */
static uint64_t mix(uint64_t x) {
  x += UINT64_C(0x9e3779b97f4a7c15);
  x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
  return x ^ (x >> 31);
}

static void toggle(struct search *search, size_t op) {
  search->is_placed[op] = !search->is_placed[op];
  search->place.low ^= mix(2 * op);
  search->place.high ^= mix(2 * op + 1);
}

/* The first end of what is left: what begins later can't come next. */
static uint64_t horizon(struct search *search) {
  while (search->first_end < search->told_count &&
         search->is_placed[search->by_end[search->first_end]]) {
    search->first_end++;
  }
  return search->first_end == search->told_count
             ? HISTORY_OPEN
             : search->history->ops[search->by_end[search->first_end]].ended;
}

static void put_told(struct search *search, size_t op) {
  toggle(search, op);
  search->placed[search->placed_count++] = op;
}

/* ---- readings ---- */

static bool has_too_little(const struct search *search, const struct history_op *op) {
  const struct account *giver = &search->bank.accounts[op->giver];
  return giver->balance - op->amount < -search->history->accounts[op->giver].overdraft_limit;
}

static bool is_true(const struct search *search, const struct history_op *op) {
  const struct account *account = &search->bank.accounts[op->account];
  switch (op->kind) {
  case HISTORY_REFUSAL:
    return has_too_little(search, op);
  case HISTORY_BALANCE:
    return account->is_open != op->is_missing &&
           (op->is_missing || account->balance == op->balance);
  case HISTORY_ENTRIES:
    return account->is_open != op->is_missing &&
           (op->is_missing ||
            (account->balance == op->balance && account->last_booking == op->booking));
  case HISTORY_COUNT:
    return search->bank.booking_count == op->booking;
  case HISTORY_BOOKING:
    break;
  }
  return false;
}

static bool put_readings_before(struct search *search, uint64_t end) {
  bool any = false;
  for (size_t i = search->first_reading; i < search->reading_count; i++) {
    size_t op = search->readings[i];
    const struct history_op *reading = &search->history->ops[op];
    if (reading->begun >= end) {
      break;
    }
    if (!search->is_placed[op] && is_true(search, reading)) {
      put_told(search, op);
      any = true;
    }
    search->first_reading += search->is_placed[op] && i == search->first_reading;
  }
  return any;
}

static void put_readings(struct search *search) {
  while (put_readings_before(search, horizon(search))) {
  }
}

/* ---- bookings ---- */

static void note_failure(struct search *search, enum obstacle obstacle, size_t op) {
  if (search->placed_count >= search->failure.placed_count) {
    search->failure = (struct failure){obstacle, op, search->placed_count, search->bank};
  }
}

static bool bank_would_book(const struct search *search, const struct history_op *op) {
  return search->bank.accounts[op->giver].is_open &&
         search->bank.accounts[op->taker].is_open != op->is_opening && !has_too_little(search, op);
}

static int64_t balance_after(const struct search *search, const struct history_op *op) {
  int64_t balance = search->bank.accounts[op->account].balance;
  return op->account == op->giver ? balance - op->amount : balance + op->amount;
}

static bool can_be_next(struct search *search, size_t op) {
  const struct history_op *booking = &search->history->ops[op];
  if (booking->begun >= horizon(search)) {
    note_failure(search, OBSTACLE_LATE, search->by_end[search->first_end]);
  } else if (!bank_would_book(search, booking)) {
    note_failure(search, OBSTACLE_RULE, op);
  } else if (!booking->is_listed && balance_after(search, booking) != booking->balance) {
    note_failure(search, OBSTACLE_RECEIPT, op);
  } else {
    return true;
  }
  return false;
}

static void book(struct search *search, const struct history_op *op) {
  struct account *giver = &search->bank.accounts[op->giver];
  struct account *taker = &search->bank.accounts[op->taker];
  taker->is_open = true;
  giver->balance -= op->amount;
  taker->balance += op->amount;
  giver->last_booking = taker->last_booking = ++search->bank.booking_count;
}

/* ---- the search ---- */

/* The payment that was told the next number; NONE: nobody was. */
static size_t next_told(const struct search *search) {
  return search->bank.booking_count < search->number_max
             ? search->numbered[search->bank.booking_count]
             : NONE;
}

/* As far as there is no choice. False: it ends in front of something that can't be. */
static bool go_on(struct search *search) {
  put_readings(search);
  for (size_t op; (op = next_told(search)) != NONE; put_readings(search)) {
    if (!can_be_next(search, op)) {
      return false;
    }
    put_told(search, op);
    book(search, &search->history->ops[op]);
  }
  return true;
}

static bool is_all_told_placed(const struct search *search) {
  return search->placed_count == search->told_count;
}

/* Whether this place is new. It counts as tried from here on. */
static bool try_place(struct search *search) {
  enum { TABLE_LEN = 2 * LINEAR_PLACES_MAX };
  if (search->tried == NULL) {
    search->tried = array_of(TABLE_LEN, sizeof(struct place));
  }
  for (size_t i = search->place.low % TABLE_LEN;; i = (i + 1) % TABLE_LEN) {
    struct place *slot = &search->tried[i];
    if (slot->low == 0 && slot->high == 0) {
      *slot = search->place;
      search->tried_count++;
      return true;
    }
    if (slot->low == search->place.low && slot->high == search->place.high) {
      return false;
    }
  }
}

/* Where the search stood before a choice. */
struct stand {
  struct bank bank;
  size_t placed_count;
  size_t first_end;
  size_t first_reading;
};

static struct stand stand_of(const struct search *search) {
  return (struct stand){search->bank, search->placed_count, search->first_end,
                        search->first_reading};
}

static void go_back(struct search *search, const struct stand *stand) {
  while (search->placed_count > stand->placed_count) {
    toggle(search, search->placed[--search->placed_count]);
  }
  search->bank = stand->bank;
  search->first_end = stand->first_end;
  search->first_reading = stand->first_reading;
}

static bool explain(struct search *search);

/* One of the untold payments has the next number. */
static bool choose(struct search *search) {
  struct stand stand = stand_of(search);
  uint64_t end = horizon(search);
  size_t possible_count = 0;
  for (size_t i = 0; i < search->untold_count; i++) {
    size_t op = search->untold[i];
    const struct history_op *booking = &search->history->ops[op];
    if (search->is_placed[op] || booking->begun >= end || !bank_would_book(search, booking)) {
      continue;
    }
    possible_count++;
    toggle(search, op);
    book(search, booking);
    if (explain(search)) {
      return true;
    }
    go_back(search, &stand);
    toggle(search, op);
  }
  if (possible_count == 0) {
    bool is_known = search->bank.booking_count < search->number_max;
    note_failure(search, OBSTACLE_LATE, is_known ? NONE : search->by_end[search->first_end]);
  }
  return false;
}

static bool explain(struct search *search) {
  if (!go_on(search)) {
    return false;
  }
  if (is_all_told_placed(search)) {
    return true;
  }
  return search->tried_count < LINEAR_PLACES_MAX && try_place(search) && choose(search);
}

/* ---- before and after it ---- */

static const struct history *sorted; /* qsort passes nothing along */

static int compare(uint64_t a, uint64_t b) {
  return (a > b) - (a < b);
}

static int by_end(const void *a, const void *b) {
  return compare(sorted->ops[*(const size_t *)a].ended, sorted->ops[*(const size_t *)b].ended);
}

static int by_beginning(const void *a, const void *b) {
  return compare(sorted->ops[*(const size_t *)a].begun, sorted->ops[*(const size_t *)b].begun);
}

static void sort_out(struct search *search) {
  for (size_t i = 0; i < search->history->op_count; i++) {
    const struct history_op *op = &search->history->ops[i];
    if (op->fate == HISTORY_TOLD) {
      search->by_end[search->told_count++] = i;
      if (op->kind != HISTORY_BOOKING) {
        search->readings[search->reading_count++] = i;
      }
    } else if (op->fate == HISTORY_UNTOLD && op->kind == HISTORY_BOOKING) {
      search->untold[search->untold_count++] = i;
    }
  }
  sorted = search->history;
  qsort(search->by_end, search->told_count, sizeof(size_t), by_end);
  qsort(search->readings, search->reading_count, sizeof(size_t), by_beginning);
  qsort(search->untold, search->untold_count, sizeof(size_t), by_beginning);
}

/* False, with the reason: the numbers alone can't be. */
static bool number(struct search *search, char *text, size_t text_len) {
  size_t booking_max = search->told_count - search->reading_count + search->untold_count;
  for (size_t i = 0; i < search->told_count; i++) {
    size_t op = search->by_end[i];
    const struct history_op *told = &search->history->ops[op];
    if (told->kind != HISTORY_BOOKING) {
      continue;
    }
    if (told->booking < 1 || (uint64_t)told->booking > booking_max) {
      (void)snprintf(text, text_len, "somebody was told of booking %lld, and %zu were wanted",
                     (long long)told->booking, booking_max);
      return false;
    }
    size_t *slot = &search->numbered[told->booking - 1];
    if (*slot != NONE) {
      (void)snprintf(text, text_len, "booking %lld was told of two payments",
                     (long long)told->booking);
      return false;
    }
    *slot = op;
    search->number_max = told->booking > search->number_max ? told->booking : search->number_max;
  }
  return true;
}

static void describe_op(const struct history_op *op, char *out, size_t len) {
  switch (op->kind) {
  case HISTORY_BOOKING:
    (void)snprintf(out, len, "booking %lld", (long long)op->booking);
    break;
  case HISTORY_REFUSAL:
    (void)snprintf(out, len, "the refusal of %lld from account %u", (long long)op->amount,
                   op->giver);
    break;
  case HISTORY_BALANCE:
    (void)snprintf(out, len, op->is_missing ? "a missing account %u" : "account %u read as %lld",
                   op->account, (long long)op->balance);
    break;
  case HISTORY_ENTRIES:
    (void)snprintf(out, len, "entries of account %u up to booking %lld", op->account,
                   (long long)op->booking);
    break;
  case HISTORY_COUNT:
    (void)snprintf(out, len, "a count of %lld bookings", (long long)op->booking);
    break;
  }
}

static void describe_failure(const struct search *search, char *out, size_t len) {
  const struct failure *failure = &search->failure;
  long long next = failure->bank.booking_count + 1;
  if (failure->op == NONE) {
    (void)snprintf(out, len, "nobody can have made booking %lld", next);
    return;
  }
  const struct history_op *op = &search->history->ops[failure->op];
  char what[80];
  describe_op(op, what, sizeof what);
  switch (failure->obstacle) {
  case OBSTACLE_LATE:
    (void)snprintf(
        out, len, "no order explains %s (client %u, %llu to %llu ms) before booking %lld", what,
        op->client, (unsigned long long)op->begun_ms, (unsigned long long)op->ended_ms, next);
    break;
  case OBSTACLE_RECEIPT:
    (void)snprintf(out, len, "the receipt of %s says %lld, and account %u held %lld before it",
                   what, (long long)op->balance, op->account,
                   (long long)failure->bank.accounts[op->account].balance);
    break;
  case OBSTACLE_RULE:
    (void)snprintf(out, len, "%s of %lld from account %u to %u could not be booked", what,
                   (long long)op->amount, op->giver, op->taker);
    break;
  }
}

static void open(struct search *search, const struct history *history) {
  size_t count = history->op_count;
  *search = (struct search){
      .history = history,
      .by_end = array_of(count, sizeof(size_t)),
      .readings = array_of(count, sizeof(size_t)),
      .untold = array_of(count, sizeof(size_t)),
      .numbered = array_of(count, sizeof(size_t)),
      .is_placed = array_of(count, sizeof(bool)),
      .placed = array_of(count, sizeof(size_t)),
  };
  memset(search->numbered, 0xff, count * sizeof(size_t)); /* NONE */
  for (unsigned i = 0; i < history->account_count; i++) {
    search->bank.accounts[i].is_open = history->accounts[i].is_open;
  }
}

static void close(struct search *search) {
  free(search->by_end);
  free(search->readings);
  free(search->untold);
  free(search->numbered);
  free(search->is_placed);
  free(search->placed);
  free(search->tried);
}

void linear_check(const struct history *history, struct linear_result *out_result) {
  struct search search;
  *out_result = (struct linear_result){.verdict = LINEAR_NOT_EXPLAINED};
  open(&search, history);
  sort_out(&search);
  if (number(&search, out_result->text, sizeof out_result->text)) {
    if (explain(&search)) {
      out_result->verdict = LINEAR_EXPLAINED;
    } else {
      bool is_given_up = search.tried_count >= LINEAR_PLACES_MAX;
      out_result->verdict = is_given_up ? LINEAR_UNDECIDED : LINEAR_NOT_EXPLAINED;
      describe_failure(&search, out_result->text, sizeof out_result->text);
    }
    out_result->place_count = search.tried_count;
  }
  close(&search);
}
