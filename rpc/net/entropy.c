#include "rpc/net/entropy.h"

#include <errno.h>
#include <sys/random.h>

bool sure__entropy(void *out, size_t len) {
  char *p = out;
  while (len > 0) {
    ssize_t got = getrandom(p, len, 0);
    if (got < 0 && errno != EINTR) {
      return false;
    }
    if (got > 0) {
      p += got;
      len -= (size_t)got;
    }
  }
  return true;
}
