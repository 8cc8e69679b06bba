/* Little-endian integers in byte strings. Compilers turn each of these into one move. */
#ifndef SURE_CORE_WIRE_H
#define SURE_CORE_WIRE_H

#include <stdint.h>

static inline uint16_t sure__get_u16(const uint8_t *p) {
  return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t sure__get_u32(const uint8_t *p) {
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t sure__get_u64(const uint8_t *p) {
  return (uint64_t)sure__get_u32(p) | (uint64_t)sure__get_u32(p + 4) << 32;
}

static inline void sure__put_u16(uint8_t *p, uint16_t value) {
  p[0] = (uint8_t)value;
  p[1] = (uint8_t)(value >> 8);
}

static inline void sure__put_u32(uint8_t *p, uint32_t value) {
  sure__put_u16(p, (uint16_t)value);
  sure__put_u16(p + 2, (uint16_t)(value >> 16));
}

static inline void sure__put_u64(uint8_t *p, uint64_t value) {
  sure__put_u32(p, (uint32_t)value);
  sure__put_u32(p + 4, (uint32_t)(value >> 32));
}

#endif
