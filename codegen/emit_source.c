/* NAME.sure.c: the tables, thin typed calls, and trampolines to the typed handlers. */
#include "codegen/emit.h"

#include <sure/status.h>

static const char *const call_template =
    "\n"
    "enum sure_code $service$_client__$method$(\n"
    "    struct sure_channel *channel, const $request$ *request,\n"
    "    const struct sure_call_options *options, $reply$ **out_reply,\n"
    "    struct sure_status *status) {\n"
    "  ProtobufCMessage *reply = NULL;\n"
    "  enum sure_code code = sure_channel_call(channel, &$service$_service.methods[$index$],\n"
    "      (const ProtobufCMessage *)request, options, &reply, status);\n"
    "  if (code == SURE_OK)\n"
    "    *out_reply = ($reply$ *)reply;\n"
    "  return code;\n"
    "}\n";

static const char *const async_template =
    "\n"
    "struct $service$_client__$method$__closure {\n"
    "  $service$_client__$method$__fn *fn;\n"
    "  void *user;\n"
    "};\n"
    "\n"
    "static void $service$_client__$method$__complete(\n"
    "    const void *closure, const struct sure_status *status, const ProtobufCMessage *reply) {\n"
    "  struct $service$_client__$method$__closure own;\n"
    "  memcpy(&own, closure, sizeof(own));\n"
    "  own.fn(own.user, status, (const $reply$ *)reply);\n"
    "}\n"
    "\n"
    "enum sure_code $service$_client__$method$__async(\n"
    "    struct sure_channel *channel, const $request$ *request,\n"
    "    const struct sure_call_options *options,\n"
    "    $service$_client__$method$__fn *fn, void *user, uint64_t *out_handle) {\n"
    "  const struct $service$_client__$method$__closure closure = {fn, user};\n"
    "  return sure_channel_start(channel, &$service$_service.methods[$index$],\n"
    "      (const ProtobufCMessage *)request, options,\n"
    "      $service$_client__$method$__complete, &closure, sizeof(closure), out_handle);\n"
    "}\n";

static const char *const settle_template =
    "\n"
    "enum sure_code $service$_client__$method$__settle(\n"
    "    struct sure_channel *channel, const struct sure_settle *what,\n"
    "    const struct sure_call_options *options, $reply$ **out_reply,\n"
    "    struct sure_status *status) {\n"
    "  ProtobufCMessage *reply = NULL;\n"
    "  enum sure_code code = sure_channel_settle(channel, &$service$_service.methods[$index$],\n"
    "      what, options, &reply, status);\n"
    "  if (code == SURE_OK)\n"
    "    *out_reply = ($reply$ *)reply;\n"
    "  return code;\n"
    "}\n";

static const char *const trampoline_template =
    "\n"
    "static enum sure_code $service$_server__$method$__run(\n"
    "    const void *handlers, void *user, struct sure_call *call,\n"
    "    const ProtobufCMessage *request, ProtobufCMessage *reply) {\n"
    "  const struct $service$_server *typed = (const struct $service$_server *)handlers;\n"
    "  if (!typed->$member$)\n"
    "    return sure_call_fail(call, SURE_UNIMPLEMENTED, \"%s has no handler\",\n"
    "        \"$method_name$\");\n"
    "  return typed->$member$(user, call, (const $request$ *)request, ($reply$ *)reply);\n"
    "}\n";

static const char *const service_template = "\n"
                                            "const struct sure_service $service$_service = {\n"
                                            "  .abi = SURE_ABI,\n"
                                            "  .full_name = \"$service_name$\",\n"
                                            "  .methods = $methods$,\n"
                                            "  .method_count = $method_count$,\n"
                                            "};\n";

static const char *const register_template =
    "\n"
    "enum sure_code $service$_server__register(struct sure_server *server,\n"
    "    const struct $service$_server *handlers, void *user) {\n"
    "  return sure_server_register(server, &$service$_service, $trampolines$, handlers, user);\n"
    "}\n";

static const char *semantics_name(enum sure_semantics semantics) {
  switch (semantics) {
  case SURE_EXACTLY_ONCE:
    return "SURE_EXACTLY_ONCE";
  case SURE_NO_SIDE_EFFECTS:
    return "SURE_NO_SIDE_EFFECTS";
  case SURE_AT_LEAST_ONCE:
    return "SURE_AT_LEAST_ONCE";
  case SURE_AT_MOST_ONCE:
    return "SURE_AT_MOST_ONCE";
  }
  return "?";
}

/* A zero is left out: it is what an initialiser leaves, and means the default. */
static void emit_number(struct text *out, const char *indent, const char *name, uint32_t value) {
  if (value != 0)
    text_printf(out, "%s.%s = %u,\n", indent, name, value);
}

static void emit_codes(struct text *out, const char *name, const Sure__StatusCode *codes,
                       size_t count) {
  static const char *const code_names[] = {
#define CODE_NAME(number, name, text) "SURE_" #name,
      SURE_CODE_LIST(CODE_NAME)
#undef CODE_NAME
  };
  if (count == 0)
    return;
  text_printf(out, "      .%s =\n", name);
  for (size_t i = 0; i < count; i++)
    text_printf(out, "        SURE_CODE_BIT(%s)%s\n", code_names[codes[i]],
                i + 1 < count ? " |" : ",");
}

static uint32_t permille(double factor) {
  return (uint32_t)(factor * 1000 + 0.5);
}

static void emit_retry(struct text *out, const Sure__RetryPolicy *retry) {
  if (!retry)
    return;
  text_add(out, "    .retry = {\n");
  emit_number(out, "      ", "attempts_max", retry->max_attempts);
  emit_number(out, "      ", "backoff_ms_initial", retry->initial_backoff_ms);
  emit_number(out, "      ", "backoff_ms_max", retry->max_backoff_ms);
  emit_number(out, "      ", "backoff_multiplier_permille", permille(retry->backoff_multiplier));
  emit_codes(out, "retryable_codes", retry->retryable_status_codes,
             retry->n_retryable_status_codes);
  text_add(out, "    },\n");
}

static void emit_hedging(struct text *out, const Sure__HedgingPolicy *hedging) {
  if (!hedging)
    return;
  text_add(out, "    .hedging = {\n");
  emit_number(out, "      ", "attempts_max", hedging->max_attempts);
  emit_number(out, "      ", "delay_ms", hedging->hedging_delay_ms);
  emit_codes(out, "non_fatal_codes", hedging->non_fatal_status_codes,
             hedging->n_non_fatal_status_codes);
  text_add(out, "    },\n");
}

static void emit_method_options(struct text *out, const struct method *method) {
  const Sure__MethodOptions *options = method->options;
  emit_number(out, "    ", "timeout_ms", options->timeout_ms);
  emit_number(out, "    ", "attempt_timeout_ms", options->attempt_timeout_ms);
  emit_number(out, "    ", "ack_delay_ms", options->ack_delay_ms);
  if (method->request->key)
    emit_number(out, "    ", "key_field", (uint32_t)method->request->key->proto->number);
  emit_retry(out, options->retry);
  emit_hedging(out, options->hedging);
  if (options->partition == SURE__METHOD_OPTIONS__PARTITION__STALE_OK)
    text_add(out, "    .partition = SURE_PARTITION_STALE_OK,\n");
  if (options->external_effects)
    text_add(out, "    .external_effects = true,\n");
  if (method->proto->client_streaming)
    text_add(out, "    .client_streams = true,\n");
  if (method->proto->server_streaming)
    text_add(out, "    .server_streams = true,\n");
}

static void emit_method_table(struct text *out, const struct service *service) {
  text_printf(out, "\nstatic const struct sure_method %s_methods[] = {\n", service->c_prefix);
  for (size_t i = 0; i < service->method_count; i++) {
    const struct method *method = &service->methods[i];
    text_printf(out, "  {\n    .full_name = \"%s\",\n", method->full_name);
    text_printf(out, "    .id = UINT64_C(0x%016llx),\n", (unsigned long long)method->id);
    text_printf(out, "    .semantics = %s,\n", semantics_name(method->semantics));
    text_printf(out, "    .request = &%s__descriptor,\n", method->request->c_prefix);
    text_printf(out, "    .reply = &%s__descriptor,\n", method->reply->c_prefix);
    emit_method_options(out, method);
    text_add(out, "  },\n");
  }
  text_add(out, "};\n");
}

static void emit_trampoline_table(struct text *out, const struct service *service) {
  text_printf(out, "\nstatic sure_handler_fn *const %s_trampolines[] = {\n", service->c_prefix);
  for (size_t i = 0; i < service->method_count; i++)
    text_printf(out, "  %s_server__%s__run,\n", service->c_prefix, service->methods[i].c_name);
  text_add(out, "};\n");
}

static void emit_method(struct text *out, const struct service *service, size_t index) {
  const struct method *method = &service->methods[index];
  struct text_var vars[EMIT_VAR_COUNT];
  emit_method_vars(out->arena, service, method, vars);
  if (emit_is_streaming(method)) {
    emit_stream_bodies(out, method, vars);
    return;
  }
  text_fill(out, call_template, vars);
  text_fill(out, async_template, vars);
  if (method->semantics == SURE_EXACTLY_ONCE)
    text_fill(out, settle_template, vars);
  text_fill(out, trampoline_template, vars);
}

static void emit_service(struct text *out, const struct service *service) {
  bool is_empty = service->method_count == 0;
  const char *prefix = service->c_prefix;
  struct text_var vars[] = {
      {"service", prefix},
      {"service_name", service->full_name},
      {"methods", is_empty ? "NULL" : arena_printf(out->arena, "%s_methods", prefix)},
      {"trampolines", is_empty ? "NULL" : arena_printf(out->arena, "%s_trampolines", prefix)},
      {"method_count", arena_printf(out->arena, "%zu", service->method_count)},
      {NULL, NULL},
  };
  text_printf(out, "\n/* ---- %s ---- */\n", service->full_name);
  if (!is_empty)
    emit_method_table(out, service);
  text_fill(out, service_template, vars);
  for (size_t i = 0; i < service->method_count; i++)
    emit_method(out, service, i);
  if (!is_empty)
    emit_trampoline_table(out, service);
  text_fill(out, register_template, vars);
}

void emit_source(struct text *out, const struct file *file) {
  emit_origin(out, file);
  text_printf(out, "#include \"%s.sure.h\"\n\n#include <string.h>\n", file->stem);
  for (size_t i = 0; i < file->service_count; i++)
    emit_service(out, &file->services[i]);
}
