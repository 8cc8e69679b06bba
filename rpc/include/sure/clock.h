/* Stamps of the hybrid logical clock: close to the time of day, and ordered as causes and effects
 * are, whatever the clocks of the machines say (Kulkarni et al. 2014; docs/protocol.md, section
 * 11).
 *
 * If one call has ended before another is made by the same process, or by one that was told of it
 * through a call of this library, then the stamp of the first is the smaller one. Two stamps that
 * say nothing of each other's causes are in an order too, the same for everybody. Of a stamp's 64
 * bits the upper 48 are Unix milliseconds, the lower 16 count. 0 is no stamp. */
#ifndef SURE_CLOCK_H
#define SURE_CLOCK_H

#include <sure/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How far another machine's clock may be ahead before it is not believed any more. */
#define SURE_CLOCK_DRIFT_MS_DEFAULT 500

/* When it was, in Unix milliseconds, as well as the clocks knew. */
static inline int64_t sure_stamp_ms(uint64_t stamp) {
  return (int64_t)(stamp >> 16);
}

/* Bytes that sure_stamp_text needs. */
#define SURE_STAMP_TEXT_SIZE 32

/* "2026-11-26T12:00:00.250Z+3" (UTC, and the count), cut to `size` bytes. Returns `text`. */
SURE_API char *sure_stamp_text(uint64_t stamp, char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
