/* Telling the ends of calls: unpacking replies, completions, waiters. */
#include <stdlib.h>

#include "rpc/client/channel_private.h"
#include "rpc/core/message.h"
#include "rpc/net/children.h"

/* Where the unpacked reply goes, and whether memory was short for it. */
struct room {
  struct sure__arena *arena; /* NULL: malloc, for replies that the application frees */
  bool short_of_memory;
};

static void *room_alloc(void *user, size_t size) {
  struct room *room = user;
  void *memory = room->arena == NULL ? malloc(size) : sure__arena_alloc(room->arena, size);
  room->short_of_memory = room->short_of_memory || memory == NULL;
  return memory;
}

static void room_free(void *user, void *memory) {
  struct room *room = user;
  if (room->arena == NULL) {
    free(memory);
  }
}

static void lose_reply(struct sure__end *end, enum sure_code code, enum sure_reason reason,
                       const char *text) {
  end->code = code;
  end->reason = reason;
  end->text = sure__bytes_of(text);
}

/* The reply, or NULL; then the end of the call says why. Whatever we can't take of a reply, its
 * effect has happened: the outcome stays (S8). */
static ProtobufCMessage *unpack(struct sure__client_call *call, struct room *room) {
  struct sure__end *end = &call->end;
  if (end->code != SURE_OK) {
    return NULL;
  }
  if (end->reply.len > call->reply_len_max) {
    lose_reply(end, SURE_RESOURCE_EXHAUSTED, SURE_REASON_REPLY_LOST,
               "the reply is over the service config's limit");
    return NULL;
  }
  ProtobufCAllocator allocator = {.alloc = room_alloc, .free = room_free, .allocator_data = room};
  ProtobufCMessage *reply = NULL;
  if (sure__message_check(call->method->reply, end->reply)) {
    reply =
        protobuf_c_message_unpack(call->method->reply, &allocator, end->reply.len, end->reply.data);
  }
  if (reply == NULL && room->short_of_memory) {
    lose_reply(end, SURE_RESOURCE_EXHAUSTED, SURE_REASON_CHANNEL, "memory is short for the reply");
  } else if (reply == NULL) {
    lose_reply(end, SURE_INTERNAL, SURE_REASON_UNPARSABLE, "the reply does not parse");
  }
  return reply;
}

/* Its interceptors hear of the end before its application does. */
static void tell_interceptors(const struct sure_channel *channel,
                              const struct sure__client_call *call) {
  if (call->interception != NULL) {
    struct sure_status status = {0};
    sure__status_set(&status, &call->end);
    sure__intercept_end(channel, call, &status);
    sure__status_fini(&status);
  }
}

static void wake(const struct sure_channel *channel, struct sure__client_call *call) {
  struct sure__channel_waiter *waiter = call->waiter;
  struct room room = {.arena = NULL};
  ProtobufCMessage *reply = unpack(call, &room);
  tell_interceptors(channel, call);
  pthread_mutex_lock(&waiter->mutex);
  waiter->reply = reply;
  waiter->code = call->end.code;
  if (waiter->status != NULL) {
    sure__status_set(waiter->status, &call->end);
  }
  if (waiter->is_stream) {
    pthread_mutex_unlock(&waiter->mutex);
    sure__channel_stream_done(waiter);
    return;
  }
  waiter->done = true;
  pthread_cond_signal(&waiter->changed); /* under its mutex: the waiter goes away afterwards */
  pthread_mutex_unlock(&waiter->mutex);
}

void sure__channel_deliver(const struct sure_channel *channel, struct sure__client_call *call,
                           struct sure_status *status) {
  sure__child_remove(&call->child);
  if (call->waiter != NULL) {
    wake(channel, call);
    return;
  }
  /* The request is of no use any more: its memory takes the reply. */
  struct room room = {.arena = &call->arena};
  if (call->end.code == SURE_OK && call->interception == NULL) {
    sure__arena_reset(&call->arena);
  }
  ProtobufCMessage *reply = unpack(call, &room);
  tell_interceptors(channel, call);
  sure__status_set(status, &call->end);
  call->complete(call->closure, status, reply);
}
