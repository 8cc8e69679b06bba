/* sure-bench-growth [SECONDS]: what sessions that a server has cost the calls of others. Two
 * servers, whose memory stores hold 1 000 and 1 000 000 sessions with two records each, get the
 * same calls, 64 at a time, in turn. Prints `few CALLS_PER_S many CALLS_PER_S few_ns N many_ns N`;
 * the last two are of a call and an acknowledgment in the store alone, in a session drawn at
 * random. */
#include <stdio.h>
#include <stdlib.h>

#include "load.h"
#include "served.h"
#include "store_ops.h"

enum { FEW = 1000, MANY = 1000000, RECORDS = 2, OPEN = 64, DRAWN = 1000000 };
#define WARM_S 0.3

/* ---- the store ---- */

static bool fill(struct sure_store *store, uint64_t count) {
  bool is_good = true;
  for (uint64_t i = 0; i < count && is_good; i++) {
    is_good = store_open_session(store, i);
    for (uint64_t sequence = 1; sequence <= RECORDS && is_good; sequence++) {
      is_good = store_record(store, i, sequence);
    }
  }
  return is_good;
}

/* Nanoseconds of a call and the acknowledgment of an earlier one; 0: it could not be done. */
static double draw(struct sure_store *store, uint64_t count) {
  uint64_t *next = calloc(count, sizeof *next);
  uint64_t x = 88172645463325252u;
  bool is_good = next != NULL;
  double begun_s = load_now_s();
  for (size_t i = 0; i < DRAWN && is_good; i++) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    uint64_t session = x % count;
    uint64_t sequence = RECORDS + ++next[session];
    is_good = store_record(store, session, sequence) &&
              store_acknowledge(store, session, sequence - RECORDS);
  }
  double ns = (load_now_s() - begun_s) * 1e9 / DRAWN;
  free(next);
  return is_good ? ns : 0;
}

/* ---- one of the two ---- */

struct side {
  uint64_t count; /* of sessions */
  struct sure_store *store;
  double store_ns;
  struct served served;
  struct sure_channel *channel;
  double calls_per_s;
};

/* The store is measured before its server is forked, as both then copy the pages that they write.
 */
static bool side_begin(struct side *side) {
  const struct sure_memory_store_options options = {.len_max = UINT64_C(8) << 30,
                                                    .sessions_max = 2 * MANY};
  if (sure_memory_store_open(&options, &side->store) != SURE_OK ||
      !fill(side->store, side->count)) {
    return false;
  }
  side->store_ns = draw(side->store, side->count);
  const struct sure_server_options server_options = {.store = side->store};
  return side->store_ns > 0 && served_start(&side->served, &server_options, load_set_up);
}

static bool side_connect(struct side *side) {
  const struct sure_channel_options options = {.target = side->served.url};
  return sure_channel_open(&options, &side->channel) == SURE_OK;
}

static bool side_load(struct side *side, double seconds) {
  struct sure_channel *channels[OPEN];
  for (size_t i = 0; i < OPEN; i++) {
    channels[i] = side->channel;
  }
  side->calls_per_s = load_run(channels, OPEN, seconds);
  return side->calls_per_s > 0;
}

static bool side_end(struct side *side) {
  if (side->channel != NULL) {
    sure_channel_free(side->channel, 1000);
  }
  bool is_good = side->served.pid > 0 && served_stop(&side->served);
  sure_store_free(side->store);
  return is_good;
}

static bool measure(struct side *few, struct side *many, double seconds) {
  return side_begin(few) && side_begin(many) && side_connect(few) && side_connect(many) &&
         side_load(few, WARM_S) && side_load(many, WARM_S) && side_load(few, seconds) &&
         side_load(many, seconds);
}

int main(int argc, char **argv) {
  double seconds = argc == 2 ? strtod(argv[1], NULL) : 1;
  struct side few = {.count = FEW};
  struct side many = {.count = MANY};
  if (argc > 2 || seconds <= 0) {
    fprintf(stderr, "usage: %s [SECONDS]\n", argv[0]);
    return 2;
  }
  bool is_good = measure(&few, &many, seconds);
  is_good = side_end(&few) && is_good;
  is_good = side_end(&many) && is_good;
  printf("few %.0f many %.0f few_ns %.0f many_ns %.0f\n", few.calls_per_s, many.calls_per_s,
         few.store_ns, many.store_ns);
  return is_good ? 0 : 1;
}
