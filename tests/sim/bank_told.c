#include "tests/sim/bank_told.h"

#include "tests/sim/bank_books.h"
#include "tests/sim/bank_wire.h"
#include "tests/sim/linear.h"

struct history bank_history;

static void contradict(const struct payment *payment) {
  sim_fail("of payment %s two different ends were told", payment->id);
}

static void take_receipt(struct payment *payment, struct sure_bytes reply) {
  int64_t booking = 0;
  int64_t balance = 0;
  if (!bank_wire_receipt(payment, reply, &booking, &balance)) {
    sim_fail("payment %s got a receipt about something else", payment->id);
    return;
  }
  sim_trace("payment %s is booking %lld and leaves %lld", payment->id, (long long)booking,
            (long long)balance);
  if (!history_tell_receipt(&bank_history, payment->op, booking, balance, sim.now_ms)) {
    contradict(payment);
  }
  if (payment->is_ruled_out) {
    contradict(payment);
  }
  sim.coverage[payment->is_final ? COVER_RECEIPT_AGAIN : COVER_RECEIPT]++;
  payment->is_booked = true;
  payment->is_final = true;
}

/* Who has cancelled is told that nothing was booked or ever will be, and not for what reason. */
static void take_cancellation(struct payment *payment) {
  if (payment->is_booked) {
    contradict(payment);
  }
  payment->is_ruled_out = true;
}

/* Customers ask for nothing that the bank could refuse, but for more than they have, or more of a
 * charge back than there is of it. */
static void take_refusal(struct payment *payment, const struct sure__end *end) {
  bool is_poor = end->code == SURE_FAILED_PRECONDITION && end->reason == SURE_REASON_NONE &&
                 payment->kind != PAYMENT_OPENING;
  if (!is_poor && end->reason != SURE_REASON_TOMBSTONE) {
    sim_fail("payment %s was refused with %s", payment->id, sure_code_name(end->code));
    return;
  }
  bool is_overdrawn = is_poor && payment->kind != PAYMENT_REFUND;
  if (!(is_overdrawn ? history_tell_overdrawn(&bank_history, payment->op, sim.now_ms)
                     : history_tell_never(&bank_history, payment->op))) {
    contradict(payment);
  }
  sim.coverage[COVER_OVERDRAWN] += is_overdrawn;
  payment->is_final = true;
}

bool bank_told_end(struct payment *payment, const struct sure__end *end) {
  if (end->code == SURE_OK) {
    take_receipt(payment, end->reply);
  } else if (end->outcome == SURE_NOT_APPLIED && end->recorded) {
    if (end->code == SURE_CANCELLED) {
      take_cancellation(payment);
    } else {
      take_refusal(payment, end);
    }
  }
  return payment->is_final;
}

/* Whoever lists the entries of an account is told of payments, too. */
static void take_entry(const char *payment_id, int64_t booking) {
  struct payment *payment = payment_named(payment_id);
  if (payment == NULL) {
    sim_fail("booking %lld is of a payment that nobody wanted: %s", (long long)booking, payment_id);
  } else if (!history_tell_entry(&bank_history, payment->op, booking, sim.now_ms)) {
    contradict(payment);
  }
}

void bank_told_reading(const struct order *order, const struct sure__end *end) {
  struct history_op seen = {.is_missing = end->code == SURE_NOT_FOUND};
  if (end->code == SURE_OK && !bank_wire_read(order->reading, order->account, end->reply, &seen)) {
    sim_fail(order->reading == HISTORY_COUNT
                 ? "client %u is shown books that are not in order"
                 : "client %u is shown something else than it asked for",
             order->errand.node->number);
    return;
  }
  if (end->code == SURE_OK || seen.is_missing) {
    sim_trace("client %u reads %s: booking %lld, balance %lld", order->errand.node->number,
              order->errand.about, (long long)seen.booking, (long long)seen.balance);
    history_tell_reading(&bank_history, order->op, &seen, sim.now_ms);
    sim.coverage[COVER_READING]++;
  }
  if (end->code == SURE_OK && order->reading == HISTORY_ENTRIES) {
    bank_wire_each_entry(end->reply, take_entry);
  }
}

/* A call whose end nobody was told may also have died with its client. */
bool bank_told_nothing_certain(const struct payment *payment) {
  return !payment->is_final && bank_history.ops[payment->op].possible_count > 0;
}

static void tell_history(const struct linear_result *result) {
  size_t told_count = 0;
  size_t unknown_count = 0;
  for (size_t i = 0; i < bank_history.op_count; i++) {
    const struct history_op *op = &bank_history.ops[i];
    told_count += op->fate == HISTORY_TOLD;
    unknown_count += op->fate == HISTORY_UNTOLD && op->kind == HISTORY_BOOKING;
  }
  sim.coverage[COVER_UNKNOWN_END] += unknown_count;
  sim.coverage[COVER_CHOICE] += result->place_count > 0;
  sim_trace("of %zu operations an end was told, of %zu payments none; %zu places had a choice",
            told_count, unknown_count, result->place_count);
}

/* Of those who have cancelled and asked no further. */
static void rule_out_cancelled(void) {
  for (uint64_t i = 1; i <= payment_count(); i++) {
    const struct payment *payment = payment_of(i);
    if (payment->is_ruled_out && !payment->is_final &&
        !history_tell_never(&bank_history, payment->op)) {
      contradict(payment);
    }
  }
}

void bank_told_check_end(struct sure_store *store) {
  struct linear_result result;
  rule_out_cancelled();
  history_close(&bank_history);
  linear_check(&bank_history, &result);
  tell_history(&result);
  if (result.verdict != LINEAR_EXPLAINED) {
    sim_fail("%s: %s",
             result.verdict == LINEAR_UNDECIDED ? "not known to be linearizable"
                                                : "not linearizable",
             result.text);
  }
  bank_books_check(store, &bank_history);
}
