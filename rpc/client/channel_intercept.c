/* Running a channel's interceptors (sure/interceptor.h). */
#include "rpc/client/channel_private.h"
#include "rpc/net/callback_mark.h"
#include "rpc/net/clock.h"

static enum sure_code valid(enum sure_code code) {
  return code >= 0 && code <= SURE_CODE_MAX ? code : SURE_UNKNOWN;
}

/* ---- calls ---- */

/* What a call remembers of its interceptors; in its arena. */
struct interception {
  size_t begun_count; /* whose call_begins said OK */
  uint64_t slots[SURE_INTERCEPTORS_MAX];
};

struct sure__refusal sure__intercept_call(const struct sure_channel *channel,
                                          struct sure__client_call *call, struct sure__meta *meta) {
  struct interception *interception = sure__arena_alloc(&call->arena, sizeof *interception);
  if (interception == NULL) {
    return sure__refuse(SURE_RESOURCE_EXHAUSTED, "memory is short");
  }
  *interception = (struct interception){0};
  call->interception = interception;
  struct sure_outgoing outgoing = {.method = call->method, .metadata = &meta->pairs};
  for (size_t i = 0; i < channel->interceptor_count; i++) {
    const struct sure_client_interceptor *interceptor = &channel->interceptors[i];
    enum sure_code code = interceptor->call_begins == NULL
                              ? SURE_OK
                              : valid(interceptor->call_begins(interceptor->user, &outgoing,
                                                               &interception->slots[i]));
    if (code != SURE_OK) {
      return (struct sure__refusal){code, SURE_REASON_REFUSED,
                                    "an interceptor did not let it through"};
    }
    interception->begun_count++;
  }
  return (struct sure__refusal){0};
}

void sure__intercept_end(const struct sure_channel *channel, const struct sure__client_call *call,
                         const struct sure_status *status) {
  const struct interception *interception = call->interception;
  size_t i = interception == NULL ? 0 : interception->begun_count;
  while (i-- > 0) {
    const struct sure_client_interceptor *interceptor = &channel->interceptors[i];
    if (interceptor->call_ended != NULL) {
      interceptor->call_ended(interceptor->user, call->method, status, interception->slots[i]);
    }
  }
}

void sure__intercept_refused(const struct sure_channel *channel,
                             const struct sure__client_call *call,
                             const struct sure__refusal *refusal) {
  if (call->interception == NULL) {
    return;
  }
  struct sure_status status = {0};
  sure__status_set_refusal(&status, refusal, SURE_NOT_APPLIED);
  sure__intercept_end(channel, call, &status);
  sure__status_fini(&status);
}

/* ---- attempts ---- */

static void collect_begins(struct sure__client *engine, struct sure__hooks *hooks) {
  struct sure__list *link;
  while (hooks->begin_count < SURE__HOOKS_MAX && (link = sure__list_pop(&engine->asking)) != NULL) {
    const struct sure__client_call *call = sure__container_of(link, struct sure__client_call, asks);
    hooks->begins[hooks->begin_count++] = (struct sure__attempt_begin){
        .handle = call->handle,
        .outgoing = {.method = call->method, .attempt = call->sent + 1},
        .metadata_room = call->metadata_room,
    };
  }
}

void sure__hooks_collect(struct sure_channel *channel, struct sure__hooks *hooks) {
  struct sure__client *engine = &channel->engine;
  hooks->begin_count = 0;
  hooks->end_count = 0;
  collect_begins(engine, hooks);
  struct sure__list *link;
  while (hooks->end_count < SURE__HOOKS_MAX &&
         (link = sure__list_pop(&engine->ended_attempts)) != NULL) {
    struct sure__attempt *attempt = sure__container_of(link, struct sure__attempt, of_call);
    hooks->ends[hooks->end_count++] = attempt->end;
    sure__client_reported(engine, attempt);
  }
}

static void run_begin(const struct sure_channel *channel, struct sure__attempt_begin *begin) {
  struct sure__meta meta;
  sure__meta_init(&meta, &begin->arena);
  meta.pairs.len_max = begin->metadata_room;
  struct sure_outgoing outgoing = begin->outgoing;
  outgoing.metadata = &meta.pairs; /* lent to the hooks */
  for (size_t i = 0; begin->code == SURE_OK && i < channel->interceptor_count; i++) {
    const struct sure_client_interceptor *interceptor = &channel->interceptors[i];
    if (interceptor->attempt_begins != NULL) {
      begin->code = valid(interceptor->attempt_begins(interceptor->user, &outgoing));
    }
  }
  bool fits = meta.pairs.len <= begin->metadata_room;
  if (begin->code == SURE_OK &&
      (!fits || !sure__meta_pack(&meta, &begin->arena, &begin->metadata))) {
    begin->code = SURE_RESOURCE_EXHAUSTED;
  }
}

static void run_end(const struct sure_channel *channel, const struct sure_attempt_end *end) {
  for (size_t i = channel->interceptor_count; i-- > 0;) {
    const struct sure_client_interceptor *interceptor = &channel->interceptors[i];
    if (interceptor->attempt_ended != NULL) {
      interceptor->attempt_ended(interceptor->user, end);
    }
  }
}

void sure__hooks_run(const struct sure_channel *channel, struct sure__hooks *hooks) {
  sure__callback_enter();
  for (size_t i = 0; i < hooks->end_count; i++) {
    run_end(channel, &hooks->ends[i]);
  }
  for (size_t i = 0; i < hooks->begin_count; i++) {
    run_begin(channel, &hooks->begins[i]);
  }
  sure__callback_leave();
}

void sure__hooks_feed(struct sure_channel *channel, struct sure__hooks *hooks) {
  for (size_t i = 0; i < hooks->begin_count; i++) {
    struct sure__attempt_begin *begin = &hooks->begins[i];
    sure__client_let_through(&channel->engine, begin->handle, begin->code, begin->metadata,
                             sure__clock_ms());
    sure__arena_fini(&begin->arena);
  }
}
