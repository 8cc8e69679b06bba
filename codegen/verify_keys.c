/* Whether idempotency keys stand where they have an effect.
 *
 * The runtime reads the key from the request itself. A key in a message that is no request would be
 * passed over in silence, and a retry by another process would run twice; so it is an error where
 * we can know: in a file that declares services, and in a message that lies inside some request. A
 * file of types alone, or a message that is a request of another method, is allowed. */
#include "codegen/options.h"
#include "codegen/source_info.h"
#include "codegen/verify.h"

/* Field numbers, for paths. */
enum {
  METHOD_OPTIONS = 4,
  METHOD_OPTIONS_IDEMPOTENCY_LEVEL = 34,
  OPTION_SEMANTICS = 1,
  FIELD_OPTIONS = 8,
  OPTION_IDEMPOTENCY_KEY = 1,
};

static void fail_at_key(struct text *errors, const struct message *message,
                        const struct field *field, const char *what) {
  struct place place =
      place_below(errors->arena, place_of_field(errors->arena, message, field),
                  (int32_t[]){FIELD_OPTIONS, OPTIONS_NUMBER, OPTION_IDEMPOTENCY_KEY}, 3);
  verify_fail(errors, place, "field %s can't be the idempotency key: %s", field->proto->name, what);
}

static bool is_key_type(Google__Protobuf__FieldDescriptorProto__Type type) {
  switch (type) {
  case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_INT64:
  case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_UINT64:
  case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_INT32:
  case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_FIXED64:
  case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_FIXED32:
  case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_STRING:
  case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_BYTES:
  case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_UINT32:
  case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_SFIXED32:
  case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_SFIXED64:
  case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_SINT32:
  case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_SINT64:
    return true;
  default: /* bool, enum, float, double, message, group, and numbers that protoc may add */
    return false;
  }
}

static void check_key(struct text *errors, const struct message *message,
                      const struct field *field) {
  const Google__Protobuf__FieldDescriptorProto *proto = field->proto;
  if (proto->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED)
    fail_at_key(errors, message, field, "it is repeated; use one string, bytes or integer field");
  else if (!is_key_type(proto->type))
    fail_at_key(errors, message, field,
                "its type does not name a call; use a string, bytes or "
                "integer field");
  else if (proto->has_oneof_index && !proto->proto3_optional)
    fail_at_key(errors, message, field, "it is in a oneof and may be missing; move it out");
  if (message->key != field)
    fail_at_key(errors, message, field,
                arena_printf(errors->arena, "%s is it already; remove one of the two",
                             message->key->proto->name));
  if (field->options->base.n_unknown_fields > 0)
    fail_at_key(errors, message, field,
                "it has options that this protoc-gen-sure does not know; "
                "use the one that came with your sure/options.proto");
}

static void check_fields(struct text *errors, const struct message *message) {
  for (size_t i = 0; i < message->proto->n_field; i++)
    if (message->fields[i].options->idempotency_key)
      check_key(errors, message, &message->fields[i]);
}

static void check_is_seen(struct text *errors, const struct message *message) {
  const struct file *file = message->place.file;
  if (!message->key || message->is_request)
    return;
  if (message->is_inside_request)
    fail_at_key(errors, message, message->key,
                "its message lies inside a request and is none itself; move the field to the "
                "request");
  else if (file->is_target && file->service_count > 0)
    fail_at_key(errors, message, message->key,
                "no method has its message as the request; move the field to a request or remove "
                "the option");
}

/* Where it is said that the method is not EXACTLY_ONCE. */
static struct place place_of_semantics(struct arena *arena, const struct method *method) {
  static const int32_t level[] = {METHOD_OPTIONS, METHOD_OPTIONS_IDEMPOTENCY_LEVEL};
  static const int32_t semantics[] = {METHOD_OPTIONS, OPTIONS_NUMBER, OPTION_SEMANTICS};
  if (method->semantics == SURE_NO_SIDE_EFFECTS)
    return place_below(arena, method->place, level, 2);
  return place_below(arena, method->place, semantics, 3);
}

/* A key promises one effect; what is not EXACTLY_ONCE promises something else. */
static void check_method(struct text *errors, const struct method *method) {
  const struct field *key = method->request->key;
  if (!key || method->semantics == SURE_EXACTLY_ONCE)
    return;
  verify_fail(errors, place_of_semantics(errors->arena, method),
              "%s contradicts the idempotency key %s in request %s, which promises one effect: "
              "make the method EXACTLY_ONCE or give it a request without a key",
              method->semantics == SURE_NO_SIDE_EFFECTS ? "NO_SIDE_EFFECTS" : "semantics",
              key->proto->name, method->request->full_name);
}

static void check_methods(struct text *errors, const struct file *file) {
  for (size_t s = 0; s < file->service_count; s++)
    for (size_t m = 0; m < file->services[s].method_count; m++)
      check_method(errors, &file->services[s].methods[m]);
}

void verify_keys(const struct model *model, struct text *errors) {
  for (size_t i = 0; i < model->file_count; i++) {
    const struct file *file = &model->files[i];
    if (file->is_target)
      check_methods(errors, file);
    for (size_t m = 0; m < file->message_count; m++) {
      const struct message *message = &file->messages[m];
      if (file->is_target || message->is_request)
        check_fields(errors, message);
      check_is_seen(errors, message);
    }
  }
}
