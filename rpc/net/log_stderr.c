/* A ready logger. It lives with the shells because the core does no I/O. */
#include <stdio.h>
#include <string.h>
#include <sure/log.h>
#include <unistd.h>

static const char *level_name(enum sure_log_level level) {
  switch (level) {
  case SURE_LOG_DEBUG:
    return "DEBUG";
  case SURE_LOG_INFO:
    return "INFO";
  case SURE_LOG_WARNING:
    return "WARNING";
  case SURE_LOG_ERROR:
    return "ERROR";
  }
  return "?";
}

void sure_log_to_stderr(void *user, enum sure_log_level level, const char *text) {
  (void)user;
  char line[1024];
  int len = snprintf(line, sizeof line, "%s %s\n", level_name(level), text);
  if (len >= (int)sizeof line) {
    len = (int)sizeof line - 1;
    line[len - 1] = '\n';
  }
  if (write(STDERR_FILENO, line, (size_t)len) < 0) {
    return; /* nobody is left to tell */
  }
}
