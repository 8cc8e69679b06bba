/* Running a server's interceptors (sure/interceptor.h). */
#include <string.h>

#include "rpc/net/callback_mark.h"
#include "rpc/server/shell.h"

static bool is_code(enum sure_code code) {
  return code >= 0 && code <= SURE_CODE_MAX;
}

static enum sure_code valid(enum sure_code code) {
  return is_code(code) ? code : SURE_UNKNOWN;
}

/* ---- who is it ---- */

const struct sure_metadata *sure_attach_credentials(const struct sure_attach *attach) {
  return attach->credentials;
}

enum sure_code sure_attach_set_principal(struct sure_attach *attach, struct sure_bytes principal) {
  if (principal.len > sizeof attach->principal) {
    return SURE_INVALID_ARGUMENT;
  }
  if (principal.len > 0) {
    memcpy(attach->principal, principal.data, principal.len);
  }
  attach->principal_len = (uint8_t)principal.len;
  return SURE_OK;
}

static enum sure_code ask_who(const struct sure_server *server, struct sure_attach *attach) {
  enum sure_code code = SURE_OK;
  for (size_t i = 0; code == SURE_OK && i < server->interceptor_count; i++) {
    const struct sure_server_interceptor *interceptor = &server->interceptors[i];
    if (interceptor->peer_attaches != NULL) {
      code = valid(interceptor->peer_attaches(interceptor->user, attach));
    }
  }
  return code;
}

enum sure_code sure__intercept_attach(const struct sure_server *server,
                                      struct sure_bytes credentials, struct sure_attach *attach) {
  struct sure__arena arena = {0};
  struct sure__meta meta;
  sure__meta_init(&meta, &arena);
  *attach = (struct sure_attach){0};
  enum sure_code code = SURE_OK;
  switch (sure__meta_unpack(&meta, &arena, credentials)) {
  case SURE__META_OK:
    attach->credentials = &meta.pairs;
    sure__callback_enter();
    code = ask_who(server, attach);
    sure__callback_leave();
    attach->credentials = NULL;
    break;
  case SURE__META_MALFORMED:
    code = SURE_UNAUTHENTICATED;
    break;
  case SURE__META_NO_MEMORY:
    code = SURE_RESOURCE_EXHAUSTED;
    break;
  }
  sure__arena_fini(&arena);
  return code;
}

/* ---- attempts ---- */

static enum sure_code ask_about(const struct sure_server *server, struct sure_call *call) {
  enum sure_code code = SURE_OK;
  sure__callback_enter();
  for (size_t i = 0; code == SURE_OK && i < server->interceptor_count; i++) {
    const struct sure_server_interceptor *interceptor = &server->interceptors[i];
    if (interceptor->attempt_arrives != NULL) {
      code = valid(interceptor->attempt_arrives(interceptor->user, call));
    }
  }
  sure__callback_leave();
  return code;
}

void sure__intercept_arrival(const struct sure_server *server, struct sure_call *call) {
  call->op.record = (struct sure_record){.code = SURE_OK};
  if (!sure__call_unpack_metadata(call)) {
    return;
  }
  enum sure_code code = ask_about(server, call);
  if (code != SURE_OK) {
    call->op.record = sure__call_failure(call, code);
    call->op.record.reason = SURE_REASON_REFUSED;
  }
}

/* ---- handlers ---- */

static void tell_ended(const struct sure_server *server, size_t begun_count, struct sure_call *call,
                       enum sure_code code) {
  while (begun_count-- > 0) {
    const struct sure_server_interceptor *interceptor = &server->interceptors[begun_count];
    if (interceptor->handler_ended != NULL) {
      interceptor->handler_ended(interceptor->user, call, code, call->slots[begun_count]);
    }
  }
}

static enum sure_code begin_run(const struct sure_server_interceptor *interceptor,
                                struct sure_call *call, uint64_t *slot) {
  return interceptor->handler_begins == NULL
             ? SURE_OK
             : valid(interceptor->handler_begins(interceptor->user, call, slot));
}

enum sure_code sure__intercept_run_begins(const struct sure_server *server,
                                          struct sure_call *call) {
  if (server->interceptor_count == 0) {
    return SURE_OK;
  }
  call->slots = sure__arena_alloc(&call->arena, server->interceptor_count * sizeof *call->slots);
  if (call->slots == NULL) {
    return SURE_RESOURCE_EXHAUSTED;
  }
  memset(call->slots, 0, server->interceptor_count * sizeof *call->slots);
  for (size_t i = 0; i < server->interceptor_count; i++) {
    enum sure_code code = begin_run(&server->interceptors[i], call, &call->slots[i]);
    if (code != SURE_OK) {
      tell_ended(server, i, call, code);
      return code;
    }
  }
  return SURE_OK;
}

void sure__intercept_run_ended(const struct sure_server *server, struct sure_call *call,
                               enum sure_code code) {
  tell_ended(server, server->interceptor_count, call, code);
}
