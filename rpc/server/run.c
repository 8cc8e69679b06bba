/* From the bytes of a request to the bytes of its reply: unpack, call the handler, pack (S8, S14,
 * S17). */
#include <string.h>

#include "rpc/core/key.h"
#include "rpc/core/memory.h"
#include "rpc/core/message.h"
#include "rpc/core/server_stream.h"
#include "rpc/net/callback_mark.h"
#include "rpc/net/children.h"
#include "rpc/net/clock.h"
#include "rpc/server/shell.h"

static void *arena_alloc(void *arena, size_t size) {
  return sure__arena_alloc(arena, size);
}

static void arena_keep(void *arena, void *memory) {
  (void)arena;
  (void)memory;
}

static struct sure_bytes text_bytes(const char *text) {
  return (struct sure_bytes){(const uint8_t *)text, strlen(text)};
}

static bool refuse(struct sure_call *call, enum sure_code code, enum sure_reason reason,
                   const char *text) {
  call->op.record =
      (struct sure_record){.code = code, .reason = reason, .message = text_bytes(text)};
  return false;
}

static struct sure_server *server_of(const struct sure_call *call) {
  return sure__container_of(call->server, struct sure__shard, engine)->server;
}

/* The key of the request's own field, or the one that a parent call derived (S13, S14). */
static bool take_key(struct sure_call *call) {
  const struct sure_method *method = call->method->table;
  if (method->key_field != 0) {
    enum sure_code code = sure__key_get(method, call->request, &call->arena, &call->op.key);
    if (code == SURE_RESOURCE_EXHAUSTED) {
      return refuse(call, code, SURE_REASON_OVERLOADED, "memory is short");
    }
    if (code != SURE_OK) {
      return refuse(call, code, SURE_REASON_UNPARSABLE, "the idempotency key is empty or too long");
    }
  }
  if (call->method->plan.advances && call->op.key.len == 0) {
    return refuse(call, SURE_FAILED_PRECONDITION, SURE_REASON_NONE,
                  "a stream that outlives its server needs an idempotency key");
  }
  const struct sure_store *store = sure__call_store(call);
  if (call->op.key.len > 0 && !store->durable && !store->allow_volatile_keys) {
    return refuse(call, SURE_FAILED_PRECONDITION, SURE_REASON_NONE,
                  "an idempotency key needs a durable store");
  }
  return true;
}

/* Mostly there is none. */
bool sure__call_unpack_metadata(struct sure_call *call) {
  if (call->metadata.len == 0 || call->request_meta != NULL) {
    return true;
  }
  struct sure__meta *meta = sure__arena_alloc(&call->arena, sizeof *meta);
  enum sure__meta_result result = SURE__META_NO_MEMORY;
  if (meta != NULL) {
    sure__meta_init(meta, &call->arena);
    result = sure__meta_unpack(meta, &call->arena, call->metadata);
  }
  call->request_meta = meta;
  switch (result) {
  case SURE__META_OK:
    return true;
  case SURE__META_MALFORMED:
    return refuse(call, SURE_INTERNAL, SURE_REASON_UNPARSABLE, "the metadata is malformed");
  case SURE__META_NO_MEMORY:
    break;
  }
  return refuse(call, SURE_RESOURCE_EXHAUSTED, SURE_REASON_OVERLOADED, "memory is short");
}

bool sure__call_unpack(struct sure_call *call) {
  if (!sure__call_unpack_metadata(call)) {
    return false;
  }
  const ProtobufCMessageDescriptor *descriptor = call->method->table->request;
  if (!sure__message_check(descriptor, call->payload)) {
    return refuse(call, SURE_INTERNAL, SURE_REASON_UNPARSABLE,
                  "the request is no valid message of the method's type");
  }
  ProtobufCAllocator allocator = {
      .alloc = arena_alloc, .free = arena_keep, .allocator_data = &call->arena};
  call->request =
      protobuf_c_message_unpack(descriptor, &allocator, call->payload.len, call->payload.data);
  if (call->request == NULL) {
    return call->arena.is_short ? refuse(call, SURE_RESOURCE_EXHAUSTED, SURE_REASON_OVERLOADED,
                                         "the request takes too much memory")
                                : refuse(call, SURE_INTERNAL, SURE_REASON_UNPARSABLE,
                                         "the request is no valid message of the method's type");
  }
  call->payload = (struct sure_bytes){0};
  return take_key(call);
}

/* ---- the run ---- */

/* False when memory is short. */
static bool pack_metadata(struct sure_call *call, struct sure_bytes *out_bytes) {
  if (call->as_of_ms != 0) {
    struct sure__meta *meta = sure__call_reply_meta(call);
    if (meta == NULL) {
      return false;
    }
    meta->as_of_ms = call->as_of_ms;
  }
  return call->reply_meta == NULL || sure__meta_pack(call->reply_meta, &call->arena, out_bytes);
}

/* Without memory for its metadata, a failure is still a failure. */
struct sure_record sure__call_failure(struct sure_call *call, enum sure_code code) {
  struct sure_record record = {.code = code};
  if (call->message != NULL) {
    record.message = text_bytes(call->message);
  }
  (void)pack_metadata(call, &record.metadata);
  return record;
}

static struct sure_record local_failure(enum sure_code code, enum sure_reason reason,
                                        const char *text) {
  return (struct sure_record){.code = code, .reason = reason, .message = text_bytes(text)};
}

/* Packs the reply of a handler that returned SURE_OK. If that can't be done, an effect inside a
 * transaction is rolled back with it; without one the effect stands, and only its reply is lost:
 * saying that it did not happen would let somebody do it again. */
static struct sure_record pack_reply(struct sure_call *call, const ProtobufCMessage *reply,
                                     bool effect_stands, bool *out_recorded) {
  size_t len = protobuf_c_message_get_packed_size(reply);
  bool is_too_large = len > call->reply_len_max;
  struct sure_bytes metadata = {0};
  uint8_t *bytes = is_too_large ? NULL : sure__arena_alloc(&call->arena, len);
  if (bytes != NULL && pack_metadata(call, &metadata)) {
    protobuf_c_message_pack(reply, bytes);
    return (struct sure_record){.code = SURE_OK, .reply = {bytes, len}, .metadata = metadata};
  }
  /* A reply that is too large would be as large the next time (S8). */
  *out_recorded = is_too_large || effect_stands;
  const char *text = is_too_large ? "the reply is over the message size limit" : "memory is short";
  enum sure_reason reason = effect_stands  ? SURE_REASON_REPLY_LOST
                            : is_too_large ? SURE_REASON_REPLY_TOO_LARGE
                                           : SURE_REASON_OVERLOADED;
  return local_failure(SURE_RESOURCE_EXHAUSTED, reason, text);
}

static ProtobufCMessage *new_reply(struct sure_call *call) {
  const ProtobufCMessageDescriptor *descriptor = call->method->table->reply;
  ProtobufCMessage *reply = sure__arena_alloc(&call->arena, descriptor->sizeof_message);
  if (reply == NULL) {
    return NULL;
  }
  if (call->prepared_reply != NULL) {
    memcpy(reply, call->prepared_reply, descriptor->sizeof_message);
  } else {
    protobuf_c_message_init(descriptor, reply);
  }
  return reply;
}

/* What an earlier run has left goes; what the first phase said stays. False when memory is short.
 */
static bool begin_meta(struct sure_call *call) {
  call->message = NULL;
  call->retry_after_ms = 0;
  call->reply_meta = NULL;
  if (call->prepared_meta == NULL) {
    return true;
  }
  struct sure__meta *meta = sure__arena_alloc(&call->arena, sizeof *meta);
  if (meta != NULL) {
    *meta = *call->prepared_meta;
  }
  call->reply_meta = meta;
  return meta != NULL;
}

/* Prepares one run. False when memory is short. */
static bool begin_run(struct sure_call *call) {
  call->reply = new_reply(call);
  call->child_count = 0;
  call->op.clock = sure__hlc_now(sure__clock_hlc(), sure__clock_ms());
  atomic_store(&call->deferral, SURE__NOT_DEFERRED);
  return call->reply != NULL && begin_meta(call);
}

static enum sure_code begin_handler(struct sure_call *call) {
  call->is_begun = false;
  enum sure_code code = sure__intercept_run_begins(server_of(call), call);
  call->is_begun = code == SURE_OK;
  return code;
}

/* Runs the handler, which may defer its answer. */
static enum sure_code invoke(struct sure_call *call, void *transaction) {
  const struct sure__method_entry *method = call->method;
  call->transaction = transaction;
  enum sure_code code = begin_handler(call);
  if (code == SURE_OK) {
    code = call->apply != NULL ? call->apply(call->apply_user, call, call->reply)
                               : method->trampoline(method->handlers, method->user, call,
                                                    call->request, call->reply);
  }
  call->transaction = NULL;
  return code;
}

/* The same with a stream: false if its handler goes on in steps. */
static bool invoke_streaming(struct sure_call *call, enum sure_code *out_code) {
  *out_code = begin_handler(call);
  bool has_ended = *out_code != SURE_OK || sure__call_run_streaming(call, out_code);
  if (has_ended && *out_code == SURE_OK && sure__server_stream_is_ahead(call)) {
    *out_code = sure_call_fail(call, SURE_INTERNAL, "messages were read and not committed");
  }
  return has_ended;
}

/* What came of the run. `*out_recorded`: a status that is not OK is to be kept. */
static struct sure_record end_run(struct sure_call *call, enum sure_code code, bool in_transaction,
                                  bool *out_recorded) {
  if (code < 0 || code > SURE_CODE_MAX) {
    code = SURE_UNKNOWN;
  }
  sure__children_leave(call);
  if (call->is_begun) {
    sure__intercept_run_ended(server_of(call), call, code);
  }
  *out_recorded = sure__code_is_recorded(code);
  call->is_not_applied = call->is_not_applied || !call->is_begun;
  if (code != SURE_OK) {
    if (call->step == SURE__CALL_PREPARES) {
      call->apply = NULL; /* it failed after it had asked for a second phase */
    }
    return sure__call_failure(call, code);
  }
  if (call->step == SURE__CALL_PREPARES && call->apply != NULL) {
    call->prepared_reply = call->reply;
    call->prepared_meta = call->reply_meta;
    return (struct sure_record){.code = SURE_OK};
  }
  bool effect_stands = !in_transaction && call->step != SURE__CALL_PREPARES;
  return pack_reply(call, call->reply, effect_stands, out_recorded);
}

static struct sure_record short_of(const char *text) {
  return local_failure(SURE_RESOURCE_EXHAUSTED, SURE_REASON_OVERLOADED, text);
}

static void keep_result(struct sure_call *call, struct sure_record record, bool is_recorded) {
  call->op.record = record;
  call->is_unrecorded = !is_recorded;
  call->prepared = record;
}

void sure__call_run_ended(struct sure_call *call, enum sure_code code, bool in_transaction) {
  bool is_recorded;
  struct sure_record record = end_run(call, code, in_transaction, &is_recorded);
  keep_result(call, record, is_recorded);
}

bool sure__call_commit_in_store(void *user, struct sure_store_op *op, void *transaction,
                                struct sure_record *out_record) {
  struct sure__commit *commit = user;
  sure__hlc_follow(sure__clock_hlc(), op->clock); /* what is committed has happened before */
  op->clock = sure__hlc_now(sure__clock_hlc(), sure__clock_ms());
  commit->call->transaction = transaction;
  sure__callback_enter();
  out_record->code = commit->fn(commit->user, commit->call);
  sure__callback_leave();
  commit->call->transaction = NULL;
  return false;
}

void sure__call_not_run(struct sure_call *call, const char *text) {
  call->is_not_applied = true;
  keep_result(call, short_of(text), false);
}

/* No run: the application says what became of one (S15). */
static void reconcile(struct sure_call *call) {
  const struct sure__method_entry *method = call->method;
  call->resolution = method->reconcile(method->reconcile_user, call, call->reply);
  sure__children_leave(call);
  if (call->resolution == SURE_RESOLVE_APPLIED) {
    bool is_recorded;
    call->op.record = pack_reply(call, call->reply, true, &is_recorded);
  }
}

bool sure__call_run(struct sure_call *call, void *transaction) {
  bool has_memory = begin_run(call);
  if (call->step == SURE__CALL_RECONCILES) {
    call->resolution = SURE_RESOLVE_LATER;
    if (has_memory) {
      reconcile(call);
    }
    return true;
  }
  if (!has_memory) {
    sure__call_not_run(call, "memory is short");
    return true;
  }
  enum sure_code code;
  call->may_defer = transaction == NULL && call->stream == NULL;
  bool has_ended;
  if (call->stream != NULL) {
    has_ended = invoke_streaming(call, &code);
  } else {
    code = invoke(call, transaction);
    has_ended = sure__call_handler_returned(call, &code);
  }
  if (!has_ended) {
    return false;
  }
  sure__call_run_ended(call, code, transaction != NULL);
  return true;
}

/* ---- inside of the store ---- */

/* Nobody waits any more, or the deadline of all who did has passed: not worth running, and neither
 * status is recorded (S16). */
static bool is_given_up(struct sure_call *call, struct sure_record *out_record) {
  if (atomic_load(&call->is_cancelled)) {
    *out_record = local_failure(SURE_CANCELLED, SURE_REASON_NONE, "cancelled before it ran");
    return true;
  }
  if (sure_call_time_left_ms(call) == 0) {
    *out_record = local_failure(SURE_DEADLINE_EXCEEDED, SURE_REASON_EXPIRED,
                                "the deadline had passed before the call ran");
    return true;
  }
  return false;
}

bool sure__call_run_in_store(void *user, struct sure_store_op *op, void *transaction,
                             struct sure_record *out_record) {
  struct sure_call *call = user;
  if (is_given_up(call, out_record)) {
    return false;
  }
  if (call->method->plan.prepares && call->apply == NULL) {
    *out_record = call->prepared; /* the first phase was all there was */
    return !call->is_unrecorded;
  }
  sure__hlc_follow(sure__clock_hlc(), op->clock); /* what is committed has happened before */
  if (!begin_run(call)) {
    *out_record = short_of("memory is short");
    return false;
  }
  bool recorded;
  call->may_defer = false;
  sure__callback_enter();
  *out_record = end_run(call, invoke(call, transaction), transaction != NULL, &recorded);
  sure__callback_leave();
  return recorded;
}
