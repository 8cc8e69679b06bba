#include "rpc/client/target.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "rpc/core/memory.h"

enum { ADDRESS_LEN_MAX = 64 };

static bool starts_with(const char *text, const char *prefix) {
  return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* "dns:host:port" or "dns:///host:port". A host in brackets is an IPv6 address. */
static const char *take_name(struct sure__target_item *item, char *text) {
  text += strlen("dns:");
  text += starts_with(text, "///") ? 3 : 0;
  char *colon = strrchr(text, ':');
  if (colon == NULL || colon == text || colon[1] == '\0') {
    return "a dns: target needs a host and a port, as in dns:bank.example:5000";
  }
  *colon = '\0';
  if (text[0] == '[' && colon[-1] == ']') {
    colon[-1] = '\0';
    text++;
  }
  item->host = text;
  item->port = colon + 1;
  return NULL;
}

static const char *take_item(struct sure__target *target, char *text) {
  if (target->item_count == SURE__ENDPOINTS_MAX) {
    return "the target has more than 256 endpoints";
  }
  struct sure__target_item *item = &target->items[target->item_count++];
  if (starts_with(text, "tcp://") || starts_with(text, "ipc://")) {
    item->url = text;
    return NULL;
  }
  if (starts_with(text, "dns:")) {
    target->has_names = true;
    return take_name(item, text);
  }
  return "an endpoint must begin with tcp://, ipc:// or dns:";
}

const char *sure__target_init(struct sure__target *target, const char *text) {
  *target = (struct sure__target){0};
  size_t size = strlen(text) + 1;
  target->text = sure__alloc(size);
  if (target->text == NULL) {
    return "memory is short";
  }
  memcpy(target->text, text, size);
  const char *problem = NULL;
  char *rest = target->text;
  while (problem == NULL && rest != NULL) {
    char *item = strsep(&rest, ",");
    problem = take_item(target, item + strspn(item, " "));
  }
  if (problem != NULL) {
    sure__target_fini(target);
  }
  return problem;
}

void sure__target_fini(struct sure__target *target) {
  sure__free(target->text);
  target->text = NULL;
}

/* ---- addresses ---- */

static bool has(const struct sure__urls *urls, const char *url) {
  for (size_t i = 0; i < urls->count; i++) {
    if (strcmp(urls->urls[i], url) == 0) {
      return true;
    }
  }
  return false;
}

/* Each address once; what is over the limit is left out. */
static bool add(struct sure__urls *urls, const char *url) {
  if (urls->count == SURE__ENDPOINTS_MAX || has(urls, url)) {
    return true;
  }
  size_t size = strlen(url) + 1;
  char *copy = sure__alloc(size);
  if (copy == NULL) {
    return false;
  }
  memcpy(copy, url, size);
  urls->urls[urls->count++] = copy;
  return true;
}

static bool add_address(struct sure__urls *urls, const struct addrinfo *info) {
  char host[ADDRESS_LEN_MAX];
  char port[8];
  char url[ADDRESS_LEN_MAX + 32];
  if (getnameinfo(info->ai_addr, info->ai_addrlen, host, sizeof host, port, sizeof port,
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return true; /* of a kind that we can't dial */
  }
  const char *format = info->ai_family == AF_INET6 ? "tcp://[%s]:%s" : "tcp://%s:%s";
  (void)snprintf(url, sizeof url, format, host, port);
  return add(urls, url);
}

static bool look_up(const struct sure__target_item *item, struct sure__urls *urls,
                    const char **out_problem) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
  struct addrinfo *found = NULL;
  int error = getaddrinfo(item->host, item->port, &hints, &found);
  if (error != 0) {
    *out_problem = gai_strerror(error);
    return false;
  }
  bool ok = true;
  for (const struct addrinfo *info = found; ok && info != NULL; info = info->ai_next) {
    ok = add_address(urls, info);
  }
  freeaddrinfo(found);
  *out_problem = ok ? *out_problem : "memory is short";
  return ok;
}

bool sure__target_resolve(const struct sure__target *target, struct sure__urls *out_urls,
                          const char **out_problem) {
  struct sure__urls urls = {.count = 0};
  bool ok = true;
  *out_problem = "memory is short";
  for (size_t i = 0; ok && i < target->item_count; i++) {
    const struct sure__target_item *item = &target->items[i];
    ok = item->url != NULL ? add(&urls, item->url) : look_up(item, &urls, out_problem);
  }
  if (ok) {
    *out_urls = urls;
  } else {
    sure__urls_fini(&urls);
  }
  return ok;
}

void sure__urls_fini(struct sure__urls *urls) {
  for (size_t i = 0; i < urls->count; i++) {
    sure__free(urls->urls[i]);
  }
  urls->count = 0;
}
