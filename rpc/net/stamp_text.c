/* Stamps for people. */
#include <stdio.h>
#include <sure/clock.h>
#include <time.h>

char *sure_stamp_text(uint64_t stamp, char *text, size_t size) {
  int64_t ms = sure_stamp_ms(stamp);
  time_t seconds = (time_t)(ms / 1000);
  struct tm parts;
  char day[24] = "?";
  if (gmtime_r(&seconds, &parts) != NULL) {
    (void)strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts);
  }
  (void)snprintf(text, size, "%s.%03dZ+%u", day, (int)(ms % 1000), (unsigned)(stamp & 0xFFFF));
  return text;
}
