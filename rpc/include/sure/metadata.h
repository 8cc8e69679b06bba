/* Metadata: pairs of key and value that travel beside a request or a reply, for what concerns all
 * methods alike, such as who calls or which tenant is meant.
 *
 * Keys are 1 to 64 lower-case letters, digits and - _ . characters; those that begin with "sure-"
 * or "grpc-" are reserved. The value of a key that ends in "-bin" is any bytes, that of another is
 * text of printable ASCII characters. A key may occur several times. The size of a pair counts as
 * its bytes and 32 more, as in HTTP/2. */
#ifndef SURE_METADATA_H
#define SURE_METADATA_H

#include <sure/base.h>
#include <sure/status.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sure_metadata;

/* What one set of metadata may hold, in bytes: unless it is told otherwise, and at most. */
#define SURE_METADATA_LEN_MAX_DEFAULT (8 * 1024)
#define SURE_METADATA_LEN_MAX         (16 * 1024)
#define SURE_METADATA_KEY_LEN_MAX     64

/* An empty set. NULL when memory is short. */
SURE_API struct sure_metadata *sure_metadata_new(void);
/* Accepts NULL; returns NULL. Only for what sure_metadata_new made. */
SURE_API struct sure_metadata *sure_metadata_free(struct sure_metadata *metadata);

/* Raise the limit of the set to `len_max`.
 * SURE_INVALID_ARGUMENT: it is over SURE_METADATA_LEN_MAX. */
SURE_API enum sure_code sure_metadata_set_len_max(struct sure_metadata *metadata, size_t len_max);

/* Add a pair; both are copied. `text` ends with NUL.
 * SURE_INVALID_ARGUMENT: the key is malformed or reserved, or the value does not fit its key.
 * SURE_RESOURCE_EXHAUSTED: the set would be over its limit, or memory is short. */
SURE_API enum sure_code sure_metadata_add(struct sure_metadata *metadata, const char *key,
                                          const char *text);
SURE_API enum sure_code sure_metadata_add_bytes(struct sure_metadata *metadata, const char *key,
                                                struct sure_bytes value);

/* The pairs in the order in which they were added; views are valid as long as the set is and until
 * it is added to. `metadata` may be NULL: an empty set. */
SURE_API size_t sure_metadata_count(const struct sure_metadata *metadata);
/* `index` is below the count. */
SURE_API const char *sure_metadata_key(const struct sure_metadata *metadata, size_t index);
/* There is a NUL behind the bytes, so that text can be taken for a string. */
SURE_API struct sure_bytes sure_metadata_value(const struct sure_metadata *metadata, size_t index);
/* The first value of `key`. False: there is none. */
SURE_API bool sure_metadata_find(const struct sure_metadata *metadata, const char *key,
                                 struct sure_bytes *out_value);

#ifdef __cplusplus
}
#endif

#endif
