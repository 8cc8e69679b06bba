#include "rpc/core/log.h"

#include <stdarg.h>
#include <stdio.h>

static void format_line(struct sure__log_line *line, enum sure_log_level level, const char *format,
                        va_list arguments) {
  line->level = level;
  vsnprintf(line->text, sizeof line->text, format, arguments);
}

static bool is_wanted(const struct sure_logger *logger, enum sure_log_level level) {
  return logger->fn != NULL && level >= logger->level_min;
}

void sure__log(const struct sure_logger *logger, enum sure_log_level level, const char *format,
               ...) {
  if (!is_wanted(logger, level)) {
    return;
  }
  struct sure__log_line line;
  va_list arguments;
  va_start(arguments, format);
  format_line(&line, level, format, arguments);
  va_end(arguments);
  logger->fn(logger->user, level, line.text);
}

void sure__log_queue(struct sure__log_queue *queue, enum sure_log_level level, const char *format,
                     ...) {
  if (queue->count == SURE__LOG_QUEUE_MAX) {
    queue->dropped_count++;
    return;
  }
  va_list arguments;
  va_start(arguments, format);
  format_line(&queue->lines[queue->count++], level, format, arguments);
  va_end(arguments);
}

void sure__log_write_out(const struct sure_logger *logger, struct sure__log_queue *queue) {
  for (unsigned i = 0; i < queue->count; i++) {
    const struct sure__log_line *line = &queue->lines[i];
    if (is_wanted(logger, line->level)) {
      logger->fn(logger->user, line->level, line->text);
    }
  }
  if (queue->dropped_count > 0) {
    sure__log(logger, SURE_LOG_WARNING, "%u more lines at the same moment were dropped",
              queue->dropped_count);
  }
  queue->count = 0;
  queue->dropped_count = 0;
}

struct sure__session_text sure__log_session(const struct sure_session_id *session) {
  struct sure__session_text text;
  const uint8_t *b = session->bytes;
  snprintf(text.text, sizeof text.text, "%02x%02x%02x%02x..", b[0], b[1], b[2], b[3]);
  return text;
}
