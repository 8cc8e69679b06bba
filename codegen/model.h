/* What the generator knows of the .proto files: services, methods, messages, with types resolved,
 * options read and C names made. Built once, then only read. Everything lives in the arena, and
 * points into the request that protoc sent. */
#ifndef SURE_CODEGEN_MODEL_H
#define SURE_CODEGEN_MODEL_H

#include "codegen/arena.h"

#include <google/protobuf/compiler/plugin.pb-c.h>
#include <stdbool.h>
#include <sure/method.h>
#include <sure/options.pb-c.h>

/* A thing in a .proto, by its path in the FileDescriptorProto (field number, index, ...), which is
 * how SourceCodeInfo names things too. */
struct place {
  const struct file *file;
  const int32_t *path;
  size_t path_len;
};

struct field {
  const Google__Protobuf__FieldDescriptorProto *proto;
  const Sure__FieldOptions *options; /* never NULL */
  struct message *type;              /* of a message field; NULL for others */
};

struct message {
  const Google__Protobuf__DescriptorProto *proto;
  struct place place;
  const char *full_name;   /* "bank.v1.ChargeRequest" */
  const char *c_type;      /* "Bank__V1__ChargeRequest" */
  const char *c_prefix;    /* "bank__v1__charge_request" */
  struct field *fields;    /* as many as proto->n_field */
  const struct field *key; /* the first with idempotency_key, or NULL */
  bool is_request;         /* of any method in any file of the request */
  bool is_inside_request;  /* reached through the fields of one */
};

struct method {
  const Google__Protobuf__MethodDescriptorProto *proto;
  const Sure__MethodOptions *options; /* never NULL */
  struct place place;
  const char *full_name; /* "bank.v1.Bank/Charge" */
  const char *c_name;    /* "charge" */
  const char *c_member;  /* the same, with a "_" where C or C++ wants it */
  uint64_t id;
  enum sure_semantics semantics;
  struct message *request;
  struct message *reply;
};

struct service {
  const Google__Protobuf__ServiceDescriptorProto *proto;
  struct place place;
  const char *full_name; /* "bank.v1.Bank" */
  const char *c_prefix;  /* "bank__v1__bank" */
  struct method *methods;
  size_t method_count;
};

struct file {
  const Google__Protobuf__FileDescriptorProto *proto;
  const char *stem;      /* the name without ".proto" */
  const char *c_package; /* protobuf-c's option that replaces the package in C names, or NULL */
  bool has_no_pb_c;      /* protobuf-c's option no_generate */
  bool is_target;        /* protoc wants code for it */
  struct service *services;
  size_t service_count;
  struct message *messages; /* nested ones too, each after the one it is in */
  size_t message_count;
};

struct model {
  struct arena *arena;
  struct file *files;
  size_t file_count;
  struct message **messages; /* of all files, sorted by full_name */
  size_t message_count;
};

/* Returns NULL, or what is wrong with the request: nothing that a .proto could cause, for protoc
 * checks those things before. */
const char *model_build(struct arena *arena,
                        const Google__Protobuf__Compiler__CodeGeneratorRequest *request,
                        struct model *out_model);

/* The place that lies `steps` below another. */
struct place place_below(struct arena *arena, struct place place, const int32_t *steps,
                         size_t step_count);
/* The same for the index-th item of the repeated field `number`. */
struct place place_item(struct arena *arena, struct place place, int32_t number, size_t index);
/* The place of a field of `message`. */
struct place place_of_field(struct arena *arena, const struct message *message,
                            const struct field *field);

/* The fully qualified name in C's scheme starts from this one (c_package in place of the package).
 */
const char *file_c_full_name(struct arena *arena, const struct file *file, const char *full_name);

#endif
