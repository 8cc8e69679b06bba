#include "names.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

bool name_is_valid(const char *name) {
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  size_t len = strspn(name, allowed);
  return len >= 1 && len <= NAME_LEN_MAX && name[len] == '\0';
}

bool name_make_payment_id(char payment_id[NAME_RANDOM_LEN]) {
  uint8_t bytes[(NAME_RANDOM_LEN - 1) / 2];
  if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
    return false;
  }
  for (size_t i = 0; i < sizeof bytes; i++) {
    snprintf(payment_id + 2 * i, 3, "%02x", bytes[i]);
  }
  return true;
}
