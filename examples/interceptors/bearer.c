#include "bearer.h"

#include <stdio.h>
#include <string.h>

static const char scheme[] = "Bearer ";

/* Takes as long for a wrong guess as for the right token. */
static bool is_same(struct sure_bytes shown, const char *token) {
  size_t len = strlen(token);
  unsigned char difference = shown.len != len;
  for (size_t i = 0; i < len && i < shown.len; i++) {
    difference |= shown.data[i] ^ (unsigned char)token[i];
  }
  return difference == 0;
}

static enum sure_code peer_attaches(void *user, struct sure_attach *attach) {
  struct sure_bytes shown;
  size_t scheme_len = sizeof scheme - 1;
  if (!sure_metadata_find(sure_attach_credentials(attach), "authorization", &shown) ||
      shown.len < scheme_len || memcmp(shown.data, scheme, scheme_len) != 0) {
    return SURE_UNAUTHENTICATED;
  }
  shown = (struct sure_bytes){shown.data + scheme_len, shown.len - scheme_len};
  for (const struct bearer *bearer = user; bearer->name != NULL; bearer++) {
    if (is_same(shown, bearer->token)) {
      struct sure_bytes name = {(const uint8_t *)bearer->name, strlen(bearer->name)};
      return sure_attach_set_principal(attach, name);
    }
  }
  return SURE_UNAUTHENTICATED;
}

struct sure_server_interceptor bearer_interceptor(const struct bearer *list) {
  return (struct sure_server_interceptor){.version = SURE_INTERCEPTOR_VERSION,
                                          .user = (void *)(uintptr_t)list,
                                          .peer_attaches = peer_attaches};
}

struct sure_metadata *bearer_credentials(const char *token) {
  char text[512];
  int len = snprintf(text, sizeof text, "%s%s", scheme, token);
  struct sure_metadata *credentials = sure_metadata_new();
  if (credentials == NULL || len < 0 || (size_t)len >= sizeof text ||
      sure_metadata_add(credentials, "authorization", text) != SURE_OK) {
    return sure_metadata_free(credentials);
  }
  return credentials;
}
