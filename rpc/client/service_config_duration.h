/* Durations as proto3 writes them in JSON: "1.5s". */
#ifndef SURE_CLIENT_SERVICE_CONFIG_DURATION_H
#define SURE_CLIENT_SERVICE_CONFIG_DURATION_H

#include <stdbool.h>
#include <stdint.h>

/* Whole seconds, up to nine decimals, and an "s". `*out_ms` is rounded up, so that no time that is
 * more than 0 becomes 0; below zero it is -1. False when `text` is no duration. */
bool sure__duration_parse(const char *text, int64_t *out_ms);

#endif
