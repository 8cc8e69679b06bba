/* Random numbers of the system: session ids, challenges, the seed of jitter. */
#ifndef SURE_NET_ENTROPY_H
#define SURE_NET_ENTROPY_H

#include <stdbool.h>
#include <stddef.h>

/* False when the system has none; `out` is then undefined. */
bool sure__entropy(void *out, size_t len);

#endif
