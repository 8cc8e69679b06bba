/* Reading a JSON document field by field, with an error that says where: each value knows its way
 * from the top, as in $.methodConfig[0].timeout.
 *
 * A field that is not there and one that is null are the same. The readers leave `*out` as it was
 * then, so that defaults go in first. They return false after an error, which ends the reading. */
#ifndef SURE_CLIENT_SERVICE_CONFIG_JSON_H
#define SURE_CLIENT_SERVICE_CONFIG_JSON_H

#include <jansson.h>
#include <stdint.h>
#include <sure/status.h>

/* Room for the one error, and its code. */
struct sure__json_report {
  char *text; /* may be NULL */
  size_t len;
  enum sure_code code;
};

struct sure__json {
  struct sure__json_report *report;
  const struct sure__json *parent; /* NULL: the document */
  const char *key;                 /* of a member; NULL: an element */
  size_t index;
  json_t *value; /* NULL: not there */
};

/* The document, to be freed with json_decref. NULL after an error, which names line and column. */
json_t *sure__json_load(const char *json, size_t len, struct sure__json_report *report);

struct sure__json sure__json_member(const struct sure__json *object, const char *key);
struct sure__json sure__json_element(const struct sure__json *array, size_t index);

/* Both return false. */
bool sure__json_fail(const struct sure__json *at, const char *format, ...) SURE_PRINTF(2, 3);
bool sure__json_fail_for_memory(struct sure__json_report *report);

bool sure__json_require(const struct sure__json *at);
/* It is an object, and has no other members than `fields`, which end with NULL. */
bool sure__json_check_object(const struct sure__json *at, const char *const *fields);
bool sure__json_check_array(const struct sure__json *at);

bool sure__json_read_bool(const struct sure__json *at, bool *out);
bool sure__json_read_text(const struct sure__json *at, const char **out);
/* A number, or a text with one in it. */
bool sure__json_read_uint(const struct sure__json *at, uint32_t min, uint32_t max, uint32_t *out);
/* The same with decimals, rounded to three of them. */
bool sure__json_read_permille(const struct sure__json *at, uint32_t min, uint32_t max,
                              uint32_t *out);
/* A duration, at least `min` and at most SURE_CALL_TIMEOUT_MS_MAX. */
bool sure__json_read_ms(const struct sure__json *at, uint32_t min, uint32_t *out);
/* An array of status codes, by name or number, as SURE_CODE_BITs. */
bool sure__json_read_codes(const struct sure__json *at, uint32_t *out);

#endif
