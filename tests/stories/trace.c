/* The trace: telling lines, and comparing them with what a story expects. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/stories/stage.h"

enum { TRACE_LEN_MAX = 16 * 1024, LINES_MAX = 128 };

static char trace[TRACE_LEN_MAX];
static size_t trace_len;
static const char *awaited;
static void (*awaited_action)(void);
static bool is_due;

void trace_begin(void) {
  trace_len = 0;
  trace[0] = '\0';
  awaited = NULL;
  is_due = false;
}

void tell(const char *format, ...) {
  char *line = trace + trace_len;
  size_t room = sizeof trace - trace_len;
  int len = snprintf(line, room, "[%4llu] ", (unsigned long long)(stage_now_ms() - stage.begin_ms));
  char *text = line + len;
  va_list arguments;
  va_start(arguments, format);
  len += vsnprintf(text, room - (size_t)len, format, arguments);
  va_end(arguments);
  assert_true((size_t)len + 2 < room);
  if (awaited != NULL && strncmp(text, awaited, strlen(awaited)) == 0) {
    awaited = NULL;
    is_due = true;
  }
  line[len] = '\n';
  line[len + 1] = '\0';
  trace_len += (size_t)len + 1;
}

void as_soon_as(const char *line, void (*action)(void)) {
  assert_null(awaited);
  awaited = line;
  awaited_action = action;
}

void trace_do_what_is_due(void) {
  if (is_due) {
    is_due = false;
    awaited_action();
  }
}

/* ---- the comparison ---- */

struct lines {
  const char *begin[LINES_MAX];
  size_t len[LINES_MAX];
  size_t count;
};

static struct lines split(const char *text) {
  struct lines lines = {.count = 0};
  while (*text != '\0') {
    assert_true(lines.count < LINES_MAX);
    size_t len = strcspn(text, "\n");
    lines.begin[lines.count] = text;
    lines.len[lines.count++] = len;
    text += len + (text[len] == '\n');
  }
  return lines;
}

static bool is_same(const struct lines *a, size_t i, const struct lines *b, size_t j) {
  return a->len[i] == b->len[j] && memcmp(a->begin[i], b->begin[j], a->len[i]) == 0;
}

static void print_line(char mark, const struct lines *lines, size_t i) {
  print_error("%c %.*s\n", mark, (int)lines->len[i], lines->begin[i]);
}

/* Prints both with their longest common subsequence told once. */
static void print_differences(const struct lines *expected, const struct lines *told) {
  static unsigned common[LINES_MAX + 1][LINES_MAX + 1]; /* of what follows line i and line j */
  memset(common, 0, sizeof common);
  for (size_t i = expected->count; i-- > 0;) {
    for (size_t j = told->count; j-- > 0;) {
      unsigned skipped = common[i + 1][j] > common[i][j + 1] ? common[i + 1][j] : common[i][j + 1];
      common[i][j] = is_same(expected, i, told, j) ? common[i + 1][j + 1] + 1 : skipped;
    }
  }
  size_t i = 0;
  size_t j = 0;
  while (i < expected->count || j < told->count) {
    if (i < expected->count && j < told->count && is_same(expected, i, told, j)) {
      print_line(' ', told, j++);
      i++;
    } else if (j == told->count || (i < expected->count && common[i + 1][j] >= common[i][j + 1])) {
      print_line('-', expected, i++);
    } else {
      print_line('+', told, j++);
    }
  }
}

/* As C source, to be pasted. */
static void print_as_string(const struct lines *lines) {
  for (size_t i = 0; i < lines->count; i++) {
    print_message("      \"%.*s\\n\"\n", (int)lines->len[i], lines->begin[i]);
  }
}

void expect_story_at(const char *text, const char *file, int line) {
  struct lines told = split(trace);
  if (awaited != NULL) {
    print_error("this has never come: %s\n", awaited);
    _fail(file, line);
  }
  if (getenv("STORY_PRINT") != NULL) {
    print_as_string(&told);
  }
  if (strcmp(trace, text) != 0) {
    struct lines expected = split(text);
    print_error("the story goes otherwise (- expected, + told):\n");
    print_differences(&expected, &told);
    _fail(file, line);
  }
}
