/* Text that grows, and templates with named places. */
#ifndef SURE_CODEGEN_TEXT_H
#define SURE_CODEGEN_TEXT_H

#include "codegen/arena.h"

#include <stdarg.h>

struct text {
  struct arena *arena;
  char *bytes; /* NUL-terminated once something was added */
  size_t len;
  size_t capacity;
};

/* One value of a template. */
struct text_var {
  const char *name;
  const char *value;
};

void text_add_bytes(struct text *text, const char *bytes, size_t len);
void text_add(struct text *text, const char *string);
void text_printf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_vprintf(struct text *text, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

/* Add `template` with each $name$ replaced by its value in `vars`, which ends with a NULL name.
 * A name that is not in there is a mistake in our own template, and asserted. */
void text_fill(struct text *text, const char *template, const struct text_var *vars);

/* The text so far; "" if there is none. Valid until more is added. */
const char *text_string(const struct text *text);

#endif
