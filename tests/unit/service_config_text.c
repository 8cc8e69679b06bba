#include "tests/unit/service_config_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sure/channel.h>

static const struct sure_method bank_methods[] = {
    {.full_name = "bank.v1.Bank/Charge", .id = CHARGE},
    {.full_name = "bank.v1.Bank/Read", .id = READ, .semantics = SURE_NO_SIDE_EFFECTS},
    {.full_name = "bank.v1.Bank/Notify", .id = NOTIFY, .semantics = SURE_AT_MOST_ONCE},
};
static const struct sure_method auditor_methods[] = {
    {.full_name = "bank.v1.Auditor/Audit", .id = AUDIT},
};
const struct sure_service config_bank = {
    .abi = SURE_ABI, .full_name = "bank.v1.Bank", .methods = bank_methods, .method_count = 3};
const struct sure_service config_auditor = {
    .abi = SURE_ABI, .full_name = "bank.v1.Auditor", .methods = auditor_methods, .method_count = 1};
const struct sure_service *const config_services[2] = {&config_bank, &config_auditor};

char config_text_error[512];

enum sure_code config_text_parse(const char *json, struct sure_service_config **out_config) {
  return sure_service_config_parse(json, strlen(json), config_services, 2, out_config,
                                   config_text_error, sizeof config_text_error);
}

struct sure_service_config *config_text_meaning(const char *json) {
  struct sure_service_config *config = NULL;
  if (config_text_parse(json, &config) != SURE_OK) {
    print_error("%s\n%s\n", json, config_text_error);
    fail();
  }
  return config;
}
