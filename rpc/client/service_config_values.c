/* Single values of a service config, in the forms that proto3 allows for them in JSON. */
#include <math.h>
#include <string.h>
#include <strings.h>
#include <sure/channel.h>

#include "rpc/client/service_config_duration.h"
#include "rpc/client/service_config_json.h"

bool sure__json_read_bool(const struct sure__json *at, bool *out) {
  if (at->value == NULL) {
    return true;
  }
  *out = json_is_true(at->value);
  return json_is_boolean(at->value) || sure__json_fail(at, "must be true or false");
}

bool sure__json_read_text(const struct sure__json *at, const char **out) {
  if (at->value == NULL) {
    return true;
  }
  *out = json_string_value(at->value);
  return *out != NULL || sure__json_fail(at, "must be a string");
}

/* Numbers of all sizes may come as texts, as 64-bit ones have to. NaN: it is none. */
static double number_of(json_t *value) {
  if (json_is_number(value)) {
    return json_number_value(value);
  }
  json_t *inner =
      json_is_string(value)
          ? json_loadb(json_string_value(value), json_string_length(value), JSON_DECODE_ANY, NULL)
          : NULL;
  double number = json_is_number(inner) ? json_number_value(inner) : (double)NAN;
  json_decref(inner);
  return number;
}

bool sure__json_read_uint(const struct sure__json *at, uint32_t min, uint32_t max, uint32_t *out) {
  if (at->value == NULL) {
    return true;
  }
  double number = number_of(at->value);
  if (number < min) {
    return sure__json_fail(at, "must be at least %u", min);
  }
  if (number > max) {
    return sure__json_fail(at, "must be at most %u", max);
  }
  if (isnan(number) || number != (uint32_t)number) {
    return sure__json_fail(at, "must be a whole number");
  }
  *out = (uint32_t)number;
  return true;
}

bool sure__json_read_permille(const struct sure__json *at, uint32_t min, uint32_t max,
                              uint32_t *out) {
  if (at->value == NULL) {
    return true;
  }
  double permille = number_of(at->value) * 1000 + 0.5; /* what is cut off below rounds it */
  if (!(permille >= min && permille < max + 1.0)) {
    return sure__json_fail(at, "must be a number from %g to %g", min / 1000.0, max / 1000.0);
  }
  *out = (uint32_t)permille;
  return true;
}

bool sure__json_read_ms(const struct sure__json *at, uint32_t min, uint32_t *out) {
  if (at->value == NULL) {
    return true;
  }
  const char *text = json_string_value(at->value);
  int64_t ms;
  if (text == NULL || !sure__duration_parse(text, &ms)) {
    return sure__json_fail(at, "must be a duration in seconds, such as \"1.5s\"");
  }
  if (ms < min) {
    return sure__json_fail(at, min == 0 ? "must not be negative" : "must be more than 0s");
  }
  if (ms > SURE_CALL_TIMEOUT_MS_MAX) {
    return sure__json_fail(at, "must be at most %ds, which is 7 days",
                           SURE_CALL_TIMEOUT_MS_MAX / 1000);
  }
  *out = (uint32_t)ms;
  return true;
}

static bool read_code(const struct sure__json *at, unsigned *out_code) {
  const char *name = json_string_value(at->value);
  for (unsigned code = 0; code <= SURE_CODE_MAX; code++) {
    bool is_it = name != NULL ? strcasecmp(name, sure_code_name((enum sure_code)code)) == 0
                              : json_is_integer(at->value) && json_integer_value(at->value) == code;
    if (is_it) {
      *out_code = code;
      return code != SURE_OK || sure__json_fail(at, "OK is success: remove it");
    }
  }
  return sure__json_fail(at, "must be the name of a status code, or its number from 1 to %d",
                         SURE_CODE_MAX);
}

bool sure__json_read_codes(const struct sure__json *at, uint32_t *out) {
  if (at->value == NULL) {
    return true;
  }
  if (!sure__json_check_array(at)) {
    return false;
  }
  for (size_t i = 0; i < json_array_size(at->value); i++) {
    struct sure__json element = sure__json_element(at, i);
    unsigned code = 0;
    if (!read_code(&element, &code)) {
      return false;
    }
    *out |= SURE_CODE_BIT(code);
  }
  return true;
}
