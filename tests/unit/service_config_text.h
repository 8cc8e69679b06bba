/* Two services, and the texts of service configs about them. */
#ifndef TESTS_UNIT_SERVICE_CONFIG_TEXT_H
#define TESTS_UNIT_SERVICE_CONFIG_TEXT_H

#include "rpc/client/service_config.h"

/* Method ids: three of bank.v1.Bank, one of bank.v1.Auditor, one that no service has. */
enum { CHARGE = 11, READ = 12, NOTIFY = 13, AUDIT = 21, ELSEWHERE = 99 };

/* The fields of a retry policy but for the codes. */
#define CONFIG_TEXT_RETRY                                                                          \
  "\"maxAttempts\": 7, \"initialBackoff\": \"0.1s\", \"maxBackoff\": \"1s\", "                     \
  "\"backoffMultiplier\": 1.25"

extern const struct sure_service config_bank;
extern const struct sure_service config_auditor;
extern const struct sure_service *const config_services[2];

/* What config_text_parse said last. */
extern char config_text_error[512];

enum sure_code config_text_parse(const char *json, struct sure_service_config **out_config);
/* A text that must be right. The caller frees what it means. */
struct sure_service_config *config_text_meaning(const char *json);

#endif
