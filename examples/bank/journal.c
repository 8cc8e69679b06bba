#include "journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool journal_write(FILE *file, const struct journal_line *line) {
  return fprintf(file, "%" PRIu64 "\t%s\t%s\t%" PRId64 "\n", line->intent, line->payment_id,
                 line->outcome, line->minor_units) > 0;
}

static bool is_outcome(const char *text) {
  return strcmp(text, "applied") == 0 || strcmp(text, "not-applied") == 0 ||
         strcmp(text, "unknown") == 0;
}

/* Ends `text` at the next `separator` and moves on behind it; NULL if there is none. */
static char *take_field(char **text, char separator) {
  char *field = *text;
  char *end = strchr(field, separator);
  if (!end) {
    return NULL;
  }
  *end = '\0';
  *text = end + 1;
  return field;
}

static bool parse_int(const char *text, int64_t *out_number) {
  char *end;
  errno = 0;
  long long number = strtoll(text, &end, 10);
  if (errno || end == text || *end != '\0') {
    return false;
  }
  *out_number = number;
  return true;
}

static bool parse_line(char *text, struct journal_line *out_line) {
  const char *intent = take_field(&text, '\t');
  const char *payment_id = intent ? take_field(&text, '\t') : NULL;
  const char *outcome = payment_id ? take_field(&text, '\t') : NULL;
  const char *minor_units = outcome ? take_field(&text, '\n') : NULL;
  int64_t number;
  if (!minor_units || !parse_int(intent, &number) || number < 0 || !name_is_valid(payment_id) ||
      !is_outcome(outcome) || !parse_int(minor_units, &out_line->minor_units)) {
    return false;
  }
  out_line->intent = (uint64_t)number;
  snprintf(out_line->payment_id, sizeof out_line->payment_id, "%s", payment_id);
  snprintf(out_line->outcome, sizeof out_line->outcome, "%s", outcome);
  return true;
}

/* A line without its end was cut short when the writer died, or is none of ours. */
enum journal_read journal_read(FILE *file, struct journal_line *out_line) {
  char text[256];
  if (!fgets(text, sizeof text, file)) {
    return ferror(file) ? JOURNAL_MALFORMED : JOURNAL_END;
  }
  struct journal_line line;
  if (!parse_line(text, &line)) {
    return JOURNAL_MALFORMED;
  }
  *out_line = line;
  return JOURNAL_LINE;
}
