/* Metadata parts of frames: packed and unpacked (idl/sure/wire.proto). */
#include <string.h>
#include <sure/wire.pb-c.h>

#include "rpc/core/message.h"
#include "rpc/core/metadata.h"

typedef Sure__Wire__V1__Metadata Part;

static void *alloc_in(void *arena, size_t size) {
  return sure__arena_alloc(arena, size);
}

static void keep(void *arena, void *memory) {
  (void)arena;
  (void)memory;
}

void sure__meta_init(struct sure__meta *meta, struct sure__arena *arena) {
  *meta = (struct sure__meta){0};
  sure__metadata_init(&meta->pairs, arena);
  sure__metadata_init(&meta->trailing, arena);
}

/* ---- packing ---- */

static bool put_pairs(const struct sure_metadata *metadata, struct sure__arena *arena,
                      Sure__Wire__V1__Pair ***out_pairs) {
  size_t count = metadata->count;
  Sure__Wire__V1__Pair **list = sure__arena_alloc(arena, (count + 1) * sizeof *list);
  Sure__Wire__V1__Pair *pairs = sure__arena_alloc(arena, (count + 1) * sizeof *pairs);
  if (list == NULL || pairs == NULL) {
    return false;
  }
  for (size_t i = 0; i < count; i++) {
    sure__wire__v1__pair__init(&pairs[i]);
    pairs[i].key = (char *)(uintptr_t)metadata->pairs[i].key;
    pairs[i].value.data = (uint8_t *)(uintptr_t)metadata->pairs[i].value.data;
    pairs[i].value.len = metadata->pairs[i].value.len;
    list[i] = &pairs[i];
  }
  *out_pairs = list;
  return true;
}

static bool put_details(const struct sure__meta *meta, struct sure__arena *arena, Part *part) {
  size_t count = meta->detail_count;
  Sure__Wire__V1__Detail **list = sure__arena_alloc(arena, (count + 1) * sizeof *list);
  Sure__Wire__V1__Detail *details = sure__arena_alloc(arena, (count + 1) * sizeof *details);
  if (list == NULL || details == NULL) {
    return false;
  }
  for (size_t i = 0; i < count; i++) {
    sure__wire__v1__detail__init(&details[i]);
    details[i].type_url = (char *)(uintptr_t)meta->details[i].type_url;
    details[i].value.data = (uint8_t *)(uintptr_t)meta->details[i].value.data;
    details[i].value.len = meta->details[i].value.len;
    list[i] = &details[i];
  }
  part->details = list;
  part->n_details = count;
  return true;
}

static bool is_empty(const struct sure__meta *meta) {
  return meta->traceparent == NULL && meta->pairs.count == 0 && meta->trailing.count == 0 &&
         meta->detail_count == 0 && meta->as_of_ms == 0;
}

bool sure__meta_pack(const struct sure__meta *meta, struct sure__arena *arena,
                     struct sure_bytes *out_bytes) {
  if (is_empty(meta)) {
    *out_bytes = (struct sure_bytes){0};
    return true;
  }
  Part part = SURE__WIRE__V1__METADATA__INIT;
  if (!put_pairs(&meta->pairs, arena, &part.pairs) ||
      !put_pairs(&meta->trailing, arena, &part.trailing) || !put_details(meta, arena, &part)) {
    return false;
  }
  part.n_pairs = meta->pairs.count;
  part.n_trailing = meta->trailing.count;
  part.as_of_ms = meta->as_of_ms;
  if (meta->traceparent != NULL) {
    part.traceparent = (char *)(uintptr_t)meta->traceparent;
  }
  size_t len = sure__wire__v1__metadata__get_packed_size(&part);
  uint8_t *bytes = sure__arena_alloc(arena, len);
  if (bytes == NULL) {
    return false;
  }
  sure__wire__v1__metadata__pack(&part, bytes);
  *out_bytes = (struct sure_bytes){bytes, len};
  return true;
}

/* ---- unpacking ---- */

static bool take_pairs(struct sure_metadata *metadata, Sure__Wire__V1__Pair *const *pairs,
                       size_t count) {
  metadata->len_max = SURE_METADATA_LEN_MAX;
  for (size_t i = 0; i < count; i++) {
    struct sure_bytes value = {pairs[i]->value.data, pairs[i]->value.len};
    if (sure_metadata_add_bytes(metadata, pairs[i]->key, value) != SURE_OK) {
      return false;
    }
  }
  return true;
}

enum sure_code sure__meta_add_detail(struct sure__meta *meta, struct sure__arena *arena,
                                     const char *type_url, struct sure_bytes value) {
  struct sure_bytes url = {(const uint8_t *)type_url, strlen(type_url) + 1};
  if (url.len == 1 || url.len > SURE__TYPE_URL_LEN_MAX ||
      !sure__utf8_check((struct sure_bytes){url.data, url.len - 1})) {
    return SURE_INVALID_ARGUMENT;
  }
  size_t room = SURE__DETAILS_LEN_MAX - meta->details_len;
  struct sure__detail *detail = &meta->details[meta->detail_count];
  if (meta->detail_count == SURE__DETAILS_MAX || url.len > room || value.len > room - url.len ||
      !sure__arena_copy(arena, url, &url) || !sure__arena_copy(arena, value, &detail->value)) {
    return SURE_RESOURCE_EXHAUSTED;
  }
  detail->type_url = (const char *)url.data;
  meta->details_len += url.len + value.len;
  meta->detail_count++;
  return SURE_OK;
}

static bool take_details(struct sure__meta *meta, struct sure__arena *arena, const Part *part) {
  for (size_t i = 0; i < part->n_details; i++) {
    const Sure__Wire__V1__Detail *detail = part->details[i];
    struct sure_bytes value = {detail->value.data, detail->value.len};
    if (sure__meta_add_detail(meta, arena, detail->type_url, value) != SURE_OK) {
      return false;
    }
  }
  return true;
}

static bool take_part(struct sure__meta *meta, struct sure__arena *arena, const Part *part) {
  meta->traceparent = part->traceparent[0] == '\0' ? NULL : part->traceparent;
  meta->as_of_ms = part->as_of_ms;
  return strlen(part->traceparent) <= SURE__TRACEPARENT_LEN_MAX &&
         take_pairs(&meta->pairs, part->pairs, part->n_pairs) &&
         take_pairs(&meta->trailing, part->trailing, part->n_trailing) &&
         take_details(meta, arena, part);
}

enum sure__meta_result sure__meta_unpack(struct sure__meta *meta, struct sure__arena *arena,
                                         struct sure_bytes bytes) {
  if (bytes.len == 0) {
    return SURE__META_OK;
  }
  if (!sure__message_check(&sure__wire__v1__metadata__descriptor, bytes)) {
    return SURE__META_MALFORMED;
  }
  ProtobufCAllocator allocator = {.alloc = alloc_in, .free = keep, .allocator_data = arena};
  const Part *part = sure__wire__v1__metadata__unpack(&allocator, bytes.len, bytes.data);
  if (part != NULL && take_part(meta, arena, part)) {
    return SURE__META_OK;
  }
  return arena->is_short ? SURE__META_NO_MEMORY : SURE__META_MALFORMED;
}
