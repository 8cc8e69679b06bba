/* Calls of a channel: checked and packed here, then handed to the engine. */
#include <string.h>

#include "rpc/client/channel_private.h"
#include "rpc/client/child_key.h"
#include "rpc/client/service_config.h"
#include "rpc/core/assert.h"
#include "rpc/core/key.h"
#include "rpc/core/memory.h"
#include "rpc/net/callback_mark.h"
#include "rpc/net/children.h"
#include "rpc/net/clock.h"

/* What is asked for, on its way to a call. */
struct order {
  struct sure_channel *channel;
  const struct sure_method *method;
  const ProtobufCMessage *request; /* NULL: a settle */
  const struct sure_call_options *options;
};

static const struct sure__refusal no_refusal;

static struct sure__refusal refuse_for_memory(void) {
  return sure__refuse(SURE_RESOURCE_EXHAUSTED, "memory is short");
}

static uint32_t or_else(uint32_t value, uint32_t fallback) {
  return value != 0 ? value : fallback;
}

static uint32_t lesser(uint32_t a, uint32_t b) {
  return a < b ? a : b;
}

/* What the caller says, of one kind, takes the place of what the service config says of either, and
 * that the place of what the method says. */
static void set_policy(const struct order *order, const struct sure__method_config *config,
                       struct sure__client_call *call) {
  const struct sure_call_options *options = order->options;
  if (options->hedging != NULL) {
    call->hedging = *options->hedging;
  } else if (options->retry != NULL) {
    call->retry = *options->retry;
  } else if (sure__method_config_repeats(config)) {
    call->hedging = config->hedging;
    call->retry = config->retry;
  } else {
    call->retry = order->method->retry;
    call->hedging = order->method->hedging;
  }
}

/* The service config's time-out is one that nobody may go beyond, as in gRPC. */
static uint32_t timeout_ms_of(const struct order *order, const struct sure__method_config *config) {
  uint32_t own_ms = order->options->timeout_ms;
  if (own_ms != 0 && config->timeout_ms != 0) {
    return lesser(own_ms, config->timeout_ms);
  }
  uint32_t said_ms = or_else(own_ms, config->timeout_ms);
  return or_else(said_ms, or_else(order->method->timeout_ms, order->channel->timeout_ms));
}

static struct sure__refusal set_times(const struct order *order,
                                      const struct sure__method_config *config,
                                      struct sure__client_call *call) {
  const struct sure_call_options *options = order->options;
  call->timeout_ms = timeout_ms_of(order, config);
  call->attempt_timeout_ms =
      or_else(options->attempt_timeout_ms,
              or_else(config->attempt_timeout_ms, order->method->attempt_timeout_ms));
  if (options->timeout_ms > SURE_CALL_TIMEOUT_MS_MAX ||
      call->timeout_ms > SURE_CALL_TIMEOUT_MS_MAX) {
    return sure__refuse(SURE_INVALID_ARGUMENT, "the time-out is over 7 days");
  }
  if (options->parent != NULL) {
    uint32_t left_ms = sure_call_time_left_ms(options->parent);
    if (left_ms == 0) {
      return sure__refuse(SURE_DEADLINE_EXCEEDED, "the parent's deadline has passed");
    }
    call->timeout_ms = lesser(left_ms, call->timeout_ms);
  }
  return no_refusal;
}

static struct sure__refusal set_waiting(const struct order *order,
                                        const struct sure__method_config *config,
                                        struct sure__client_call *call) {
  const struct sure_call_options *options = order->options;
  if (options->is_fail_fast && options->waits_for_ready) {
    return sure__refuse(SURE_INVALID_ARGUMENT, "the call is to wait and not to wait");
  }
  call->is_fail_fast = options->is_fail_fast ||
                       (config->waiting == SURE__WAITING_FOR_NOTHING && !options->waits_for_ready);
  return no_refusal;
}

/* All that is said of the call in several places. The parser has compared what the service config
 * says with the semantics of the methods that it knew; what it says of all methods may meet others
 * here. */
static struct sure__refusal set_options(const struct order *order,
                                        const struct sure__method_config *config,
                                        struct sure__client_call *call) {
  if (order->method->semantics == SURE_AT_MOST_ONCE && sure__method_config_repeats(config)) {
    return sure__refuse(SURE_INVALID_ARGUMENT,
                        "the service config would have an AT_MOST_ONCE method sent again");
  }
  set_policy(order, config, call);
  call->reply_len_max = config->reply_len_max;
  struct sure__refusal refusal = set_times(order, config, call);
  return refusal.text != NULL ? refusal : set_waiting(order, config, call);
}

/* The one that the options have. */
static struct sure__refusal set_key_beside(const struct order *order,
                                           struct sure__client_call *call) {
  const char *text = order->options->idempotency_key;
  if (!order->method->client_streams || order->method->semantics != SURE_EXACTLY_ONCE) {
    return sure__refuse(SURE_INVALID_ARGUMENT,
                        "only EXACTLY_ONCE methods with a stream of requests have a key beside it");
  }
  size_t len = strlen(text);
  if (len == 0 || len > SURE_KEY_LEN_MAX) {
    return sure__refuse(SURE_INVALID_ARGUMENT, "the idempotency key is empty or too long");
  }
  call->key_is_beside = true;
  struct sure_bytes key = {(const uint8_t *)text, len};
  return sure__arena_copy(&call->arena, key, &call->key) ? no_refusal : refuse_for_memory();
}

static struct sure__refusal set_key(const struct order *order, struct sure__client_call *call) {
  if (order->options->idempotency_key != NULL) {
    return set_key_beside(order, call);
  }
  if (order->method->key_field != 0) {
    struct sure_bytes key;
    enum sure_code code = sure__key_get(order->method, order->request, &call->arena, &key);
    if (code != SURE_OK) {
      return sure__refuse(code, "the idempotency key is empty, too long, or can't be read");
    }
    return sure__arena_copy(&call->arena, key, &call->key) ? no_refusal : refuse_for_memory();
  }
  call->key_is_beside =
      order->options->parent != NULL && order->method->semantics == SURE_EXACTLY_ONCE;
  if (call->key_is_beside && !sure__child_key(order->options->parent, &call->arena, &call->key)) {
    return refuse_for_memory();
  }
  return no_refusal;
}

static struct sure__refusal pack(const struct order *order,
                                 const struct sure__method_config *config,
                                 struct sure__client_call *call) {
  size_t len = protobuf_c_message_get_packed_size(order->request);
  if (len > order->channel->engine.config.message_len_max) {
    return sure__refuse(SURE_RESOURCE_EXHAUSTED, "the request is over the message limit");
  }
  if (len > config->request_len_max) {
    return sure__refuse(SURE_RESOURCE_EXHAUSTED, "the request is over the service config's limit");
  }
  uint8_t *bytes = sure__arena_alloc(&call->arena, len);
  if (bytes == NULL) {
    return refuse_for_memory();
  }
  protobuf_c_message_pack(order->request, bytes);
  call->request = (struct sure_bytes){bytes, len};
  return no_refusal;
}

static struct sure__refusal set_metadata(const struct order *order,
                                         struct sure__client_call *call) {
  const struct sure_call_options *options = order->options;
  const char *traceparent = options->traceparent;
  if (traceparent == NULL && options->parent != NULL) {
    traceparent = sure_call_traceparent(options->parent);
  }
  bool intercepts = order->channel->interceptor_count > 0;
  if (traceparent == NULL && options->metadata == NULL && !intercepts) {
    return no_refusal;
  }
  if (traceparent != NULL && strlen(traceparent) > SURE__TRACEPARENT_LEN_MAX) {
    return sure__refuse(SURE_INVALID_ARGUMENT, "the trace context is over 256 bytes");
  }
  struct sure__meta meta;
  sure__meta_init(&meta, &call->arena);
  meta.traceparent = traceparent;
  if (options->metadata != NULL && !sure__metadata_copy(&meta.pairs, options->metadata)) {
    return refuse_for_memory();
  }
  struct sure__refusal refusal =
      intercepts ? sure__intercept_call(order->channel, call, &meta) : no_refusal;
  if (refusal.text == NULL && !sure__meta_pack(&meta, &call->arena, &call->metadata)) {
    refusal = refuse_for_memory();
  }
  call->metadata_room = SURE_METADATA_LEN_MAX - meta.pairs.len;
  return refusal;
}

static void cancel_child(struct sure__child *child) {
  struct sure__client_call *call = sure__container_of(child, struct sure__client_call, child);
  struct sure_channel *channel = call->channel;
  pthread_mutex_lock(&channel->mutex);
  sure__client_cancel_soon(&channel->engine, call);
  pthread_cond_broadcast(&channel->changed);
  pthread_mutex_unlock(&channel->mutex);
}

/* From here on its parent's end may be its own. */
static struct sure__refusal join_parent(const struct order *order, struct sure__client_call *call) {
  if (order->options->parent == NULL) {
    return no_refusal;
  }
  call->channel = order->channel;
  call->child.cancel = cancel_child;
  return sure__child_add(order->options->parent, &call->child)
             ? no_refusal
             : sure__refuse(SURE_CANCELLED, "the parent is cancelled");
}

static struct sure__refusal fill_in(const struct order *order, struct sure__client_call *call) {
  const struct sure__method_config *config =
      sure__service_config_find(order->channel->service_config, order->method->id);
  call->method = order->method;
  struct sure__refusal refusal = join_parent(order, call);
  if (refusal.text == NULL) {
    refusal = set_options(order, config, call);
  }
  if (refusal.text == NULL && order->request != NULL) {
    refusal = set_key(order, call);
  }
  if (refusal.text == NULL && order->request != NULL) {
    refusal = set_metadata(order, call);
  }
  if (refusal.text == NULL && order->request != NULL) {
    refusal = pack(order, config, call);
  }
  return refusal;
}

static void give_back(struct sure_channel *channel, struct sure__client_call *call) {
  sure__child_remove(&call->child);
  pthread_mutex_lock(&channel->mutex);
  sure__client_recycle(&channel->engine, call);
  pthread_mutex_unlock(&channel->mutex);
}

/* A call that is filled in and not started. */
static struct sure__refusal prepare(const struct order *order,
                                    struct sure__client_call **out_call) {
  struct sure_channel *channel = order->channel;
  if (sure__channel_is_foreign(channel)) {
    return sure__refuse(SURE_FAILED_PRECONDITION, "this is a forked child");
  }
  pthread_mutex_lock(&channel->mutex);
  struct sure__client_call *call = sure__client_call_new(&channel->engine);
  pthread_mutex_unlock(&channel->mutex);
  if (call == NULL) {
    return refuse_for_memory();
  }
  struct sure__refusal refusal = fill_in(order, call); /* packing takes long: not under the lock */
  if (refusal.text != NULL) {
    sure__intercept_refused(channel, call, &refusal);
    give_back(channel, call);
  } else {
    *out_call = call;
  }
  return refusal;
}

typedef struct sure__refusal start_fn(struct sure__client *client, struct sure__client_call *call,
                                      uint64_t now_ms);

/* Hands the call to the engine. Not refused: it belongs to the engine. */
static struct sure__refusal hand_over(struct sure_channel *channel, struct sure__client_call *call,
                                      start_fn *start, uint64_t *out_handle) {
  pthread_mutex_lock(&channel->mutex);
  struct sure__refusal refusal = start(&channel->engine, call, sure__clock_ms());
  if (refusal.text == NULL && out_handle != NULL) {
    *out_handle = call->handle;
  }
  sure__channel_finish(channel);
  if (refusal.text != NULL) {
    sure__intercept_refused(channel, call, &refusal);
    give_back(channel, call);
  }
  return refusal;
}

/* Starts a call that is filled in, and waits for its end. */
static struct sure__refusal start_and_wait(struct sure_channel *channel,
                                           struct sure__client_call *call, start_fn *start,
                                           struct sure__channel_waiter *waiter) {
  call->waiter = waiter;
  struct sure__refusal refusal = hand_over(channel, call, start, NULL);
  if (refusal.text != NULL) {
    return refusal;
  }
  pthread_mutex_lock(&waiter->mutex);
  while (!waiter->done) {
    pthread_cond_wait(&waiter->changed, &waiter->mutex);
  }
  pthread_mutex_unlock(&waiter->mutex);
  return no_refusal;
}

static const struct sure_call_options no_options;

/* Prepares a blocking call or a settle of `what`, starts it, and waits. */
static struct sure__refusal run(const struct order *order, const struct sure_settle *what,
                                struct sure__channel_waiter *waiter) {
  if (sure__callback_is_running()) {
    return sure__refuse(SURE_FAILED_PRECONDITION,
                        "a completion or inline handler may not wait for a call");
  }
  struct sure__client_call *call = NULL;
  struct sure__refusal refusal = prepare(order, &call);
  if (call == NULL) {
    return refusal;
  }
  sure__assert(call != NULL && "what is not refused is prepared");
  if (what == NULL) {
    return start_and_wait(order->channel, call, sure__client_start, waiter);
  }
  if (!sure__arena_copy(&call->arena, what->key, &call->key)) {
    give_back(order->channel, call);
    return refuse_for_memory();
  }
  call->settle_id = what->call;
  return start_and_wait(order->channel, call, sure__client_settle, waiter);
}

/* What the blocking functions have in common. A refusal leaves the outcome at `if_refused`. */
static enum sure_code block(const struct order *order, const struct sure_settle *what,
                            enum sure_outcome if_refused, ProtobufCMessage **out_reply,
                            struct sure_status *status) {
  struct sure__channel_waiter waiter = {
      .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .status = status};
  struct sure__refusal refusal = run(order, what, &waiter);
  pthread_cond_destroy(&waiter.changed);
  pthread_mutex_destroy(&waiter.mutex);
  if (refusal.text != NULL) {
    return sure__status_set_refusal(status, &refusal, if_refused);
  }
  if (waiter.code == SURE_OK) {
    *out_reply = waiter.reply;
  }
  return waiter.code;
}

enum sure_code sure_channel_call(struct sure_channel *channel, const struct sure_method *method,
                                 const ProtobufCMessage *request,
                                 const struct sure_call_options *options,
                                 ProtobufCMessage **out_reply, struct sure_status *status) {
  struct order order = {channel, method, request, options != NULL ? options : &no_options};
  return block(&order, NULL, SURE_NOT_APPLIED, out_reply, status);
}

enum sure_code sure_channel_settle(struct sure_channel *channel, const struct sure_method *method,
                                   const struct sure_settle *what,
                                   const struct sure_call_options *options,
                                   ProtobufCMessage **out_reply, struct sure_status *status) {
  bool has_key = method->key_field != 0 || method->client_streams;
  if (what->key.len > SURE_KEY_LEN_MAX || (what->key.len > 0 && !has_key)) {
    struct sure__refusal refusal =
        sure__refuse(SURE_INVALID_ARGUMENT, "the method has no such key");
    return sure__status_set_refusal(status, &refusal, SURE_OUTCOME_UNKNOWN);
  }
  struct order order = {channel, method, NULL, options != NULL ? options : &no_options};
  return block(&order, what, SURE_OUTCOME_UNKNOWN, out_reply, status);
}

enum sure_code sure_channel_start(struct sure_channel *channel, const struct sure_method *method,
                                  const ProtobufCMessage *request,
                                  const struct sure_call_options *options,
                                  sure_complete_fn *complete, const void *closure,
                                  size_t closure_len, uint64_t *out_handle) {
  if (closure_len > SURE_CLOSURE_LEN_MAX) {
    return SURE_INVALID_ARGUMENT;
  }
  struct order order = {channel, method, request, options != NULL ? options : &no_options};
  struct sure__client_call *call = NULL;
  struct sure__refusal refusal = prepare(&order, &call);
  if (call == NULL) {
    return refusal.code;
  }
  sure__assert(call != NULL && "what is not refused is prepared");
  call->complete = complete;
  if (closure_len > 0) {
    memcpy(call->closure, closure, closure_len);
  }
  return hand_over(channel, call, sure__client_start, out_handle).code;
}

/* In place of requests that come one by one: packed, it is nothing. */
static ProtobufCMessage *new_empty(const ProtobufCMessageDescriptor *type) {
  ProtobufCMessage *message = sure__alloc(type->sizeof_message);
  if (message != NULL) {
    protobuf_c_message_init(type, message);
  }
  return message;
}

struct sure__refusal
sure__channel_start_stream(struct sure_channel *channel, const struct sure_method *method,
                           const ProtobufCMessage *request, const struct sure_call_options *options,
                           struct sure__client_stream *stream, struct sure__channel_waiter *waiter,
                           uint64_t *out_handle) {
  ProtobufCMessage *empty = request == NULL ? new_empty(method->request) : NULL;
  struct order order = {channel, method, request == NULL ? empty : request,
                        options != NULL ? options : &no_options};
  struct sure__client_call *call = NULL;
  struct sure__refusal refusal =
      order.request == NULL ? refuse_for_memory() : prepare(&order, &call);
  sure__free(empty);
  if (call == NULL) {
    return refusal;
  }
  call->stream = stream;
  call->waiter = waiter;
  return hand_over(channel, call, sure__client_start, out_handle);
}

void sure_channel_cancel(struct sure_channel *channel, uint64_t handle) {
  if (sure__channel_is_foreign(channel)) {
    return;
  }
  pthread_mutex_lock(&channel->mutex);
  sure__client_cancel(&channel->engine, handle, sure__clock_ms());
  sure__channel_finish(channel);
}

void sure_channel_release(struct sure_channel *channel, struct sure_call_id call) {
  if (sure__channel_is_foreign(channel)) {
    return;
  }
  pthread_mutex_lock(&channel->mutex);
  sure__client_release(&channel->engine, call, sure__clock_ms());
  sure__channel_finish(channel);
}
