#include "rpc/core/timers.h"

#include "rpc/core/assert.h"
#include "rpc/core/memory.h"

void sure__timers_fini(struct sure__timers *timers) {
  sure__free(timers->heap);
  *timers = (struct sure__timers){0};
}

bool sure__timers_reserve(struct sure__timers *timers, size_t count) {
  if (count <= timers->capacity) {
    return true;
  }
  size_t capacity = timers->capacity < 16 ? 16 : timers->capacity * 2;
  if (capacity < count) {
    capacity = count;
  }
  struct sure__timer **heap = sure__realloc(timers->heap, capacity * sizeof(struct sure__timer *));
  if (heap == NULL) {
    return false;
  }
  timers->heap = heap;
  timers->capacity = capacity;
  return true;
}

static void put(struct sure__timers *timers, size_t place, struct sure__timer *timer) {
  timers->heap[place - 1] = timer;
  timer->place = place;
}

static struct sure__timer *at(const struct sure__timers *timers, size_t place) {
  return timers->heap[place - 1];
}

static void sift_up(struct sure__timers *timers, struct sure__timer *timer) {
  size_t place = timer->place;
  while (place > 1 && at(timers, place / 2)->at_ms > timer->at_ms) {
    put(timers, place, at(timers, place / 2));
    place /= 2;
  }
  put(timers, place, timer);
}

static void sift_down(struct sure__timers *timers, struct sure__timer *timer) {
  size_t place = timer->place;
  for (;;) {
    size_t child = place * 2;
    if (child > timers->count) {
      break;
    }
    if (child < timers->count && at(timers, child + 1)->at_ms < at(timers, child)->at_ms) {
      child++;
    }
    if (at(timers, child)->at_ms >= timer->at_ms) {
      break;
    }
    put(timers, place, at(timers, child));
    place = child;
  }
  put(timers, place, timer);
}

void sure__timers_set(struct sure__timers *timers, struct sure__timer *timer, uint64_t at_ms) {
  timer->at_ms = at_ms;
  if (timer->place == 0) {
    sure__assert(timers->count < timers->capacity && "room is reserved with the thing it wakes");
    timers->count++;
    put(timers, timers->count, timer);
  }
  sift_up(timers, timer);
  sift_down(timers, timer);
}

void sure__timers_cancel(struct sure__timers *timers, struct sure__timer *timer) {
  if (timer->place == 0) {
    return;
  }
  struct sure__timer *last = at(timers, timers->count);
  size_t place = timer->place;
  timers->count--;
  timer->place = 0;
  if (last != timer) {
    put(timers, place, last);
    sift_up(timers, last);
    sift_down(timers, last);
  }
}

uint64_t sure__timers_next(const struct sure__timers *timers) {
  return timers->count == 0 ? SURE__TIME_NEVER : at(timers, 1)->at_ms;
}

struct sure__timer *sure__timers_pop(struct sure__timers *timers, uint64_t now_ms) {
  if (timers->count == 0 || at(timers, 1)->at_ms > now_ms) {
    return NULL;
  }
  struct sure__timer *timer = at(timers, 1);
  sure__timers_cancel(timers, timer);
  return timer;
}
