/* Whether one order of all operations of a history explains what everybody was told.
 *
 * That is linearizability (Herlihy and Wing, "Linearizability: A Correctness Condition for
 * Concurrent Objects", 1990): every operation has its effect at one moment between its beginning
 * and its end, and in the order of these moments each is answered as one bank, which does one thing
 * after the other, would answer it:
 *
 *     booking   the giver and the taker are open, the giver has enough; it gets the next number,
 *               from 1 on, and is told the balance that it leaves in one of the two
 *     refusal   the giver had too little
 *     balance, entries, count
 *               what is there at that moment
 *
 * The object is the whole bank. Each account for itself would be a weaker question, as a transfer
 * is in two: a client that sees it come in at one account, and then not yet gone from the other,
 * finds nothing wrong with either.
 *
 * Wing and Gong ("Testing and Verifying Concurrent Objects", 1993) put one operation after the
 * other in the first places, of those that none that is left has ended before, and go back when
 * nothing fits. Two things leave little of that search:
 *
 * - A reading (a refusal is one, too) changes nothing. It is put in the first place where it is
 *   allowed and true: if there is an order with it further back, it can be taken out and put here.
 * - Bookings are numbered in their order, so where somebody was told of number n, it is the n-th.
 *
 * What remains are numbers that nobody was told of. Behind each of them is a payment of which
 * nobody knows the end, and there may be several that fit; after the last known number there may be
 * more of them, if readings say so, or none. Places that were tried in vain before are remembered,
 * as in Lowe ("Testing for Linearizability", 2017), and there is a limit on how many are tried. */
#ifndef SURE_TESTS_SIM_LINEAR_H
#define SURE_TESTS_SIM_LINEAR_H

#include "tests/sim/history.h"

/* Places where there was a choice. */
enum { LINEAR_PLACES_MAX = 1 << 16 };

enum linear_verdict {
  LINEAR_EXPLAINED,
  LINEAR_NOT_EXPLAINED,
  LINEAR_UNDECIDED, /* the limit was reached */
};

struct linear_result {
  enum linear_verdict verdict;
  size_t place_count;
  char text[200]; /* not explained: where the best attempt failed */
};

/* `history` is closed, or made by hand: the moments of its operations are what counts. */
void linear_check(const struct history *history, struct linear_result *out_result);

#endif
