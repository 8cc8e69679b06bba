#include "codegen/request.h"

#include "codegen/wire.h"

const char *request_read(struct arena *arena, struct sure_bytes bytes,
                         Google__Protobuf__Compiler__CodeGeneratorRequest **out_request) {
  if (bytes.len > REQUEST_LEN_MAX)
    return "the request is larger than 64 MiB";
  if (!wire_is_shallow(&google__protobuf__compiler__code_generator_request__descriptor, bytes))
    return "the request is no CodeGeneratorRequest, or nests too deep";
  ProtobufCAllocator allocator = arena_allocator(arena);
  Google__Protobuf__Compiler__CodeGeneratorRequest *request =
      google__protobuf__compiler__code_generator_request__unpack(&allocator, bytes.len, bytes.data);
  if (!request)
    return "the request is no CodeGeneratorRequest";
  *out_request = request;
  return NULL;
}
