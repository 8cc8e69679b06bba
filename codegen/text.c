#include "codegen/text.h"

#include "rpc/core/assert.h"

#include <stdio.h>
#include <string.h>

static void reserve(struct text *text, size_t more) {
  size_t needed = text->len + more + 1;
  if (needed <= text->capacity)
    return;
  size_t capacity = text->capacity ? text->capacity : 256;
  while (capacity < needed)
    capacity *= 2;
  char *bytes = arena_alloc(text->arena, capacity);
  if (text->len)
    memcpy(bytes, text->bytes, text->len);
  text->bytes = bytes;
  text->capacity = capacity;
}

void text_add_bytes(struct text *text, const char *bytes, size_t len) {
  reserve(text, len);
  memcpy(text->bytes + text->len, bytes, len);
  text->len += len;
  text->bytes[text->len] = '\0';
}

void text_add(struct text *text, const char *string) {
  text_add_bytes(text, string, strlen(string));
}

void text_vprintf(struct text *text, const char *format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  int len = vsnprintf(NULL, 0, format, arguments);
  sure__assert(len >= 0 && "our formats and their arguments are valid");
  reserve(text, (size_t)len);
  vsnprintf(text->bytes + text->len, (size_t)len + 1, format, again);
  text->len += (size_t)len;
  va_end(again);
}

void text_printf(struct text *text, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  text_vprintf(text, format, arguments);
  va_end(arguments);
}

static const char *value_of(const struct text_var *vars, const char *name, size_t len) {
  while (vars->name && (strncmp(vars->name, name, len) != 0 || vars->name[len] != '\0'))
    vars++;
  sure__assert(vars->name && "each name in a template has a value");
  return vars->value;
}

void text_fill(struct text *text, const char *template, const struct text_var *vars) {
  const char *at = template;
  for (const char *open; (open = strchr(at, '$'));) {
    const char *close = strchr(open + 1, '$');
    sure__assert(close && "a name in a template stands between two dollar signs");
    text_add_bytes(text, at, (size_t)(open - at));
    text_add(text, value_of(vars, open + 1, (size_t)(close - open - 1)));
    at = close + 1;
  }
  text_add(text, at);
}

const char *text_string(const struct text *text) {
  return text->bytes ? text->bytes : "";
}
