/* The target of a channel, taken apart: what the application wrote, and the addresses that come of
 * it. */
#ifndef SURE_CLIENT_TARGET_H
#define SURE_CLIENT_TARGET_H

#include <stdbool.h>
#include <stddef.h>

/* Endpoints of one channel at most: more are not looked at one by one in good time. */
enum { SURE__ENDPOINTS_MAX = 256 };

struct sure__target_item {
  const char *url;  /* an address as it is, or NULL */
  const char *host; /* a name to be looked up */
  const char *port;
};

/* Items in the order in which they were written. Their texts are in `text`. */
struct sure__target {
  char *text;
  struct sure__target_item items[SURE__ENDPOINTS_MAX];
  size_t item_count;
  bool has_names;
};

/* Returns NULL, or what is wrong; then there is nothing to finish. */
const char *sure__target_init(struct sure__target *target, const char *text);
void sure__target_fini(struct sure__target *target);

/* The addresses that a target stands for now. */
struct sure__urls {
  char *urls[SURE__ENDPOINTS_MAX];
  size_t count;
};

/* Looks the names up, which may block for long. False when one of them has no address now, or
 * memory is short; `*out_problem` is a static text then. */
bool sure__target_resolve(const struct sure__target *target, struct sure__urls *out_urls,
                          const char **out_problem);
void sure__urls_fini(struct sure__urls *urls);

#endif
