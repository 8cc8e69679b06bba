/* Options that protobuf-c knows nothing of, read out of the unknown fields of the standard ones. */
#ifndef SURE_CODEGEN_OPTIONS_H
#define SURE_CODEGEN_OPTIONS_H

#include "codegen/arena.h"

#include <google/protobuf/descriptor.pb-c.h>
#include <stdbool.h>
#include <sure/options.pb-c.h>

/* The number of (sure.method) and (sure.field). */
#define OPTIONS_NUMBER 57873

/* (sure.method) or (sure.field) of `standard`, which may be NULL: then everything is unset. NULL if
 * the bytes can't be read. */
const Sure__MethodOptions *options_of_method(struct arena *arena,
                                             const Google__Protobuf__MethodOptions *standard);
const Sure__FieldOptions *options_of_field(struct arena *arena,
                                           const Google__Protobuf__FieldOptions *standard);

/* What protoc-c is told about a file (pb_c_file in protobuf-c/protobuf-c.proto). */
struct options_pb_c {
  bool no_generate;
  const char *c_package; /* NULL if not given */
};
/* False if the bytes can't be read. */
bool options_of_pb_c(struct arena *arena, const Google__Protobuf__FileOptions *standard,
                     struct options_pb_c *out_options);

#endif
