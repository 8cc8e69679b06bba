#include "journal.h"

#include <inttypes.h>
#include <string.h>

bool journal_write(FILE *file, const struct journal_line *line) {
  return fprintf(file, "%" PRIu64 "\t%s\t%s\t%" PRId64 "\n", line->intent, line->payment_id,
                 line->outcome, line->minor_units) > 0;
}

static bool is_outcome(const char *text) {
  return strcmp(text, "applied") == 0 || strcmp(text, "not-applied") == 0 ||
         strcmp(text, "unknown") == 0;
}

enum journal_read journal_read(FILE *file, struct journal_line *out_line) {
  char text[256];
  if (!fgets(text, sizeof text, file))
    return ferror(file) ? JOURNAL_MALFORMED : JOURNAL_END;
  /* A line without its end was cut short when the writer died, or is none of ours. */
  char *end = strchr(text, '\n');
  struct journal_line line;
  int used = 0;
  if (!end ||
      sscanf(text, "%" SCNu64 "\t%64[^\t\n]\t%64[^\t\n]\t%" SCNd64 "\n%n", &line.intent,
             line.payment_id, line.outcome, &line.minor_units, &used) != 4 ||
      text[used] != '\0' || !is_outcome(line.outcome))
    return JOURNAL_MALFORMED;
  *out_line = line;
  return JOURNAL_LINE;
}
