#include "codegen/verify.h"

#include "codegen/source_info.h"

#include <stdarg.h>

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

bool verify(const struct model *model, struct text *errors) {
  (void)model;
  return errors->len == 0;
}
