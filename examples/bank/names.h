/* Names that customers choose: of accounts and of payments. */
#ifndef BANK_NAMES_H
#define BANK_NAMES_H

#include <stdbool.h>

#define NAME_LEN_MAX 64
/* What name_is_valid asks for, in words. */
#define NAME_RULE "1 to 64 letters, digits and - _ . characters"

/* The colon stays free for the bank's own accounts, such as "clearing:EUR". */
bool name_is_valid(const char *name);

/* Bytes of a payment id of 128 random bits, its end included. */
#define NAME_RANDOM_LEN 33

/* Make up a payment id that nobody else has. False: the system has no random numbers. */
bool name_make_payment_id(char payment_id[NAME_RANDOM_LEN]);

#endif
