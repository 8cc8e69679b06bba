#include "tests/sim/wires.h"

#include <stdlib.h>
#include <string.h>

static struct wire *wires;

void wires_send(const struct wire *wire) {
  struct wire *kept = malloc(sizeof *kept);
  if (kept == NULL) {
    abort();
  }
  *kept = *wire;
  kept->next = wires;
  wires = kept;
}

const struct wire *wires_find(const char *key) {
  const struct wire *wire = wires;
  while (wire != NULL && strcmp(wire->key, key) != 0) {
    wire = wire->next;
  }
  return wire;
}

void wires_clear(void) {
  while (wires != NULL) {
    struct wire *gone = wires;
    wires = gone->next;
    free(gone);
  }
}
