/* All of stdin in, all of an answer out: what both plugins do. */
#ifndef SURE_CODEGEN_STDIO_BYTES_H
#define SURE_CODEGEN_STDIO_BYTES_H

#include "codegen/arena.h"

#include <stdio.h>
#include <sure/base.h>

/* Read stdin to its end, or to a little more than `len_max`, so that the caller notices. Returns
 * NULL or what went wrong. */
const char *stdio_read_all(struct arena *arena, size_t len_max, struct sure_bytes *out_bytes);

/* Write all of `bytes` and flush. Returns NULL or what went wrong. */
const char *stdio_write_all(struct arena *arena, FILE *stream, struct sure_bytes bytes);

#endif
