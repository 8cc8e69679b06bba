#include "codegen/names.h"

#include "codegen/text.h"

#include <stdlib.h>
#include <string.h>

/* Sorted. C17, C++20, and macros that <assert.h>, <errno.h>, <stdbool.h>, <stdio.h>, <threads.h> or
 * the compilers themselves define in lower case. */
/* clang-format off: one a line says nothing more. */
static const char *const reserved_words[] = {
    "alignas",
    "alignof",
    "and",
    "and_eq",
    "asm",
    "assert",
    "auto",
    "bitand",
    "bitor",
    "bool",
    "break",
    "case",
    "catch",
    "char",
    "char16_t",
    "char32_t",
    "char8_t",
    "class",
    "co_await",
    "co_return",
    "co_yield",
    "compl",
    "concept",
    "const",
    "const_cast",
    "consteval",
    "constexpr",
    "constinit",
    "continue",
    "decltype",
    "default",
    "delete",
    "do",
    "double",
    "dynamic_cast",
    "else",
    "enum",
    "errno",
    "explicit",
    "export",
    "extern",
    "false",
    "float",
    "for",
    "friend",
    "goto",
    "if",
    "inline",
    "int",
    "linux",
    "long",
    "mutable",
    "namespace",
    "new",
    "noexcept",
    "noreturn",
    "not",
    "not_eq",
    "nullptr",
    "operator",
    "or",
    "or_eq",
    "private",
    "protected",
    "public",
    "register",
    "reinterpret_cast",
    "requires",
    "restrict",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "static_assert",
    "static_cast",
    "stderr",
    "stdin",
    "stdout",
    "struct",
    "switch",
    "template",
    "this",
    "thread_local",
    "throw",
    "true",
    "try",
    "typedef",
    "typeid",
    "typename",
    "typeof",
    "union",
    "unix",
    "unsigned",
    "using",
    "virtual",
    "void",
    "volatile",
    "wchar_t",
    "while",
    "xor",
    "xor_eq",
};
/* clang-format on */

/* The locale must not change what is generated, so not <ctype.h>. */
static bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static char to_lower(char c) {
  return is_upper(c) ? (char)(c - 'A' + 'a') : c;
}

static char to_upper(char c) {
  return is_lower(c) ? (char)(c - 'a' + 'A') : c;
}

/* "bank_v1" is BankV1. */
static void add_camel(struct text *text, const char *piece, size_t len) {
  bool starts_word = true;
  for (size_t i = 0; i < len; i++) {
    if (piece[i] == '_') {
      starts_word = true;
      continue;
    }
    char c = starts_word ? to_upper(piece[i]) : piece[i];
    text_add_bytes(text, &c, 1);
    starts_word = false;
  }
}

/* "ChargeRequest" is charge_request, "IOError" is ioerror: only the first capital of a row starts
 * a word. */
static void add_lower(struct text *text, const char *piece, size_t len) {
  bool was_upper = true;
  for (size_t i = 0; i < len; i++) {
    bool upper = is_upper(piece[i]);
    if (upper && !was_upper)
      text_add(text, "_");
    char c = to_lower(piece[i]);
    text_add_bytes(text, &c, 1);
    was_upper = upper;
  }
}

/* Each piece between dots through `add_piece`, with "__" between them. */
static char *join_pieces(struct arena *arena, const char *full_name,
                         void (*add_piece)(struct text *, const char *, size_t)) {
  struct text text = {.arena = arena};
  text_add(&text, "");
  for (const char *piece = full_name; *piece;) {
    size_t len = strcspn(piece, ".");
    if (len > 0 && text.len > 0)
      text_add(&text, "__");
    add_piece(&text, piece, len);
    piece += len + (piece[len] == '.');
  }
  return text.bytes;
}

char *names_type(struct arena *arena, const char *full_name) {
  return join_pieces(arena, full_name, add_camel);
}

char *names_prefix(struct arena *arena, const char *full_name) {
  return join_pieces(arena, full_name, add_lower);
}

char *names_lower(struct arena *arena, const char *identifier) {
  return join_pieces(arena, identifier, add_lower);
}

static int compare_words(const void *word, const void *reserved) {
  return strcmp(word, *(const char *const *)reserved);
}

char *names_member(struct arena *arena, const char *identifier) {
  char *name = names_lower(arena, identifier);
  size_t count = sizeof(reserved_words) / sizeof(reserved_words[0]);
  if (bsearch(name, reserved_words, count, sizeof(reserved_words[0]), compare_words))
    name = arena_printf(arena, "%s_", name);
  return name;
}

char *names_guard(struct arena *arena, const char *file_name) {
  struct text text = {.arena = arena};
  for (const char *c = file_name; *c; c++) {
    if (is_upper(*c) || is_lower(*c) || is_digit(*c))
      text_add_bytes(&text, c, 1);
    else
      text_printf(&text, "_%02x", (unsigned)(unsigned char)*c);
  }
  return text.bytes;
}

char *names_stem(struct arena *arena, const char *file_name) {
  static const char *const endings[] = {".protodevel", ".proto"};
  size_t len = strlen(file_name);
  for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
    size_t ending_len = strlen(endings[i]);
    if (len >= ending_len && strcmp(file_name + len - ending_len, endings[i]) == 0)
      return arena_printf(arena, "%.*s", (int)(len - ending_len), file_name);
  }
  return arena_printf(arena, "%s", file_name);
}

bool names_is_identifier(const char *name) {
  if (!is_upper(*name) && !is_lower(*name) && *name != '_')
    return false;
  while (is_upper(*name) || is_lower(*name) || is_digit(*name) || *name == '_')
    name++;
  return *name == '\0';
}

bool names_is_dotted(const char *name) {
  bool at_start = true;
  for (; *name; name++) {
    if (*name == '.' ? at_start : at_start && is_digit(*name))
      return false;
    if (*name != '.' && !is_upper(*name) && !is_lower(*name) && !is_digit(*name) && *name != '_')
      return false;
    at_start = *name == '.';
  }
  return !at_start;
}
