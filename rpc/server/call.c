/* What handlers may ask of their call (sure/call.h). */
#include <sure/call.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rpc/core/fingerprint.h"
#include "rpc/net/clock.h"
#include "rpc/server/shell.h"

void *sure_call_alloc(struct sure_call *call, size_t size) {
  void *memory = sure__arena_alloc(&call->arena, size);
  if (memory != NULL) {
    memset(memory, 0, size);
  }
  return memory;
}

char *sure_call_strdup(struct sure_call *call, const char *text) {
  size_t size = strlen(text) + 1;
  char *copy = sure__arena_alloc(&call->arena, size);
  if (copy != NULL) {
    memcpy(copy, text, size);
  }
  return copy;
}

/* The length of `text` without a UTF-8 sequence that was cut off at its end. */
static size_t whole_utf8_len(const char *text, size_t len) {
  size_t lead = len;
  while (lead > 0 && ((unsigned char)text[lead - 1] & 0xC0) == 0x80) {
    lead--;
  }
  if (lead == 0) {
    return len;
  }
  unsigned char first = (unsigned char)text[lead - 1];
  size_t need = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  return len - (lead - 1) >= need ? len : lead - 1;
}

enum sure_code sure_call_fail(struct sure_call *call, enum sure_code code, const char *format,
                              ...) {
  char text[SURE_STATUS_MESSAGE_LEN_MAX + 1];
  va_list arguments;
  va_start(arguments, format);
  int len = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (len >= (int)sizeof text) {
    text[whole_utf8_len(text, sizeof text - 1)] = '\0';
  }
  call->message = len < 0 ? NULL : sure_call_strdup(call, text);
  return code;
}

void sure_call_retry_after(struct sure_call *call, uint32_t ms) {
  call->retry_after_ms = ms == 0 ? 1 : ms; /* 0 says nothing on the wire */
}

/* ---- metadata ---- */

struct sure__meta *sure__call_reply_meta(struct sure_call *call) {
  if (call->reply_meta == NULL) {
    struct sure__meta *meta = sure__arena_alloc(&call->arena, sizeof *meta);
    if (meta != NULL) {
      sure__meta_init(meta, &call->arena);
    }
    call->reply_meta = meta;
  }
  return call->reply_meta;
}

enum sure_code sure_call_add_detail(struct sure_call *call, const char *type_url,
                                    struct sure_bytes value) {
  struct sure__meta *meta = sure__call_reply_meta(call);
  return meta == NULL ? SURE_RESOURCE_EXHAUSTED
                      : sure__meta_add_detail(meta, &call->arena, type_url, value);
}

enum sure_code sure_call_add_detail_message(struct sure_call *call,
                                            const ProtobufCMessage *message) {
  char url[SURE__TYPE_URL_LEN_MAX];
  int len = snprintf(url, sizeof url, "type.googleapis.com/%s", message->descriptor->name);
  size_t size = protobuf_c_message_get_packed_size(message);
  if (len < 0 || (size_t)len >= sizeof url) {
    return SURE_INVALID_ARGUMENT;
  }
  uint8_t *bytes = size > SURE__DETAILS_LEN_MAX ? NULL : sure__arena_alloc(&call->arena, size + 1);
  if (bytes == NULL) {
    return SURE_RESOURCE_EXHAUSTED;
  }
  protobuf_c_message_pack(message, bytes);
  return sure_call_add_detail(call, url, (struct sure_bytes){bytes, size});
}

const struct sure_metadata *sure_call_metadata(const struct sure_call *call) {
  return call->request_meta == NULL ? NULL : &call->request_meta->pairs;
}

struct sure_metadata *sure_call_initial_metadata(struct sure_call *call) {
  struct sure__meta *meta = sure__call_reply_meta(call);
  return meta == NULL ? NULL : &meta->pairs;
}

struct sure_metadata *sure_call_trailing_metadata(struct sure_call *call) {
  struct sure__meta *meta = sure__call_reply_meta(call);
  return meta == NULL ? NULL : &meta->trailing;
}

const char *sure_call_traceparent(const struct sure_call *call) {
  return call->request_meta == NULL ? NULL : call->request_meta->traceparent;
}

/* ---- the call itself ---- */

uint32_t sure_call_time_left_ms(const struct sure_call *call) {
  uint64_t deadline_ms = atomic_load(&call->deadline_ms);
  uint64_t now_ms = sure__clock_ms();
  if (deadline_ms <= now_ms) {
    return 0;
  }
  uint64_t left_ms = deadline_ms - now_ms;
  return left_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)left_ms;
}

bool sure_call_is_cancelled(const struct sure_call *call) {
  return atomic_load(&call->is_cancelled);
}

uint32_t sure_call_attempt(const struct sure_call *call) {
  return call->attempt;
}

struct sure_bytes sure_call_principal(const struct sure_call *call) {
  return call->op.principal;
}

const struct sure_method *sure_call_method(const struct sure_call *call) {
  return call->method->table;
}

struct sure_bytes sure_call_key(const struct sure_call *call) {
  return call->op.key;
}

const char *sure_call_effect_key(struct sure_call *call) {
  enum { SIZE = 2 * 16 + 1 };
  struct sure_fingerprint hash = sure__call_hash(&call->op);
  char *text = sure__arena_alloc(&call->arena, SIZE);
  if (text != NULL) {
    (void)snprintf(text, SIZE, "%016llx%016llx", (unsigned long long)hash.high,
                   (unsigned long long)hash.low);
  }
  return text;
}

enum sure_code sure_call_not_applied(struct sure_call *call, enum sure_code code) {
  call->is_not_applied = true;
  return code;
}

enum sure_code sure_call_apply(struct sure_call *call, sure_apply_fn *fn, void *user) {
  if (call->step != SURE__CALL_PREPARES) {
    return sure_call_fail(call, SURE_INTERNAL, "sure_call_apply outside of a PREPARE handler");
  }
  call->apply = fn;
  call->apply_user = user;
  return SURE_OK;
}

uint64_t sure_call_stamp(const struct sure_call *call) {
  return call->op.clock;
}

uint64_t sure_call_next_stamp(struct sure_call *call) {
  call->op.clock = sure__hlc_now(sure__clock_hlc(), sure__clock_ms());
  return call->op.clock;
}

const struct sure_store *sure__call_store(const struct sure_call *call) {
  const struct sure__shard *shard =
      sure__container_of(call->server, const struct sure__shard, engine);
  return shard->server->store;
}

void *sure_call_transaction(const struct sure_call *call, const struct sure_store_ops *ops) {
  return sure__call_store(call)->ops == ops ? call->transaction : NULL;
}
