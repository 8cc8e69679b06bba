/* An allocator that fails when a test wants it to, and counts what is not given back. One thread.
 */
#ifndef TESTS_LIB_FAILING_ALLOCATOR_H
#define TESTS_LIB_FAILING_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>

/* Put it in place of the library's, before the library has allocated anything. */
void failing_allocator_install(void);
/* The n-th allocation from now on fails, once; 0: none does. */
void failing_allocator_arm(size_t n);
/* Every allocation from now on fails, or none. */
void failing_allocator_fail_all(bool fail);
/* Whether the armed allocation came, and failed. */
bool failing_allocator_fired(void);
/* Blocks that were not freed yet. */
size_t failing_allocator_live(void);
/* Allocations so far. */
size_t failing_allocator_count(void);

#endif
