#include "rpc/core/ranges.h"

#include "rpc/core/memory.h"

void sure__ranges_init(struct sure__ranges *set) {
  *set = (struct sure__ranges){.base = 1};
}

void sure__ranges_fini(struct sure__ranges *set) {
  sure__free(set->runs);
  sure__free(set->planned);
  sure__ranges_init(set);
}

/* The index of the first run that ends at or after `number`. */
static size_t find(const struct sure__ranges *set, uint64_t number) {
  size_t low = 0;
  size_t high = set->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (set->runs[middle].last < number) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

bool sure__ranges_contains(const struct sure__ranges *set, uint64_t number) {
  if (number < set->base) {
    return true;
  }
  size_t i = find(set, number);
  return i < set->count && set->runs[i].first <= number;
}

bool sure__ranges_next_gap(const struct sure__ranges *set, uint64_t *cursor, uint64_t last,
                           struct sure_range *out_gap) {
  uint64_t first = *cursor < set->base ? set->base : *cursor;
  size_t i = find(set, first);
  if (i < set->count && set->runs[i].first <= first) {
    first = set->runs[i].last + 1; /* runs don't touch, so this number is outside */
    i++;
  }
  if (first > last) {
    return false;
  }
  uint64_t end = last;
  if (i < set->count && set->runs[i].first <= last) {
    end = set->runs[i].first - 1;
  }
  *cursor = end + 1;
  *out_gap = (struct sure_range){.first = first, .last = end};
  return true;
}

static bool grow(struct sure__ranges *set, size_t need) {
  if (need <= set->capacity) {
    return true;
  }
  size_t capacity = need < 8 ? 8 : 2 * need;
  struct sure_range *runs = sure__realloc(set->runs, capacity * sizeof *runs);
  if (runs == NULL) {
    return false;
  }
  set->runs = runs;
  struct sure_range *planned = sure__realloc(set->planned, capacity * sizeof *planned);
  if (planned == NULL) {
    return false;
  }
  set->planned = planned;
  set->capacity = capacity;
  return true;
}

/* Adds the next run, in ascending order of `first`, to what is planned so far. */
static bool plan_run(struct sure__ranges *set, struct sure_range run) {
  if (run.last < set->planned_base) {
    return true;
  }
  if (run.first <= set->planned_base) {
    set->planned_base = run.last + 1;
    return true;
  }
  if (set->planned_count > 0) {
    struct sure_range *end = &set->planned[set->planned_count - 1];
    if (run.first <= end->last + 1) {
      end->last = run.last > end->last ? run.last : end->last;
      return true;
    }
  }
  if (set->planned_count == SURE__RANGES_MAX) {
    return false;
  }
  set->planned[set->planned_count++] = run;
  return true;
}

static bool in_bounds(uint64_t base, const struct sure_range *runs, size_t count) {
  return base <= SURE__SEQUENCE_MAX && count <= SURE__RANGES_MAX &&
         (count == 0 || runs[count - 1].last < SURE__SEQUENCE_MAX);
}

enum sure_code sure__ranges_plan(struct sure__ranges *set, uint64_t base,
                                 const struct sure_range *runs, size_t count) {
  if (!in_bounds(base, runs, count) || !grow(set, set->count + count)) {
    return SURE_RESOURCE_EXHAUSTED;
  }
  set->planned_base = base > set->base ? base : set->base;
  set->planned_count = 0;
  size_t mine = 0;
  size_t theirs = 0;
  while (mine < set->count || theirs < count) {
    bool take_mine =
        theirs == count || (mine < set->count && set->runs[mine].first <= runs[theirs].first);
    if (!plan_run(set, take_mine ? set->runs[mine++] : runs[theirs++])) {
      return SURE_RESOURCE_EXHAUSTED;
    }
  }
  return SURE_OK;
}

void sure__ranges_apply(struct sure__ranges *set) {
  struct sure_range *runs = set->runs;
  set->base = set->planned_base;
  set->runs = set->planned;
  set->count = set->planned_count;
  set->planned = runs;
}

enum sure_code sure__ranges_union(struct sure__ranges *set, uint64_t base,
                                  const struct sure_range *runs, size_t count) {
  enum sure_code code = sure__ranges_plan(set, base, runs, count);
  if (code == SURE_OK) {
    sure__ranges_apply(set);
  }
  return code;
}

enum sure_code sure__ranges_add(struct sure__ranges *set, uint64_t number) {
  struct sure_range run = {.first = number, .last = number};
  return sure__ranges_union(set, 0, &run, 1);
}
