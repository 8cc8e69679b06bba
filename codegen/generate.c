#include "codegen/generate.h"

#include "codegen/emit.h"
#include "codegen/model.h"
#include "codegen/request.h"
#include "codegen/verify.h"

typedef Google__Protobuf__Compiler__CodeGeneratorRequest plugin_request;
typedef Google__Protobuf__Compiler__CodeGeneratorResponse plugin_response;
typedef Google__Protobuf__Compiler__CodeGeneratorResponse__File plugin_file;

static void add_file(struct arena *arena, plugin_response *response, char *name,
                     const struct text *content) {
  plugin_file *file = arena_alloc(arena, sizeof(*file));
  google__protobuf__compiler__code_generator_response__file__init(file);
  file->name = name;
  file->content = content->bytes;
  response->file[response->n_file++] = file;
}

static void emit_files(const struct model *model, plugin_response *response) {
  struct arena *arena = model->arena;
  response->file = arena_array(arena, 2 * model->file_count, sizeof(*response->file));
  for (size_t i = 0; i < model->file_count; i++) {
    const struct file *file = &model->files[i];
    if (!file->is_target || file->service_count == 0)
      continue;
    struct text header = {.arena = arena};
    struct text source = {.arena = arena};
    emit_header(&header, file);
    emit_source(&source, file);
    add_file(arena, response, arena_printf(arena, "%s.sure.h", file->stem), &header);
    add_file(arena, response, arena_printf(arena, "%s.sure.c", file->stem), &source);
  }
}

static struct sure_bytes pack(struct arena *arena, const plugin_response *response) {
  size_t len = google__protobuf__compiler__code_generator_response__get_packed_size(response);
  uint8_t *bytes = arena_alloc(arena, len);
  google__protobuf__compiler__code_generator_response__pack(response, bytes);
  return (struct sure_bytes){bytes, len};
}

const char *generate(struct arena *arena, struct sure_bytes request,
                     struct sure_bytes *out_answer) {
  plugin_request *parsed;
  struct model model;
  const char *error = request_read(arena, request, &parsed);
  if (!error)
    error = model_build(arena, parsed, &model);
  if (error)
    return error;

  plugin_response response;
  google__protobuf__compiler__code_generator_response__init(&response);
  /* `optional` in proto3 changes nothing for us; whether the messages can have it is protoc-c's to
   * say, which refuses such files up to its version 1.5. */
  response.has_supported_features = true;
  response.supported_features =
      GOOGLE__PROTOBUF__COMPILER__CODE_GENERATOR_RESPONSE__FEATURE__FEATURE_PROTO3_OPTIONAL;
  struct text errors = {.arena = arena};
  if (parsed->parameter && *parsed->parameter)
    text_printf(&errors,
                "protoc-gen-sure has no parameter '%s': remove it from --sure_out or --sure_opt",
                parsed->parameter);
  if (verify(&model, &errors))
    emit_files(&model, &response);
  else
    response.error = errors.bytes;
  *out_answer = pack(arena, &response);
  return NULL;
}
