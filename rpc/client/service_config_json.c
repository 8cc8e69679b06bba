#include "rpc/client/service_config_json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- the one line that says what is wrong ---- */

static size_t length_of_character(unsigned char first) {
  return first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

static void begin_line(struct sure__json_report *report, enum sure_code code) {
  report->code = code;
  if (report->len > 0) {
    report->text[0] = '\0';
  }
}

/* Whole characters only, and none that would break the line. */
static void put(struct sure__json_report *report, size_t *used, const char *text) {
  while (*text != '\0') {
    size_t len = length_of_character((unsigned char)*text);
    bool is_shown = (unsigned char)*text >= 0x20 && *text != 0x7F && strnlen(text, len) == len;
    len = is_shown ? len : 1;
    if (report->len <= *used || report->len - *used <= len) {
      report->len = *used; /* nothing shorter that follows is to be put in its place */
      return;
    }
    memcpy(report->text + *used, is_shown ? text : "?", len);
    *used += len;
    report->text[*used] = '\0';
    text += len;
  }
}

static void put_path(struct sure__json_report *report, size_t *used, const struct sure__json *at) {
  if (at->parent == NULL) {
    put(report, used, "$");
    return;
  }
  char index[32];
  (void)snprintf(index, sizeof index, "[%zu]", at->index);
  put_path(report, used, at->parent);
  put(report, used, at->key == NULL ? index : ".");
  put(report, used, at->key == NULL ? "" : at->key);
}

bool sure__json_fail(const struct sure__json *at, const char *format, ...) {
  char what[512];
  size_t used = 0;
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(what, sizeof what, format, arguments);
  va_end(arguments);
  begin_line(at->report, SURE_INVALID_ARGUMENT);
  put_path(at->report, &used, at);
  put(at->report, &used, ": ");
  put(at->report, &used, what);
  return false;
}

bool sure__json_fail_for_memory(struct sure__json_report *report) {
  size_t used = 0;
  begin_line(report, SURE_RESOURCE_EXHAUSTED);
  put(report, &used, "memory is short");
  return false;
}

/* ---- the document ---- */

/* Of a want of memory Jansson says nothing, if it does not take it for a mistake in the text. */
json_t *sure__json_load(const char *json, size_t len, struct sure__json_report *report) {
  json_error_t error;
  json_t *document = json_loadb(len == 0 ? "" : json, len, JSON_REJECT_DUPLICATES, &error);
  if (document == NULL && error.text[0] == '\0') {
    sure__json_fail_for_memory(report);
  } else if (document == NULL) {
    char place[64];
    size_t used = 0;
    (void)snprintf(place, sizeof place, "line %d, column %d: ", error.line, error.column);
    begin_line(report, SURE_INVALID_ARGUMENT);
    put(report, &used, place);
    put(report, &used, error.text);
  }
  return document;
}

static json_t *or_absent(json_t *value) {
  return json_is_null(value) ? NULL : value;
}

struct sure__json sure__json_member(const struct sure__json *object, const char *key) {
  return (struct sure__json){.report = object->report,
                             .parent = object,
                             .key = key,
                             .value = or_absent(json_object_get(object->value, key))};
}

struct sure__json sure__json_element(const struct sure__json *array, size_t index) {
  return (struct sure__json){.report = array->report,
                             .parent = array,
                             .index = index,
                             .value = or_absent(json_array_get(array->value, index))};
}

bool sure__json_require(const struct sure__json *at) {
  return at->value != NULL || sure__json_fail(at, "is required");
}

static bool is_one_of(const char *key, const char *const *fields) {
  while (*fields != NULL && strcmp(*fields, key) != 0) {
    fields++;
  }
  return *fields != NULL;
}

static bool fail_for_unknown(const struct sure__json *object, const char *key,
                             const char *const *fields) {
  struct sure__json at = sure__json_member(object, key);
  char known[256] = "";
  for (; *fields != NULL; fields++) {
    size_t len = strlen(known);
    (void)snprintf(known + len, sizeof known - len, len == 0 ? "%s" : ", %s", *fields);
  }
  return known[0] == '\0' ? sure__json_fail(&at, "unknown field; none is known here")
                          : sure__json_fail(&at, "unknown field; known are %s", known);
}

bool sure__json_check_object(const struct sure__json *at, const char *const *fields) {
  if (!json_is_object(at->value)) {
    return sure__json_fail(at, "must be an object");
  }
  for (void *i = json_object_iter(at->value); i != NULL; i = json_object_iter_next(at->value, i)) {
    if (!is_one_of(json_object_iter_key(i), fields)) {
      return fail_for_unknown(at, json_object_iter_key(i), fields);
    }
  }
  return true;
}

bool sure__json_check_array(const struct sure__json *at) {
  return json_is_array(at->value) || sure__json_fail(at, "must be an array");
}
