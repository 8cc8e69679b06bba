#include "rpc/client/service_config_duration.h"

/* As google.protobuf.Duration: 10 000 years have 12 digits. */
enum { SECOND_DIGITS_MAX = 12, DECIMALS_MAX = 9, NS_PER_MS = 1000000 };

/* Reads digits, at most `max`; returns how many there were. */
static int take_digits(const char **text, int max, int64_t *out_value) {
  int count = 0;
  *out_value = 0;
  while (count < max && **text >= '0' && **text <= '9') {
    *out_value = *out_value * 10 + (**text - '0');
    (*text)++;
    count++;
  }
  return count;
}

static bool take_decimals(const char **text, int64_t *out_ns) {
  *out_ns = 0;
  if (**text != '.') {
    return true;
  }
  (*text)++;
  int count = take_digits(text, DECIMALS_MAX, out_ns);
  for (int i = count; i < DECIMALS_MAX; i++) {
    *out_ns *= 10;
  }
  return count > 0;
}

bool sure__duration_parse(const char *text, int64_t *out_ms) {
  int64_t seconds;
  int64_t ns;
  bool is_negative = *text == '-';
  text += is_negative;
  if (take_digits(&text, SECOND_DIGITS_MAX, &seconds) == 0 || !take_decimals(&text, &ns) ||
      text[0] != 's' || text[1] != '\0') {
    return false;
  }
  int64_t ms = seconds * 1000 + (ns + NS_PER_MS - 1) / NS_PER_MS;
  *out_ms = is_negative && ms > 0 ? -1 : ms;
  return true;
}
