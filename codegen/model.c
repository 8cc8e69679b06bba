#include "codegen/model.h"

#include "codegen/names.h"
#include "codegen/options.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* Field numbers of descriptor.proto, for paths. */
#define FILE_MESSAGE_TYPE   4
#define FILE_SERVICE        6
#define MESSAGE_FIELD       2
#define MESSAGE_NESTED_TYPE 3
#define SERVICE_METHOD      2

typedef Google__Protobuf__Compiler__CodeGeneratorRequest plugin_request;

struct place place_below(struct arena *arena, struct place place, const int32_t *steps,
                         size_t step_count) {
  int32_t *path = arena_array(arena, place.path_len + step_count, sizeof(*path));
  if (place.path_len > 0)
    memcpy(path, place.path, place.path_len * sizeof(*path));
  memcpy(path + place.path_len, steps, step_count * sizeof(*path));
  return (struct place){place.file, path, place.path_len + step_count};
}

struct place place_item(struct arena *arena, struct place place, int32_t number, size_t index) {
  return place_below(arena, place, (int32_t[]){number, (int32_t)index}, 2);
}

struct place place_of_field(struct arena *arena, const struct message *message,
                            const struct field *field) {
  return place_item(arena, message->place, MESSAGE_FIELD, (size_t)(field - message->fields));
}

const char *file_c_full_name(struct arena *arena, const struct file *file, const char *full_name) {
  if (!file->c_package)
    return full_name;
  const char *package = file->proto->package ? file->proto->package : "";
  return arena_printf(arena, "%s%s%s", file->c_package, *package ? "" : ".",
                      full_name + strlen(package));
}

static const char *qualify(struct arena *arena, const char *scope, const char *name) {
  return scope && *scope ? arena_printf(arena, "%s.%s", scope, name) : name;
}

/* ---- messages ---- */

static size_t count_messages(Google__Protobuf__DescriptorProto *const *protos, size_t count) {
  size_t total = count;
  for (size_t i = 0; i < count; i++)
    total += count_messages(protos[i]->nested_type, protos[i]->n_nested_type);
  return total;
}

static const char *build_fields(struct arena *arena, struct message *message) {
  message->fields = arena_array(arena, message->proto->n_field, sizeof(*message->fields));
  for (size_t i = 0; i < message->proto->n_field; i++) {
    struct field *field = &message->fields[i];
    field->proto = message->proto->field[i];
    if (!field->proto->name || !names_is_identifier(field->proto->name))
      return "a field has no proper name";
    field->options = options_of_field(arena, field->proto->options);
    if (!field->options)
      return "(sure.field) of a field can't be read";
    if (field->options->idempotency_key && !message->key)
      message->key = field;
  }
  return NULL;
}

/* Appends `protos` and all that is nested in them to the messages of `file`. The nesting is
 * bounded: the request was checked to be shallow. */
static const char *build_messages(struct arena *arena, struct file *file, const char *scope,
                                  struct place outer, int32_t number,
                                  Google__Protobuf__DescriptorProto *const *protos, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (!protos[i]->name || !names_is_identifier(protos[i]->name))
      return "a message has no proper name";
    struct message *message = &file->messages[file->message_count++];
    message->proto = protos[i];
    message->place = place_item(arena, outer, number, i);
    message->full_name = qualify(arena, scope, protos[i]->name);
    const char *c_full_name = file_c_full_name(arena, file, message->full_name);
    message->c_type = names_type(arena, c_full_name);
    message->c_prefix = names_prefix(arena, c_full_name);
    const char *error = build_fields(arena, message);
    if (!error)
      error = build_messages(arena, file, message->full_name, message->place, MESSAGE_NESTED_TYPE,
                             protos[i]->nested_type, protos[i]->n_nested_type);
    if (error)
      return error;
  }
  return NULL;
}

static int compare_messages(const void *left, const void *right) {
  const struct message *const *a = left;
  const struct message *const *b = right;
  return strcmp((*a)->full_name, (*b)->full_name);
}

static void index_messages(struct model *model) {
  for (size_t i = 0; i < model->file_count; i++)
    model->message_count += model->files[i].message_count;
  model->messages = arena_array(model->arena, model->message_count, sizeof(*model->messages));
  size_t count = 0;
  for (size_t i = 0; i < model->file_count; i++)
    for (size_t m = 0; m < model->files[i].message_count; m++)
      model->messages[count++] = &model->files[i].messages[m];
  qsort(model->messages, count, sizeof(*model->messages), compare_messages);
}

/* `type_name` is fully qualified and begins with a dot. */
static struct message *find_message(const struct model *model, const char *type_name) {
  if (!type_name || *type_name != '.')
    return NULL;
  struct message wanted = {.full_name = type_name + 1};
  struct message *key = &wanted;
  struct message **found = bsearch(&key, model->messages, model->message_count,
                                   sizeof(*model->messages), compare_messages);
  return found ? *found : NULL;
}

static const char *resolve_fields(const struct model *model) {
  for (size_t m = 0; m < model->message_count; m++) {
    struct message *message = model->messages[m];
    for (size_t i = 0; i < message->proto->n_field; i++) {
      struct field *field = &message->fields[i];
      if (field->proto->type != GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_MESSAGE)
        continue;
      field->type = find_message(model, field->proto->type_name);
      if (!field->type)
        return "a field's message type is missing";
    }
  }
  return NULL;
}

/* ---- services ---- */

static enum sure_semantics semantics_of(const struct method *method) {
  const Google__Protobuf__MethodOptions *standard = method->proto->options;
  if (standard && standard->idempotency_level ==
                      GOOGLE__PROTOBUF__METHOD_OPTIONS__IDEMPOTENCY_LEVEL__NO_SIDE_EFFECTS)
    return SURE_NO_SIDE_EFFECTS;
  switch (method->options->semantics) {
  case SURE__METHOD_OPTIONS__SEMANTICS__AT_LEAST_ONCE:
    return SURE_AT_LEAST_ONCE;
  case SURE__METHOD_OPTIONS__SEMANTICS__AT_MOST_ONCE:
    return SURE_AT_MOST_ONCE;
  default: /* a number that is none of ours is left to verify */
    return SURE_EXACTLY_ONCE;
  }
}

static const char *build_method(struct model *model, const struct service *service, size_t index,
                                struct method *method) {
  method->proto = service->proto->method[index];
  if (!method->proto->name || !names_is_identifier(method->proto->name))
    return "a method has no proper name";
  method->place = place_item(model->arena, service->place, SERVICE_METHOD, index);
  method->full_name = arena_printf(model->arena, "%s/%s", service->full_name, method->proto->name);
  method->c_name = names_lower(model->arena, method->proto->name);
  method->c_member = names_member(model->arena, method->proto->name);
  method->id = XXH3_64bits(method->full_name, strlen(method->full_name));
  method->request = find_message(model, method->proto->input_type);
  method->reply = find_message(model, method->proto->output_type);
  if (!method->request || !method->reply)
    return "a method's message type is missing";
  method->request->is_request = true;
  method->options = options_of_method(model->arena, method->proto->options);
  if (!method->options)
    return "(sure.method) of a method can't be read";
  method->semantics = semantics_of(method);
  return NULL;
}

static const char *build_service(struct model *model, const struct file *file, size_t index,
                                 struct service *service) {
  service->proto = file->proto->service[index];
  if (!service->proto->name || !names_is_identifier(service->proto->name))
    return "a service has no proper name";
  service->place = place_item(model->arena, (struct place){.file = file}, FILE_SERVICE, index);
  service->full_name = qualify(model->arena, file->proto->package, service->proto->name);
  service->c_prefix =
      names_prefix(model->arena, file_c_full_name(model->arena, file, service->full_name));
  service->method_count = service->proto->n_method;
  service->methods = arena_array(model->arena, service->method_count, sizeof(*service->methods));
  for (size_t i = 0; i < service->method_count; i++) {
    const char *error = build_method(model, service, i, &service->methods[i]);
    if (error)
      return error;
  }
  return NULL;
}

static const char *build_services(struct model *model, struct file *file) {
  file->service_count = file->proto->n_service;
  file->services = arena_array(model->arena, file->service_count, sizeof(*file->services));
  for (size_t i = 0; i < file->service_count; i++) {
    const char *error = build_service(model, file, i, &file->services[i]);
    if (error)
      return error;
  }
  return NULL;
}

/* ---- files ---- */

/* It is written into #include lines and comments. */
static bool is_plain_file_name(const char *name) {
  for (const char *c = name; *c; c++)
    if ((unsigned char)*c < ' ' || *c == '"' || *c == '\\')
      return false;
  return *name != '\0';
}

static const char *build_file(struct arena *arena,
                              const Google__Protobuf__FileDescriptorProto *proto,
                              struct file *file) {
  file->proto = proto;
  if (!proto->name || !is_plain_file_name(proto->name))
    return "a file has no name that an #include line can hold";
  if (proto->package && *proto->package && !names_is_dotted(proto->package))
    return "a package has no proper name";
  file->stem = names_stem(arena, proto->name);
  struct options_pb_c pb_c;
  if (!options_of_pb_c(arena, proto->options, &pb_c) ||
      (pb_c.c_package && !names_is_dotted(pb_c.c_package)))
    return "pb_c_file of a file can't be read";
  file->has_no_pb_c = pb_c.no_generate;
  file->c_package = pb_c.c_package;
  file->messages = arena_array(arena, count_messages(proto->message_type, proto->n_message_type),
                               sizeof(*file->messages));
  return build_messages(arena, file, proto->package, (struct place){.file = file},
                        FILE_MESSAGE_TYPE, proto->message_type, proto->n_message_type);
}

static bool mark_target(struct model *model, const char *name) {
  for (size_t i = 0; i < model->file_count; i++) {
    if (strcmp(model->files[i].proto->name, name) == 0) {
      model->files[i].is_target = true;
      return true;
    }
  }
  return false;
}

static const char *build_files(struct model *model, const plugin_request *request) {
  model->file_count = request->n_proto_file;
  model->files = arena_array(model->arena, model->file_count, sizeof(*model->files));
  for (size_t i = 0; i < model->file_count; i++) {
    const char *error = build_file(model->arena, request->proto_file[i], &model->files[i]);
    if (error)
      return error;
  }
  for (size_t i = 0; i < request->n_file_to_generate; i++)
    if (!mark_target(model, request->file_to_generate[i]))
      return "a file to generate is not described";
  return NULL;
}

/* Marks what can be reached from requests. A queue and not recursion: a chain of types can be as
 * long as the request. */
static void mark_inside_requests(struct model *model) {
  const struct message **queue =
      arena_array(model->arena, 2 * model->message_count, sizeof(struct message *));
  size_t count = 0;
  for (size_t i = 0; i < model->message_count; i++)
    if (model->messages[i]->is_request)
      queue[count++] = model->messages[i];
  for (size_t next = 0; next < count; next++) {
    for (size_t i = 0; i < queue[next]->proto->n_field; i++) {
      struct message *type = queue[next]->fields[i].type;
      if (!type || type->is_inside_request)
        continue;
      type->is_inside_request = true;
      queue[count++] = type;
    }
  }
}

const char *model_build(struct arena *arena, const plugin_request *request,
                        struct model *out_model) {
  struct model model = {.arena = arena};
  const char *error = build_files(&model, request);
  if (error)
    return error;
  index_messages(&model);
  error = resolve_fields(&model);
  for (size_t i = 0; i < model.file_count && !error; i++)
    error = build_services(&model, &model.files[i]);
  if (error)
    return error;
  mark_inside_requests(&model);
  *out_model = model;
  return NULL;
}
