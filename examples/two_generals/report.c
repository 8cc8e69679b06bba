#include "report.h"

#include <inttypes.h>

const char *retry_kind_name(enum retry_kind kind) {
  switch (kind) {
  case RETRY_AT_LEAST_ONCE:
    return "retry without dedup";
  case RETRY_AT_MOST_ONCE:
    return "no retry";
  case RETRY_EXACTLY_ONCE:
    return "exactly once";
  }
  return "?";
}

static void write_row(FILE *out, enum retry_kind kind, double loss, const struct tally *tally) {
  fprintf(out,
          "%-20s %5.1f %% %7" PRIu64 " %9" PRIu64 " %8" PRIu64 " %6" PRIu64 " %8" PRIu64
          " %8" PRIu64 " %8" PRIu64 "\n",
          retry_kind_name(kind), loss * 100, tally->calls, tally->attempts, tally->applied,
          tally->lost, tally->doubled, tally->unknown, tally->settled);
}

void report_write_table(const struct report *report, FILE *out) {
  fprintf(out, "%" PRIu32 " charges each, seed %" PRIu64 "\n\n", report->intents, report->seed);
  fprintf(out, "%-20s %7s %7s %9s %8s %6s %8s %8s %8s\n", "", "loss", "calls", "attempts",
          "applied", "lost", "doubled", "unknown", "settled");
  for (int kind = 0; kind < RETRY_KIND_COUNT; kind++) {
    for (size_t i = 0; i < report->loss_count; i++) {
      write_row(out, (enum retry_kind)kind, report->losses[i], &report->tallies[i][kind]);
    }
    fputc('\n', out);
  }
  fputs("applied: charges in the ledger at least once; lost: not at all; doubled: more than once\n"
        "unknown: callers who never learned which; settled: calls whose fate was found out later\n",
        out);
}

static void write_json_row(FILE *out, enum retry_kind kind, double loss,
                           const struct tally *tally) {
  fprintf(out, "{\"semantics\":\"%s\",\"loss\":%.6f", retry_kind_name(kind), loss);
#define WRITE(field) fprintf(out, ",\"" #field "\":%" PRIu64, tally->field)
  WRITE(calls);
  WRITE(attempts);
  WRITE(applied);
  WRITE(lost);
  WRITE(doubled);
  WRITE(unknown);
  WRITE(settled);
  WRITE(replayed);
  WRITE(wrong);
  WRITE(faults);
  WRITE(replays);
  WRITE(replay_answers);
#undef WRITE
  fputc('}', out);
}

void report_write_json(const struct report *report, FILE *out) {
  fprintf(out, "{\"charges\":%" PRIu32 ",\"seed\":%" PRIu64 ",\"trials\":[", report->intents,
          report->seed);
  for (size_t i = 0; i < report->loss_count; i++) {
    for (int kind = 0; kind < RETRY_KIND_COUNT; kind++) {
      fputs(i == 0 && kind == 0 ? "\n" : ",\n", out);
      write_json_row(out, (enum retry_kind)kind, report->losses[i], &report->tallies[i][kind]);
    }
  }
  fputs("\n]}\n", out);
}

bool report_is_good(const struct report *report) {
  bool good = true;
  for (size_t i = 0; i < report->loss_count; i++) {
    const struct tally *exact = &report->tallies[i][RETRY_EXACTLY_ONCE];
    good = good && exact->lost == 0 && exact->doubled == 0 && exact->unknown == 0;
    for (int kind = 0; kind < RETRY_KIND_COUNT; kind++) {
      const struct tally *tally = &report->tallies[i][kind];
      good = good && tally->wrong == 0 && tally->replay_answers == 0;
    }
  }
  return good;
}
