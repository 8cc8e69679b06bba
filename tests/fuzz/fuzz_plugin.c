/* The whole generator on arbitrary bytes: request, model, verify, emit.
 *
 * The seeds in corpus/plugin are CodeGeneratorRequests; corpus/make_plugin_seeds.sh made them. */
#include "codegen/generate.h"
#include "codegen/wire.h"
#include "rpc/core/assert.h"

#include <google/protobuf/compiler/plugin.pb-c.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct arena arena = {0};
  struct sure_bytes answer;
  if (!generate(&arena, (struct sure_bytes){data, size}, &answer)) {
    ProtobufCAllocator allocator = arena_allocator(&arena);
    sure__assert(google__protobuf__compiler__code_generator_response__unpack(&allocator, answer.len,
                                                                             answer.data) &&
                 "what we answer can be read");
  }
  arena_fini(&arena);
  return 0;
}
