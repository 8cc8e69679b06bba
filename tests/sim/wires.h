/* A bank elsewhere, which is no part of any transaction: it keeps every wire that it was sent, and
 * can be asked what became of one (S15). */
#ifndef SURE_TESTS_SIM_WIRES_H
#define SURE_TESTS_SIM_WIRES_H

#include <stdint.h>

struct wire {
  struct wire *next;
  char key[40]; /* of the effect */
  uint64_t deed;
  uint64_t receipt;
  uint32_t reply_len;
};

void wires_send(const struct wire *wire);
/* NULL: it was never sent. */
const struct wire *wires_find(const char *key);
void wires_clear(void);

#endif
