/* Connections, a channel each. */
#ifndef SURE_BENCH_CONNECT_H
#define SURE_BENCH_CONNECT_H

#include <stdbool.h>
#include <stddef.h>
#include <sure/sure.h>

/* Opens `count` channels and waits until all are ready. False: one is not; those that are NULL were
 * not opened. */
bool connect_all(const char *url, struct sure_channel **channels, size_t count);
void disconnect_all(struct sure_channel **channels, size_t count);

#endif
