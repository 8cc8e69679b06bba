/* The report as a chart: for each rate of loss three bars, one a kind of retry, of the charges that
 * were lost (below) and doubled (on top of them), in per cent of all. */
#include "report.h"

#include <inttypes.h>

#define CHART_WIDTH    760.0
#define CHART_HEIGHT   380.0
#define PLOT_LEFT      60.0
#define PLOT_TOP       70.0
#define PLOT_WIDTH     680.0
#define PLOT_HEIGHT    230.0
#define COLOUR_LOST    "#c0392b"
#define COLOUR_DOUBLED "#e6a817"

static double percent(const struct report *report, uint64_t count) {
  return 100.0 * (double)count / (double)report->intents;
}

/* The top of the scale: a whole number of tens above the highest bar. */
static double scale_max(const struct report *report) {
  double max = 10;
  for (size_t i = 0; i < report->loss_count; i++) {
    for (int kind = 0; kind < RETRY_KIND_COUNT; kind++) {
      const struct tally *tally = &report->tallies[i][kind];
      while (percent(report, tally->lost + tally->doubled) > max) {
        max += 10;
      }
    }
  }
  return max;
}

static double y_of(double value, double max) {
  return PLOT_TOP + PLOT_HEIGHT * (1 - value / max);
}

static void write_text(FILE *out, double x, double y, const char *anchor, const char *text) {
  fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor, text);
}

static void write_box(FILE *out, double x, double width, double y, double height,
                      const char *colour) {
  fprintf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n", x, y,
          width, height, colour);
}

static void write_scale(FILE *out, double max) {
  char text[16];
  for (int i = 0; i <= 5; i++) {
    double value = max * i / 5;
    double y = y_of(value, max);
    fprintf(out, "<path d=\"M%.1f %.1fh%.1f\" stroke=\"#ddd\"/>\n", PLOT_LEFT, y, PLOT_WIDTH);
    snprintf(text, sizeof text, "%.0f %%", value);
    write_text(out, PLOT_LEFT - 8, y + 4, "end", text);
  }
}

static void write_legend(FILE *out) {
  write_text(out, PLOT_LEFT, 24, "start",
             "The same charge with three kinds of retry, over a network that loses");
  write_box(out, PLOT_LEFT, 12, 38, 12, COLOUR_LOST);
  write_text(out, PLOT_LEFT + 18, 48, "start", "lost");
  write_box(out, PLOT_LEFT + 70, 12, 38, 12, COLOUR_DOUBLED);
  write_text(out, PLOT_LEFT + 88, 48, "start", "charged more than once (per cent of the charges)");
  write_text(out, PLOT_LEFT + PLOT_WIDTH, 48, "end",
             "R retry without dedup, N no retry, E exactly once");
}

static void write_bar(FILE *out, const struct report *report, const struct tally *tally, double x,
                      double width, double max) {
  double lost = percent(report, tally->lost);
  double both = percent(report, tally->lost + tally->doubled);
  char text[32];
  write_box(out, x, width, y_of(lost, max), y_of(0, max) - y_of(lost, max), COLOUR_LOST);
  write_box(out, x, width, y_of(both, max), y_of(lost, max) - y_of(both, max), COLOUR_DOUBLED);
  snprintf(text, sizeof text, "%" PRIu64, tally->lost + tally->doubled);
  write_text(out, x + width / 2, y_of(both, max) - 4, "middle", text);
}

static void write_group(FILE *out, const struct report *report, size_t i, double max) {
  static const char *const letters[RETRY_KIND_COUNT] = {"R", "N", "E"};
  double group = PLOT_WIDTH / (double)report->loss_count;
  double left = PLOT_LEFT + group * (double)i;
  double width = group / 5;
  char text[32];
  for (int kind = 0; kind < RETRY_KIND_COUNT; kind++) {
    double x = left + width * (0.7 + 1.2 * kind);
    write_bar(out, report, &report->tallies[i][kind], x, width, max);
    write_text(out, x + width / 2, y_of(0, max) + 16, "middle", letters[kind]);
  }
  snprintf(text, sizeof text, "%g %% loss", report->losses[i] * 100);
  write_text(out, left + group / 2, y_of(0, max) + 36, "middle", text);
}

void report_write_svg(const struct report *report, FILE *out) {
  double max = scale_max(report);
  fprintf(out,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\""
          " font-family=\"sans-serif\" font-size=\"13\">\n",
          CHART_WIDTH, CHART_HEIGHT);
  write_box(out, 0, CHART_WIDTH, 0, CHART_HEIGHT, "white");
  write_scale(out, max);
  write_legend(out);
  for (size_t i = 0; i < report->loss_count; i++) {
    write_group(out, report, i, max);
  }
  fputs("</svg>\n", out);
}
