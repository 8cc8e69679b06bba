#include "results.h"

#include <inttypes.h>
#include <stdlib.h>

/* More intents than a load has. */
#define INTENTS_APART 1000000

/* The last line of a load's output is its result. */
static bool read_result(struct child *load, char *out_line, size_t len) {
  char line[1024];
  bool found = false;
  while (fgets(line, sizeof line, load->output) != NULL) {
    found = true;
    snprintf(out_line, len, "%s", line);
  }
  return found;
}

bool results_add(struct child *load, struct results *results, const char **out_why) {
  char line[1024] = "";
  bool has_result = read_result(load, line, sizeof line);
  int status = child_end(load, 0);
  child_fini(load);
  if (!has_result || status != 0) {
    fprintf(stderr, "bank-load ended with status %d: %s\n", status, line);
    *out_why = "a client could not bring all its payments to an end (see load.log)";
    return false;
  }
  uint64_t connects = child_number(line, "connects");
  results->charges += child_number(line, "charges");
  results->replayed += child_number(line, "replayed");
  results->joined += child_number(line, "joined");
  results->settled += child_number(line, "settled");
  results->reconnects += connects > LOAD_CONNECTIONS ? connects - LOAD_CONNECTIONS : 0;
  return true;
}

static bool append_journal(const char *path, uint64_t first_intent, FILE *out) {
  char line[512];
  FILE *in = fopen(path, "r");
  if (in == NULL) {
    return false;
  }
  while (fgets(line, sizeof line, in) != NULL) {
    char *rest = NULL;
    uint64_t intent = strtoull(line, &rest, 10);
    fprintf(out, "%" PRIu64 "%s", first_intent + intent, rest);
  }
  bool read = ferror(in) == 0;
  fclose(in);
  return read;
}

bool results_join_journals(unsigned count, const char *path) {
  FILE *out = fopen(path, "w");
  if (out == NULL) {
    return false;
  }
  bool joined = true;
  for (unsigned i = 0; joined && i < count; i++) {
    char journal[JOURNAL_NAME_LEN_MAX];
    cast_journal_name(i, journal);
    joined = append_journal(journal, (uint64_t)i * INTENTS_APART, out);
  }
  joined = ferror(out) == 0 && joined;
  return fclose(out) == 0 && joined;
}
