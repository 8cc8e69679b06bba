/* Lets in whoever shows a token that is known, under the name that belongs to it: the sessions,
 * records and idempotency keys of a client are then out of every other client's reach. */
#ifndef EXAMPLE_BEARER_H
#define EXAMPLE_BEARER_H

#include <sure/interceptor.h>

struct bearer {
  const char *token;
  const char *name; /* NULL: the end of the list */
};

/* `list` must stay as long as the server. */
struct sure_server_interceptor bearer_interceptor(const struct bearer *list);

/* The credentials for a channel. NULL when memory is short or the token is no text. */
struct sure_metadata *bearer_credentials(const char *token);

#endif
