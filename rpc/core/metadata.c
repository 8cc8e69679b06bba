/* Sets of metadata (sure/metadata.h). */
#include "rpc/core/metadata.h"

#include <string.h>

#include "rpc/core/memory.h"

/* What a pair counts beside its bytes, and room for the first few pairs. */
enum { PAIR_OVERHEAD = 32, CAPACITY_FIRST = 8 };

struct sure_metadata *sure_metadata_new(void) {
  struct sure_metadata *metadata = sure__alloc(sizeof *metadata);
  if (metadata != NULL) {
    sure__metadata_init(metadata, &metadata->own);
  }
  return metadata;
}

struct sure_metadata *sure_metadata_free(struct sure_metadata *metadata) {
  if (metadata != NULL) {
    sure__arena_fini(&metadata->own);
    sure__free(metadata);
  }
  return NULL;
}

void sure__metadata_init(struct sure_metadata *metadata, struct sure__arena *arena) {
  *metadata = (struct sure_metadata){
      .arena = arena, .own = metadata->own, .len_max = SURE_METADATA_LEN_MAX_DEFAULT};
}

enum sure_code sure_metadata_set_len_max(struct sure_metadata *metadata, size_t len_max) {
  if (len_max > SURE_METADATA_LEN_MAX) {
    return SURE_INVALID_ARGUMENT;
  }
  metadata->len_max = len_max;
  return SURE_OK;
}

/* ---- what may be in it ---- */

static bool is_key_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

static bool is_key(const char *key) {
  size_t len = 0;
  while (is_key_character(key[len])) {
    len++;
  }
  bool is_reserved = strncmp(key, "sure-", 5) == 0 || strncmp(key, "grpc-", 5) == 0;
  return key[len] == '\0' && len > 0 && len <= SURE_METADATA_KEY_LEN_MAX && !is_reserved;
}

static bool is_binary(const char *key) {
  size_t len = strlen(key);
  return len > 4 && strcmp(key + len - 4, "-bin") == 0;
}

static bool is_text(struct sure_bytes value) {
  for (size_t i = 0; i < value.len; i++) {
    if (value.data[i] < 0x20 || value.data[i] > 0x7E) {
      return false;
    }
  }
  return true;
}

/* ---- adding ---- */

static bool grow(struct sure_metadata *metadata) {
  size_t capacity = metadata->capacity == 0 ? CAPACITY_FIRST : 2 * metadata->capacity;
  struct sure__pair *pairs = sure__arena_alloc(metadata->arena, capacity * sizeof *pairs);
  if (pairs == NULL) {
    return false;
  }
  if (metadata->count > 0) {
    memcpy(pairs, metadata->pairs, metadata->count * sizeof *pairs);
  }
  metadata->pairs = pairs;
  metadata->capacity = capacity;
  return true;
}

/* A copy with a NUL behind it; NULL when memory is short. */
static uint8_t *copy(struct sure__arena *arena, const void *data, size_t len) {
  uint8_t *place = sure__arena_alloc(arena, len + 1);
  if (place != NULL) {
    if (len > 0) {
      memcpy(place, data, len);
    }
    place[len] = '\0';
  }
  return place;
}

static bool append(struct sure_metadata *metadata, const char *key, size_t key_len,
                   struct sure_bytes value) {
  if (metadata->count == metadata->capacity && !grow(metadata)) {
    return false;
  }
  const uint8_t *own_key = copy(metadata->arena, key, key_len);
  const uint8_t *own_value = copy(metadata->arena, value.data, value.len);
  if (own_key == NULL || own_value == NULL) {
    return false;
  }
  metadata->pairs[metadata->count++] =
      (struct sure__pair){(const char *)own_key, {own_value, value.len}};
  return true;
}

enum sure_code sure_metadata_add_bytes(struct sure_metadata *metadata, const char *key,
                                       struct sure_bytes value) {
  if (!is_key(key) || (!is_binary(key) && !is_text(value))) {
    return SURE_INVALID_ARGUMENT;
  }
  size_t key_len = strlen(key);
  size_t room = metadata->len_max - metadata->len;
  if (room < key_len + PAIR_OVERHEAD || value.len > room - key_len - PAIR_OVERHEAD ||
      !append(metadata, key, key_len, value)) {
    return SURE_RESOURCE_EXHAUSTED;
  }
  metadata->len += key_len + value.len + PAIR_OVERHEAD;
  return SURE_OK;
}

enum sure_code sure_metadata_add(struct sure_metadata *metadata, const char *key,
                                 const char *text) {
  return sure_metadata_add_bytes(metadata, key,
                                 (struct sure_bytes){(const uint8_t *)text, strlen(text)});
}

bool sure__metadata_copy(struct sure_metadata *metadata, const struct sure_metadata *from) {
  metadata->len_max = from->len_max;
  metadata->len = from->len;
  for (size_t i = 0; i < from->count; i++) {
    const struct sure__pair *pair = &from->pairs[i];
    if (!append(metadata, pair->key, strlen(pair->key), pair->value)) {
      return false;
    }
  }
  return true;
}

/* ---- looking ---- */

size_t sure_metadata_count(const struct sure_metadata *metadata) {
  return metadata == NULL ? 0 : metadata->count;
}

const char *sure_metadata_key(const struct sure_metadata *metadata, size_t index) {
  return metadata->pairs[index].key;
}

struct sure_bytes sure_metadata_value(const struct sure_metadata *metadata, size_t index) {
  return metadata->pairs[index].value;
}

bool sure_metadata_find(const struct sure_metadata *metadata, const char *key,
                        struct sure_bytes *out_value) {
  for (size_t i = 0; i < sure_metadata_count(metadata); i++) {
    if (strcmp(metadata->pairs[i].key, key) == 0) {
      *out_value = metadata->pairs[i].value;
      return true;
    }
  }
  return false;
}
