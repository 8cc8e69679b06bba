/* The whole way from protoc's request to the answer: model, verify, emit. */
#ifndef SURE_CODEGEN_GENERATE_H
#define SURE_CODEGEN_GENERATE_H

#include "codegen/arena.h"

#include <sure/base.h>

/* Answer the CodeGeneratorRequest in `request` with a CodeGeneratorResponse, made in `arena`.
 * Mistakes in the .proto files are part of the answer. Returns NULL, or what is wrong with the
 * request itself; `*out_answer` is untouched then. */
const char *generate(struct arena *arena, struct sure_bytes request, struct sure_bytes *out_answer);

#endif
