/* NAME.sure.h: for each service the table, the client's calls and the server's handlers. */
#include "codegen/comment.h"
#include "codegen/emit.h"
#include "codegen/names.h"

#include <string.h>

static const char *const file_start = "#ifndef SURE_GENERATED_$guard$_H\n"
                                      "#define SURE_GENERATED_$guard$_H\n"
                                      "\n"
                                      "#include <sure/channel.h>\n"
                                      "#include <sure/server.h>\n"
                                      "#include <sure/stream.h>\n"
                                      "\n";

static const char *const file_end = "\n"
                                    "#ifdef __cplusplus\n"
                                    "}\n"
                                    "#endif\n"
                                    "\n"
                                    "#endif\n";

static const char *const call_template =
    "enum sure_code $service$_client__$method$(\n"
    "    struct sure_channel *channel, const $request$ *request,\n"
    "    const struct sure_call_options *options, $reply$ **out_reply,\n"
    "    struct sure_status *status);\n"
    "\n";

static const char *const async_template =
    "/* The same without waiting: `fn` is told the end, once, later, on a thread of the library.\n"
    " * `status` and `reply` are borrowed until it returns. See sure_channel_start. */\n"
    "typedef void $service$_client__$method$__fn(\n"
    "    void *user, const struct sure_status *status, const $reply$ *reply);\n"
    "enum sure_code $service$_client__$method$__async(\n"
    "    struct sure_channel *channel, const $request$ *request,\n"
    "    const struct sure_call_options *options,\n"
    "    $service$_client__$method$__fn *fn, void *user, uint64_t *out_handle);\n"
    "\n";

static const char *const settle_template =
    "/* What became of a call that ended UNKNOWN. See sure_channel_settle. */\n"
    "enum sure_code $service$_client__$method$__settle(\n"
    "    struct sure_channel *channel, const struct sure_settle *what,\n"
    "    const struct sure_call_options *options, $reply$ **out_reply,\n"
    "    struct sure_status *status);\n"
    "\n";

static const char *const handler_template =
    "  enum sure_code (*$member$)(void *user, struct sure_call *call,\n"
    "      const $request$ *request, $reply$ *reply);\n";

static const char *const register_template =
    "/* Offer $service_name$. `handlers` is borrowed until sure_server_free; `user` is passed to\n"
    " * each handler. Before sure_server_listen; the errors are those of sure_server_register. */\n"
    "enum sure_code $service$_server__register(struct sure_server *server,\n"
    "    const struct $service$_server *handlers, void *user);\n";

/* What is promised of the effect, as the end of "NAME, ...". */
static const char *promise_of(const struct method *method) {
  switch (method->semantics) {
  case SURE_EXACTLY_ONCE:
    return "exactly once: a retry gets the reply of the first run";
  case SURE_NO_SIDE_EFFECTS:
    return "without side effects: retried freely";
  case SURE_AT_LEAST_ONCE:
    return "at least once: retried freely, the effect may happen several times";
  case SURE_AT_MOST_ONCE:
    return "at most once: never sent again, the effect may be lost";
  }
  return "?";
}

/* Which the file's own x.pb-c.h includes too, but a reader should see where the types come from. */
static void emit_includes(struct text *out, const struct file *file) {
  struct text seen = {.arena = out->arena};
  text_printf(out, "#include \"%s.pb-c.h\"\n", file->stem);
  text_printf(&seen, "\n%s\n", file->stem);
  for (size_t s = 0; s < file->service_count; s++) {
    for (size_t m = 0; m < 2 * file->services[s].method_count; m++) {
      const struct method *method = &file->services[s].methods[m / 2];
      const struct message *message = m % 2 ? method->reply : method->request;
      const char *stem = message->place.file->stem;
      if (strstr(text_string(&seen), arena_printf(out->arena, "\n%s\n", stem)))
        continue;
      text_printf(out, "#include \"%s.pb-c.h\"\n", stem);
      text_printf(&seen, "%s\n", stem);
    }
  }
}

static void emit_client_method(struct text *out, const struct service *service,
                               const struct method *method) {
  struct text_var vars[EMIT_VAR_COUNT];
  emit_method_vars(out->arena, service, method, vars);
  struct text contract = {.arena = out->arena};
  bool is_streaming = emit_is_streaming(method);
  text_printf(&contract, "%s, %s. %s", method->full_name, promise_of(method),
              is_streaming ? "See sure/stream.h."
                           : "On SURE_OK the caller owns *out_reply. See sure_channel_call.");
  comment_emit(out, "", method->place, text_string(&contract));
  if (is_streaming) {
    emit_stream_declarations(out, method, vars);
    return;
  }
  text_fill(out, call_template, vars);
  text_fill(out, async_template, vars);
  if (method->semantics == SURE_EXACTLY_ONCE)
    text_fill(out, settle_template, vars);
}

static void emit_handlers(struct text *out, const struct service *service,
                          const struct text_var *service_vars) {
  struct text contract = {.arena = out->arena};
  text_printf(&contract,
              "The handlers of %s. `reply` is initialised; its memory comes from sure_call_alloc. "
              "A handler that is NULL answers SURE_UNIMPLEMENTED.",
              service->full_name);
  comment_emit(out, "", service->place, text_string(&contract));
  text_fill(out, "struct $service$_server {\n", service_vars);
  for (size_t i = 0; i < service->method_count; i++) {
    struct text_var vars[EMIT_VAR_COUNT];
    emit_method_vars(out->arena, service, &service->methods[i], vars);
    comment_emit(out, "  ", service->methods[i].place, "");
    if (emit_is_streaming(&service->methods[i]))
      emit_stream_handler(out, &service->methods[i], vars);
    else
      text_fill(out, handler_template, vars);
  }
  /* C has no struct without members. */
  if (service->method_count == 0)
    text_add(out, "  char no_methods;\n");
  text_add(out, "};\n\n");
  text_fill(out, register_template, service_vars);
}

static void emit_service(struct text *out, const struct service *service) {
  struct text_var vars[EMIT_VAR_COUNT];
  emit_service_vars(service, vars);
  text_fill(out,
            "\n"
            "/* ---- $service_name$ ---- */\n"
            "\n"
            "/* What the runtime knows of the service. */\n"
            "extern const struct sure_service $service$_service;\n"
            "\n",
            vars);
  for (size_t i = 0; i < service->method_count; i++)
    emit_client_method(out, service, &service->methods[i]);
  emit_handlers(out, service, vars);
}

void emit_header(struct text *out, const struct file *file) {
  struct text_var vars[] = {{"guard", names_guard(out->arena, file->proto->name)}, {NULL, NULL}};
  emit_origin(out, file);
  text_fill(out, file_start, vars);
  emit_includes(out, file);
  text_add(out, "\n"
                "#ifdef __cplusplus\n"
                "extern \"C\" {\n"
                "#endif\n");
  for (size_t i = 0; i < file->service_count; i++)
    emit_service(out, &file->services[i]);
  text_add(out, file_end);
}
