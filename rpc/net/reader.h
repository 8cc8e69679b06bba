/* Two buffers for one stream: one is being filled by a read while the whole frames of the other are
 * with their owner. Small when the stream is idle, as a posted read pins its buffer; growing when
 * reads come back full. No locks and no I/O in here. */
#ifndef SURE_NET_READER_H
#define SURE_NET_READER_H

#include <sure/base.h>

#include "rpc/core/buffer.h"

#define SURE__READ_LEN_MIN ((size_t)4 * 1024)
#define SURE__READ_LEN_MAX ((size_t)256 * 1024)

struct sure__reader {
  struct sure__buffer buffers[2];
  unsigned filling; /* which of them the next read goes into */
  size_t read_len;  /* room that the next read gets, at least */
  size_t offered_len;
  unsigned small_count; /* reads in a row that would have fitted into far less room */
};

void sure__reader_init(struct sure__reader *reader);
void sure__reader_fini(struct sure__reader *reader);

/* Room for the next read: stays valid until the sure__reader_take after it. False when memory is
 * short. */
bool sure__reader_offer(struct sure__reader *reader, uint8_t **out_room, size_t *out_len);

/* `len` bytes were read into the room. Cuts off the whole frames (there may be none) and turns to
 * the other buffer, so that the frames stay valid until the next take. Returns what is wrong, NULL
 * if nothing is. */
const char *sure__reader_take(struct sure__reader *reader, size_t len,
                              struct sure_bytes *out_frames);

#endif
