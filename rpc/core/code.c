/* Names and texts of the codes, outcomes and reasons. */
#include <sure/base.h>
#include <sure/policy.h>
#include <sure/status.h>

#define SURE_STRING_(x) #x
#define SURE_STRING(x)  SURE_STRING_(x)

const char *sure_version(void) {
  return SURE_STRING(SURE_VERSION_MAJOR) "." SURE_STRING(SURE_VERSION_MINOR) "." SURE_STRING(
      SURE_VERSION_PATCH);
}

const char *sure_code_name(enum sure_code code) {
  switch (code) {
#define CODE_NAME(number, name, text)                                                              \
  case SURE_##name:                                                                                \
    return #name;
    SURE_CODE_LIST(CODE_NAME)
#undef CODE_NAME
  }
  return "?";
}

const char *sure_code_text(enum sure_code code) {
  switch (code) {
#define CODE_TEXT(number, name, text)                                                              \
  case SURE_##name:                                                                                \
    return text;
    SURE_CODE_LIST(CODE_TEXT)
#undef CODE_TEXT
  }
  return "?";
}

const char *sure_reason_name(enum sure_reason reason) {
  switch (reason) {
#define REASON_NAME(number, name, text)                                                            \
  case SURE_REASON_##name:                                                                         \
    return #name;
    SURE_REASON_LIST(REASON_NAME)
#undef REASON_NAME
  }
  return "?";
}

const char *sure_outcome_name(enum sure_outcome outcome) {
  switch (outcome) {
  case SURE_OUTCOME_UNKNOWN:
    return "unknown";
  case SURE_NOT_APPLIED:
    return "not applied";
  case SURE_APPLIED:
    return "applied";
  }
  return "?";
}

const char *sure_connectivity_name(enum sure_connectivity state) {
  switch (state) {
  case SURE_IDLE:
    return "IDLE";
  case SURE_CONNECTING:
    return "CONNECTING";
  case SURE_READY:
    return "READY";
  case SURE_TRANSIENT_FAILURE:
    return "TRANSIENT_FAILURE";
  case SURE_SHUTDOWN:
    return "SHUTDOWN";
  }
  return "?";
}
