/* Talks to the card network. */
#ifndef EXAMPLES_CARDS_NETWORK_H
#define EXAMPLES_CARDS_NETWORK_H

#include <stdint.h>

/* What is known after a word with it. */
enum verdict {
  UNREACHED,  /* it has not heard of us */
  UNANSWERED, /* it may have, and done what it was asked for */
  AUTHORIZED,
  DECLINED, /* not done, and never under this key */
};

/* Charge the card, once for each key. */
enum verdict network_authorize(const char *socket_path, const char *key, const char *card,
                               int64_t cents, int64_t *out_approval);
/* Find out whether that has happened; if not, see to it that it never will. */
enum verdict network_close(const char *socket_path, const char *key, int64_t *out_approval);

#endif
