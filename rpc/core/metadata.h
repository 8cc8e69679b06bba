/* Sets of metadata, and how they travel: the metadata part of frames (docs/protocol.md, section 10)
 * as a struct. */
#ifndef SURE_CORE_METADATA_H
#define SURE_CORE_METADATA_H

#include <sure/metadata.h>

#include "rpc/core/arena.h"

struct sure__pair {
  const char *key;
  struct sure_bytes value; /* with a NUL behind it */
};

struct sure_metadata {
  struct sure__arena *arena; /* where its memory comes from */
  struct sure__arena own;    /* of one that the application made */
  struct sure__pair *pairs;
  size_t count;
  size_t capacity;
  size_t len; /* counted as the limit counts */
  size_t len_max;
};

/* An empty set in `arena`. */
void sure__metadata_init(struct sure_metadata *metadata, struct sure__arena *arena);

/* Adds all pairs of `from` to an empty set, and allows as much in it. False when memory is short.
 */
bool sure__metadata_copy(struct sure_metadata *metadata, const struct sure_metadata *from);

struct sure__detail {
  const char *type_url;
  struct sure_bytes value;
};

/* Details of one status at most, and their bytes. */
enum { SURE__DETAILS_MAX = 16, SURE__DETAILS_LEN_MAX = 8 * 1024, SURE__TYPE_URL_LEN_MAX = 256 };

enum { SURE__TRACEPARENT_LEN_MAX = 256 };

/* All that a metadata part can say. */
struct sure__meta {
  const char *traceparent; /* NULL: none */
  struct sure_metadata pairs;
  struct sure_metadata trailing;
  struct sure__detail details[SURE__DETAILS_MAX];
  size_t detail_count;
  size_t details_len;
  int64_t as_of_ms;
};

/* Says nothing yet; what is added to it comes from `arena`. */
void sure__meta_init(struct sure__meta *meta, struct sure__arena *arena);
/* Copies both. */
enum sure_code sure__meta_add_detail(struct sure__meta *meta, struct sure__arena *arena,
                                     const char *type_url, struct sure_bytes value);
/* The bytes of a metadata part, made in `arena`; none when there is nothing to say. False when
 * memory is short. */
bool sure__meta_pack(const struct sure__meta *meta, struct sure__arena *arena,
                     struct sure_bytes *out_bytes);

enum sure__meta_result { SURE__META_OK, SURE__META_MALFORMED, SURE__META_NO_MEMORY };
/* Reads a metadata part into an initialised `meta`; everything is copied. What is over the limits
 * is malformed, as is text that is none. */
enum sure__meta_result sure__meta_unpack(struct sure__meta *meta, struct sure__arena *arena,
                                         struct sure_bytes bytes);

#endif
