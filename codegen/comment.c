#include "codegen/comment.h"

#include <string.h>

#define COLUMN_MAX 96

struct writer {
  struct text *out;
  const char *indent;
  bool is_open;
};

/* Starts a line of the comment; its text follows. */
static void start_line(struct writer *writer) {
  if (writer->is_open)
    text_add(writer->out, "\n");
  text_printf(writer->out, "%s%s", writer->indent, writer->is_open ? " *" : "/*");
  writer->is_open = true;
}

void comment_add_line(struct text *out, const char *line, size_t len) {
  char last = '\0';
  for (size_t i = 0; i < len; i++) {
    if ((unsigned char)line[i] < ' ' && line[i] != '\t')
      continue;
    if ((last == '*' && line[i] == '/') || (last == '/' && line[i] == '*'))
      text_add(out, " ");
    text_add_bytes(out, line + i, 1);
    last = line[i];
  }
}

static void write_proto_lines(struct writer *writer, const char *lines) {
  while (lines && *lines) {
    size_t len = strcspn(lines, "\n");
    size_t kept = len;
    while (kept > 0 && (lines[kept - 1] == ' ' || lines[kept - 1] == '\r'))
      kept--;
    start_line(writer);
    if (kept > 0 && lines[0] != ' ')
      text_add(writer->out, " ");
    comment_add_line(writer->out, lines, kept);
    lines += len + (lines[len] == '\n');
  }
}

static void write_wrapped(struct writer *writer, const char *words) {
  size_t column = COLUMN_MAX;
  while (*words) {
    size_t len = strcspn(words, " ");
    if (column + 1 + len > COLUMN_MAX) {
      start_line(writer);
      column = strlen(writer->indent) + 2;
    }
    text_add(writer->out, " ");
    text_add_bytes(writer->out, words, len);
    column += 1 + len;
    words += len + (words[len] == ' ');
  }
}

void comment_emit(struct text *out, const char *indent, struct place place, const char *contract) {
  struct comments comments = source_comments(place);
  struct writer writer = {.out = out, .indent = indent};
  write_proto_lines(&writer, comments.leading);
  write_proto_lines(&writer, comments.trailing);
  if (writer.is_open && *contract)
    start_line(&writer);
  write_wrapped(&writer, contract);
  if (writer.is_open)
    text_add(out, " */\n");
}
