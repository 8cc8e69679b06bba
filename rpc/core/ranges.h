/* The set of acknowledged sequence numbers of one session (S9): all numbers below `base`, and runs
 * above it that are ascending, disjoint, and touch neither each other nor `base`. Both sides of a
 * session keep one: the client to say what it has, the store to refuse what was acknowledged.
 *
 * It only ever grows. A change is planned first, which may fail and changes nothing, and applied
 * afterwards, which can't fail: a store frees what the plan newly covers in between. */
#ifndef SURE_CORE_RANGES_H
#define SURE_CORE_RANGES_H

#include <sure/channel.h>
#include <sure/store.h>

/* Each gap between two runs holds a call that is still open at the client. */
#define SURE__RANGES_MAX (SURE_OPEN_CALLS_MAX + 1)
/* So that "last + 1" never wraps and every number fits a database's signed integer. */
#define SURE__SEQUENCE_MAX ((uint64_t)INT64_MAX - 1)

struct sure__ranges {
  uint64_t base;
  struct sure_range *runs;
  size_t count;
  size_t capacity; /* of `runs` and of `planned` */
  uint64_t planned_base;
  struct sure_range *planned;
  size_t planned_count;
};

/* Sequence numbers start at 1, so an empty set has base 1 and number 0 counts as acknowledged. */
void sure__ranges_init(struct sure__ranges *set);
void sure__ranges_fini(struct sure__ranges *set);

bool sure__ranges_contains(const struct sure__ranges *set, uint64_t number);

/* Finds the first run of numbers from `*cursor` to `last` that is not in the set, and moves
 * `*cursor` past it. False when there is none. */
bool sure__ranges_next_gap(const struct sure__ranges *set, uint64_t *cursor, uint64_t last,
                           struct sure_range *out_gap);

/* Prepares the union with all numbers below `base` and with `runs`, which are ascending and
 * disjoint.
 * SURE_RESOURCE_EXHAUSTED: memory, more than SURE__RANGES_MAX runs, or a number over
 * SURE__SEQUENCE_MAX. */
enum sure_code sure__ranges_plan(struct sure__ranges *set, uint64_t base,
                                 const struct sure_range *runs, size_t count);
/* Puts the union that was planned last in place. */
void sure__ranges_apply(struct sure__ranges *set);
/* Both at once. */
enum sure_code sure__ranges_union(struct sure__ranges *set, uint64_t base,
                                  const struct sure_range *runs, size_t count);
/* The union with one number. */
enum sure_code sure__ranges_add(struct sure__ranges *set, uint64_t number);

#endif
