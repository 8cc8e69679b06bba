/* Methods with streams: typed covers of sure/stream.h. */
#include "codegen/emit.h"

bool emit_is_streaming(const struct method *method) {
  return method->proto->client_streaming || method->proto->server_streaming;
}

/* Which lines are wanted: those with the mark C are for client streams, c for none; S and s the
 * same for server streams; those without a mark for all. */
static bool is_wanted(const struct method *method, char mark) {
  switch (mark) {
  case 'C':
    return method->proto->client_streaming;
  case 'c':
    return !method->proto->client_streaming;
  case 'S':
    return method->proto->server_streaming;
  case 's':
    return !method->proto->server_streaming;
  default:
    return true;
  }
}

struct line {
  char mark;
  const char *template;
};

static void emit_lines(struct text *out, const struct method *method, const struct text_var *vars,
                       const struct line *lines, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (is_wanted(method, lines[i].mark))
      text_fill(out, lines[i].template, vars);
}

#define EMIT_LINES(out, method, vars, lines)                                                       \
  emit_lines(out, method, vars, lines, sizeof(lines) / sizeof(lines)[0])

static const struct line open_signature[] = {
    {0, "enum sure_code $service$_client__$method$__open(\n    struct sure_channel *channel,"},
    {'c', " const $request$ *request,"},
    {0, "\n    const struct sure_call_options *options, struct sure_stream **out_stream,\n"
        "    struct sure_status *status)"},
};

static const struct line finish_signature[] = {
    {0, "enum sure_code $service$_client__$method$__finish(struct sure_stream *stream"},
    {'s', ",\n    $reply$ **out_reply"},
    {0, ")"},
};

static const struct line declarations[] = {
    {'C', "enum sure_code $service$_client__$method$__write(\n"
          "    struct sure_stream *stream, const $request$ *message);\n"},
    {'C', "enum sure_code $service$_client__$method$__try_write(\n"
          "    struct sure_stream *stream, const $request$ *message, bool *out_taken);\n"},
    {'S', "enum sure_code $service$_client__$method$__read(\n"
          "    struct sure_stream *stream, $reply$ **out_message);\n"},
    {'S', "enum sure_code $service$_client__$method$__try_read(\n"
          "    struct sure_stream *stream, $reply$ **out_message);\n"},
    {'C', "enum sure_code $service$_server__$method$__read(\n"
          "    struct sure_stream *stream, $request$ **out_message);\n"},
    {'C', "enum sure_code $service$_server__$method$__try_read(\n"
          "    struct sure_stream *stream, $request$ **out_message);\n"},
    {'S', "enum sure_code $service$_server__$method$__write(\n"
          "    struct sure_stream *stream, const $reply$ *message);\n"},
    {'S', "enum sure_code $service$_server__$method$__try_write(\n"
          "    struct sure_stream *stream, const $reply$ *message, bool *out_taken);\n"},
    {0, "\n"},
};

static const struct line bodies[] = {
    {'C', "\n"
          "enum sure_code $service$_client__$method$__write(\n"
          "    struct sure_stream *stream, const $request$ *message) {\n"
          "  return sure_stream_write(stream, (const ProtobufCMessage *)message);\n"
          "}\n"},
    {'C', "\n"
          "enum sure_code $service$_client__$method$__try_write(\n"
          "    struct sure_stream *stream, const $request$ *message, bool *out_taken) {\n"
          "  return sure_stream_try_write(stream, (const ProtobufCMessage *)message, out_taken);\n"
          "}\n"},
    {'S', "\n"
          "enum sure_code $service$_client__$method$__read(\n"
          "    struct sure_stream *stream, $reply$ **out_message) {\n"
          "  return sure_stream_read(stream, (ProtobufCMessage **)(void *)out_message);\n"
          "}\n"},
    {'S', "\n"
          "enum sure_code $service$_client__$method$__try_read(\n"
          "    struct sure_stream *stream, $reply$ **out_message) {\n"
          "  return sure_stream_try_read(stream, (ProtobufCMessage **)(void *)out_message);\n"
          "}\n"},
    {'C', "\n"
          "enum sure_code $service$_server__$method$__read(\n"
          "    struct sure_stream *stream, $request$ **out_message) {\n"
          "  return sure_stream_read(stream, (ProtobufCMessage **)(void *)out_message);\n"
          "}\n"},
    {'C', "\n"
          "enum sure_code $service$_server__$method$__try_read(\n"
          "    struct sure_stream *stream, $request$ **out_message) {\n"
          "  return sure_stream_try_read(stream, (ProtobufCMessage **)(void *)out_message);\n"
          "}\n"},
    {'S', "\n"
          "enum sure_code $service$_server__$method$__write(\n"
          "    struct sure_stream *stream, const $reply$ *message) {\n"
          "  return sure_stream_write(stream, (const ProtobufCMessage *)message);\n"
          "}\n"},
    {'S', "\n"
          "enum sure_code $service$_server__$method$__try_write(\n"
          "    struct sure_stream *stream, const $reply$ *message, bool *out_taken) {\n"
          "  return sure_stream_try_write(stream, (const ProtobufCMessage *)message, out_taken);\n"
          "}\n"},
};

static const struct line open_body[] = {
    {0, " {\n"
        "  return sure_channel_open_stream(channel, &$service$_service.methods[$index$],\n"},
    {'c', "      (const ProtobufCMessage *)request, options, out_stream, status);\n"},
    {'C', "      NULL, options, out_stream, status);\n"},
    {0, "}\n\n"},
};

static const struct line finish_body[] = {
    {'s', " {\n"
          "  ProtobufCMessage *reply = NULL;\n"
          "  enum sure_code code = sure_stream_finish(stream, &reply);\n"
          "  if (code == SURE_OK)\n"
          "    *out_reply = ($reply$ *)reply;\n"
          "  return code;\n"
          "}\n"},
    {'S', " {\n"
          "  return sure_stream_finish(stream, NULL);\n"
          "}\n"},
};

static const struct line trampoline[] = {
    {0, "\n"
        "static enum sure_code $service$_server__$method$__run(\n"
        "    const void *handlers, void *user, struct sure_call *call,\n"
        "    const ProtobufCMessage *request, ProtobufCMessage *reply) {\n"
        "  const struct $service$_server *typed = (const struct $service$_server *)handlers;\n"},
    {'C', "  (void)request;\n"},
    {'S', "  (void)reply;\n"},
    {0, "  if (!typed->$member$)\n"
        "    return sure_call_fail(call, SURE_UNIMPLEMENTED, \"%s has no handler\",\n"
        "        \"$method_name$\");\n"
        "  return typed->$member$(user, call,"},
    {'c', " (const $request$ *)request,"},
    {0, " sure_call_stream(call)"},
    {'s', ", ($reply$ *)reply"},
    {0, ");\n"
        "}\n"},
};

static const struct line handler[] = {
    {0, "  enum sure_code (*$member$)(void *user, struct sure_call *call,\n     "},
    {'c', " const $request$ *request,"},
    {0, " struct sure_stream *stream"},
    {'s', ", $reply$ *reply"},
    {0, ");\n"},
};

void emit_stream_declarations(struct text *out, const struct method *method,
                              const struct text_var *vars) {
  EMIT_LINES(out, method, vars, open_signature);
  text_add(out, ";\n");
  EMIT_LINES(out, method, vars, finish_signature);
  text_add(out, ";\n");
  EMIT_LINES(out, method, vars, declarations);
}

void emit_stream_handler(struct text *out, const struct method *method,
                         const struct text_var *vars) {
  EMIT_LINES(out, method, vars, handler);
}

void emit_stream_bodies(struct text *out, const struct method *method,
                        const struct text_var *vars) {
  text_add(out, "\n");
  EMIT_LINES(out, method, vars, open_signature);
  EMIT_LINES(out, method, vars, open_body);
  EMIT_LINES(out, method, vars, finish_signature);
  EMIT_LINES(out, method, vars, finish_body);
  EMIT_LINES(out, method, vars, bodies);
  EMIT_LINES(out, method, vars, trampoline);
}
