#include "codegen/verify.h"

#include "codegen/source_info.h"

#include <stdarg.h>

/* Field numbers, for paths: of descriptor.proto and protobuf-c/protobuf-c.proto. */
enum {
  FILE_OPTIONS = 8,
  FILE_OPTIONS_PB_C_FILE = 1019,
  PB_C_FILE_NO_GENERATE = 1,
};

void verify_fail(struct text *errors, struct place place, const char *format, ...) {
  struct position position = source_position(place);
  if (errors->len > 0)
    text_add(errors, "\n");
  text_printf(errors, "%s:%d:%d: ", place.file->proto->name, position.line, position.column);
  va_list arguments;
  va_start(arguments, format);
  text_vprintf(errors, format, arguments);
  va_end(arguments);
}

static void verify_file(const struct file *file, struct text *errors) {
  if (file->has_no_pb_c && file->service_count > 0)
    verify_fail(
        errors,
        place_below(errors->arena, (struct place){.file = file},
                    (int32_t[]){FILE_OPTIONS, FILE_OPTIONS_PB_C_FILE, PB_C_FILE_NO_GENERATE}, 3),
        "no_generate keeps protoc-c from writing the messages that the services need: "
        "remove it");
  for (size_t s = 0; s < file->service_count; s++)
    for (size_t m = 0; m < file->services[s].method_count; m++)
      verify_options(&file->services[s].methods[m], errors);
}

bool verify(const struct model *model, struct text *errors) {
  for (size_t i = 0; i < model->file_count; i++)
    if (model->files[i].is_target)
      verify_file(&model->files[i], errors);
  verify_keys(model, errors);
  verify_symbols(model, errors);
  return errors->len == 0;
}
