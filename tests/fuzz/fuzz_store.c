/* Fuzzes the memory store with ops made of the input, against a dumb list of what was asked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/store_script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct store_script script;
  const struct sure_memory_store_options options = {.session_records_max = SCRIPT_RECORDS_MAX,
                                                    .allow_volatile_keys = true};
  memset(&script, 0, sizeof script);
  script.data = data;
  script.len = size;
  script.model.session_records_max = SCRIPT_RECORDS_MAX;
  if (sure_memory_store_open(&options, &script.store) != SURE_OK) {
    abort();
  }
  while (store_script_step(&script)) {
  }
  if (script.problem[0] != '\0') {
    fprintf(stderr, "%s\n", script.problem);
    abort();
  }
  sure_store_free(script.store);
  return 0;
}
