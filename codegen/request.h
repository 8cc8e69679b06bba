/* Reading protoc's request. */
#ifndef SURE_CODEGEN_REQUEST_H
#define SURE_CODEGEN_REQUEST_H

#include "codegen/arena.h"

#include <google/protobuf/compiler/plugin.pb-c.h>
#include <sure/base.h>

/* The largest request that is read. */
#define REQUEST_LEN_MAX ((size_t)64 * 1024 * 1024)

/* Unpack `bytes` into `arena`. Returns NULL, or what is wrong: too large, malformed, or nested so
 * deep that unpacking would exhaust the stack. */
const char *request_read(struct arena *arena, struct sure_bytes bytes,
                         Google__Protobuf__Compiler__CodeGeneratorRequest **out_request);

#endif
