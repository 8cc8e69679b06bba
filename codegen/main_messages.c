/* protoc-gen-c-messages: protoc-gen-c without the services.
 *
 * protoc-c declares every service in a way of its own, for a runtime that we don't use, with method
 * names as names of struct members: a method Delete makes its header unusable for C++, a method
 * Switch for C too. So this plugin takes the services out of protoc's request and becomes
 * protoc-gen-c, with the rest of the request as its stdin. */
#include "codegen/request.h"
#include "codegen/stdio_bytes.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

typedef Google__Protobuf__Compiler__CodeGeneratorRequest plugin_request;

static struct sure_bytes pack_without_services(struct arena *arena, plugin_request *request) {
  for (size_t i = 0; i < request->n_proto_file; i++)
    request->proto_file[i]->n_service = 0;
  size_t len = google__protobuf__compiler__code_generator_request__get_packed_size(request);
  uint8_t *bytes = arena_alloc(arena, len);
  google__protobuf__compiler__code_generator_request__pack(request, bytes);
  return (struct sure_bytes){bytes, len};
}

/* A file and not a pipe: nobody has to stay behind to fill it. */
static const char *put_on_stdin(struct arena *arena, struct sure_bytes bytes) {
  FILE *file = tmpfile();
  if (!file)
    return arena_printf(arena, "can't make a temporary file: %s", strerror(errno));
  const char *error = stdio_write_all(arena, file, bytes);
  if (error)
    return error;
  if (lseek(fileno(file), 0, SEEK_SET) != 0 || dup2(fileno(file), STDIN_FILENO) < 0)
    return arena_printf(arena, "can't pass the request on: %s", strerror(errno));
  return NULL;
}

int main(void) {
  struct arena arena = {0};
  struct sure_bytes bytes;
  plugin_request *request;
  const char *error = stdio_read_all(&arena, REQUEST_LEN_MAX, &bytes);
  if (!error)
    error = request_read(&arena, bytes, &request);
  if (!error)
    error = put_on_stdin(&arena, pack_without_services(&arena, request));
  if (!error) {
    execlp(SURE_PROTOC_GEN_C, "protoc-gen-c", (char *)NULL);
    error = arena_printf(&arena, "can't run " SURE_PROTOC_GEN_C ": %s", strerror(errno));
  }
  fprintf(stderr, "protoc-gen-c-messages: %s\n", error);
  arena_fini(&arena);
  return 1;
}
