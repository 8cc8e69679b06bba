/* Assertions on our own invariants. They stay on in release builds: a runtime that promises "once"
 * must stop rather than go on from a state that it does not understand. What comes from the wire,
 * the disk or the user is checked and refused, never asserted. */
#ifndef SURE_CORE_ASSERT_H
#define SURE_CORE_ASSERT_H

/* Aborts with the place and the text of `fact`. Write the reason into the fact:
 * sure__assert(n <= c->capacity && "the session caps it"). */
#define sure__assert(fact)                                                                         \
  ((fact) ? (void)0 : sure__assert_failed(#fact, __FILE__, __LINE__, __func__))

_Noreturn void sure__assert_failed(const char *fact, const char *file, int line,
                                   const char *function);

#endif
