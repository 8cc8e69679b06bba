/* What is going to happen: a heap of events, the earliest first; ties in the order of planning. */
#include <stdlib.h>

#include "tests/sim/sim.h"

struct event {
  uint64_t at_ms;
  uint64_t order;
  struct process *process;
  uint32_t life;
  event_fn *fn;
  void *thing;
  uint64_t number;
};

static struct event *heap; /* from index 1 on */
static size_t count;
static size_t capacity;
static uint64_t order_last;

static bool is_before(const struct event *a, const struct event *b) {
  return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void push(struct event event) {
  if (count + 1 >= capacity) {
    capacity = capacity == 0 ? 1024 : 2 * capacity;
    heap = realloc(heap, capacity * sizeof *heap);
    if (heap == NULL) {
      abort();
    }
  }
  size_t place = ++count;
  for (; place > 1 && is_before(&event, &heap[place / 2]); place /= 2) {
    heap[place] = heap[place / 2];
  }
  heap[place] = event;
}

static struct event pop(void) {
  struct event first = heap[1];
  struct event last = heap[count--];
  size_t place = 1;
  while (2 * place <= count) {
    size_t child = 2 * place;
    if (child < count && is_before(&heap[child + 1], &heap[child])) {
      child++;
    }
    if (!is_before(&heap[child], &last)) {
      break;
    }
    heap[place] = heap[child];
    place = child;
  }
  heap[place] = last;
  return first;
}

void event_at(uint64_t at_ms, struct process *process, event_fn *fn, void *thing, uint64_t number) {
  push((struct event){.at_ms = at_ms > sim.now_ms ? at_ms : sim.now_ms,
                      .order = ++order_last,
                      .process = process,
                      .life = process == NULL ? 0 : process->life,
                      .fn = fn,
                      .thing = thing,
                      .number = number});
}

bool event_step(void) {
  while (count > 0) {
    struct event event = pop();
    struct process *process = event.process;
    if (process != NULL && process->life != event.life) {
      continue;
    }
    sim.now_ms = event.at_ms;
    if (process != NULL && process->paused_until_ms > sim.now_ms) {
      event.at_ms = process->paused_until_ms;
      push(event);
      continue;
    }
    sim.steps++;
    struct process *before = process_enter(process);
    event.fn(event.thing, event.number);
    process_enter(before);
    return true;
  }
  return false;
}

void events_clear(void) {
  count = 0;
  order_last = 0;
}
