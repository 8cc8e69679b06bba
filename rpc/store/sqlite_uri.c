/* Opening a file without touching anything. */
#include <stdio.h>
#include <string.h>

#include "rpc/core/memory.h"
#include "rpc/store/sqlite_store.h"

char *sure__sqlite_immutable_uri(const char *path) {
  static const char query[] = "?immutable=1";
  char *uri = sure__alloc(3 * strlen(path) + sizeof "file:" + sizeof query);
  if (uri == NULL) {
    return NULL;
  }
  char *at = uri + sprintf(uri, "file:");
  for (const char *c = path; *c != '\0'; c++) {
    bool special = *c == '%' || *c == '?' || *c == '#';
    at += special ? sprintf(at, "%%%02X", (unsigned char)*c) : sprintf(at, "%c", *c);
  }
  memcpy(at, query, sizeof query);
  return uri;
}
