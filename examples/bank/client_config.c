/* The service config of the `bank` program: a file that the bank hands out to its customers. */
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_LEN_MAX SURE_SERVICE_CONFIG_LEN_MAX
#define PROBLEM_LEN    512

static int parse(const char *path, const char *json, size_t len,
                 struct sure_service_config **out_config) {
  static const struct sure_service *const services[] = {&bank__v1__bank_service};
  char problem[PROBLEM_LEN];
  enum sure_code code =
      sure_service_config_parse(json, len, services, 1, out_config, problem, sizeof problem);
  return code ? client_complain(path, problem) : EXIT_OK;
}

int client_read_config(const char *path, struct sure_service_config **out_config) {
  FILE *file = fopen(path, "rb");
  if (!file) {
    return client_complain(path, strerror(errno));
  }
  char *json = malloc(CONFIG_LEN_MAX + 1);
  if (!json) {
    fclose(file);
    return client_complain(path, "memory is short");
  }
  size_t len = fread(json, 1, CONFIG_LEN_MAX + 1, file); /* one byte too much is refused as such */
  int status =
      ferror(file) ? client_complain(path, "can't be read") : parse(path, json, len, out_config);
  free(json);
  fclose(file);
  return status;
}
