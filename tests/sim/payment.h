/* What customers want of the bank of the examples. As the journal of a shop would, it outlives the
 * processes that ask for it. */
#ifndef SURE_TESTS_SIM_PAYMENT_H
#define SURE_TESTS_SIM_PAYMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Accounts by number: the bank's own two, then the customers'. */
enum { ACCOUNT_WORLD, ACCOUNT_CLEARING, ACCOUNT_FIRST_CUSTOMER };

#define PAYMENT_CURRENCY "EUR"

enum payment_kind { PAYMENT_OPENING, PAYMENT_CHARGE, PAYMENT_TRANSFER, PAYMENT_REFUND };

struct payment {
  uint64_t number;
  char id[24]; /* "p" and the number */
  enum payment_kind kind;
  unsigned giver;
  unsigned taker;
  unsigned customer; /* whose receipt it is */
  int64_t amount;
  int64_t overdraft_limit;      /* PAYMENT_OPENING: of the account */
  const struct payment *charge; /* PAYMENT_REFUND: what is given back, or a part of it */
  size_t op;                    /* in the history */
  bool is_booked;               /* somebody has the receipt */
  bool is_final;                /* somebody knows how it ended */
  bool is_ruled_out;            /* somebody who has cancelled knows that it is not booked */
  bool is_abandoned;            /* its end is unknown, and nobody asks */
  bool is_insisted_on;          /* somebody asks until it is final */
};

/* A new one, numbered from 1 on; the rest is the caller's. */
struct payment *payment_new(const struct payment *payment);
/* NULL: there is none. */
struct payment *payment_of(uint64_t number);
/* By its id. */
struct payment *payment_named(const char *id);
uint64_t payment_count(void);
void payments_clear(void);

const char *account_name(unsigned account);

#endif
