/* A cable between two network interfaces that loses, doubles, delays and reorders frames: what
 * netem does, for kernels that don't have it. Its two ends are TAP interfaces, and a thread carries
 * the frames from one to the other. */
#ifndef CHAOS_WIRE_H
#define CHAOS_WIRE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct wire_stats {
  _Atomic uint64_t frames;
  _Atomic uint64_t lost;
  _Atomic uint64_t doubled;
  _Atomic uint64_t late; /* overtaken by those that came after them */
};

/* Make the interface `name` in the namespace that we are in. Returns its descriptor, or -1. It goes
 * away when that is closed. */
int wire_open_end(const char *name);

/* Carry frames between the two ends from now on, until the process ends. `stats` has to live as
 * long. False if no thread can be had. Call it once. */
bool wire_start(const int ends[2], uint64_t seed, struct wire_stats *stats);

#endif
