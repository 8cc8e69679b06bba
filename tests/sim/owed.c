#include "tests/sim/owed.h"

#include <stdlib.h>

#include "tests/sim/talk.h"

/* The default ack delay, and room for events of the same moment. */
enum { SAID_WITHIN_MS = 15 };

struct owed_attempt {
  struct owed_attempt *next;
  bool is_whole; /* before that it may be refused, and nothing is owed */
  uint64_t sequence;
  uint32_t attempt;
};

static struct owed_attempt **find(struct owed *owed, uint64_t sequence, uint32_t attempt) {
  struct owed_attempt **place = &owed->first;
  while (*place != NULL && ((*place)->sequence != sequence || (*place)->attempt != attempt)) {
    place = &(*place)->next;
  }
  return place;
}

static void settle_debt(struct owed *owed, const struct sure__frame *frame) {
  struct owed_attempt **place = find(owed, frame->sequence, frame->attempt);
  if (*place != NULL) {
    struct owed_attempt *attempt = *place;
    *place = attempt->next;
    free(attempt);
  }
}

static struct owed_attempt *note(struct owed *owed, const struct sure__frame *frame) {
  struct owed_attempt *attempt = calloc(1, sizeof *attempt);
  if (attempt == NULL) {
    abort();
  }
  *attempt = (struct owed_attempt){
      .next = owed->first, .sequence = frame->sequence, .attempt = frame->attempt};
  owed->first = attempt;
  return attempt;
}

/* Sequence and attempt in one number, for an event; attempts are few. */
static uint64_t pack(const struct owed_attempt *attempt) {
  return attempt->sequence << 16 | (attempt->attempt & 0xFFFF);
}

static void still_owed(void *thing, uint64_t packed) {
  struct owed *owed = thing;
  const struct owed_attempt *attempt = *find(owed, packed >> 16, packed & 0xFFFF);
  if (!owed->is_over && attempt != NULL && attempt->is_whole) {
    sim_fail("%s says nothing of request %llu", owed->server->name,
             (unsigned long long)(packed >> 16));
  }
}

/* After a pause, timers that were due meanwhile get their turn first. */
static void time_is_up(void *thing, uint64_t packed) {
  event_at(sim.now_ms + 1, sim.current, still_owed, thing, packed);
}

void owed_received(struct owed *owed, const struct sure__frame *frame) {
  if (frame->type == SURE__CANCEL) {
    settle_debt(owed, frame);
    return;
  }
  if (frame->type != SURE__REQUEST) {
    return;
  }
  bool is_first = (frame->flags & SURE__CONT) == 0;
  if (is_first && talk_is_of(frame->request.method)) {
    return; /* a late attempt of a stream gets no answer, and is not known here */
  }
  struct owed_attempt *attempt =
      is_first ? note(owed, frame) : *find(owed, frame->sequence, frame->attempt);
  if (attempt != NULL && (frame->flags & SURE__MORE) == 0) {
    attempt->is_whole = true;
    event_at(sim.now_ms + SAID_WITHIN_MS, owed->server, time_is_up, owed, pack(attempt));
  }
}

void owed_sent(struct owed *owed, const struct sure__frame *frame) {
  if (frame->type == SURE__ACCEPTED || frame->type == SURE__RESPONSE) {
    settle_debt(owed, frame);
  }
}

void owed_clear(struct owed *owed) {
  while (owed->first != NULL) {
    struct owed_attempt *attempt = owed->first;
    owed->first = attempt->next;
    free(attempt);
  }
}
