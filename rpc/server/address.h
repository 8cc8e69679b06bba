/* What each IP address has of this server: connections, and sessions that it may still open. Only
 * kept while it is limited. Guarded by the server's lock, but for the sessions that are left. */
#ifndef SURE_SERVER_ADDRESS_H
#define SURE_SERVER_ADDRESS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "rpc/core/index.h"
#include "rpc/core/list.h"

struct nng_stream;

struct sure__address {
  struct sure__index_link by_hash;
  struct sure__list link; /* in `idle`: nobody is connected */
  unsigned char bytes[16];
  uint32_t connection_count;
  atomic_uint sessions_left;
  uint64_t refilled_at_ms;
};

struct sure__addresses {
  uint32_t connections_max; /* of each; 0: no limit */
  uint32_t sessions_max;    /* in `refill_ms`; 0: no limit */
  uint32_t refill_ms;
  struct sure__index by_hash;
  struct sure__list idle; /* the longest without a connection first */
};

void sure__addresses_init(struct sure__addresses *addresses, uint32_t connections_max,
                          uint32_t sessions_max, uint32_t refill_ms);
/* Nobody is connected any more. */
void sure__addresses_fini(struct sure__addresses *addresses);

/* One more connection, from where `stream` comes. `*out_address` is NULL if nothing is limited or
 * it comes from no IP address. False: it is one too many, or memory is short; then it does not
 * count. */
bool sure__address_enter(struct sure__addresses *addresses, struct nng_stream *stream,
                         uint64_t now_ms, struct sure__address **out_address);
/* The address has waited long enough to open as many sessions as before, if it has. NULL is
 * harmless. */
void sure__address_refill(const struct sure__addresses *addresses, struct sure__address *address,
                          uint64_t now_ms);
/* One less. NULL is harmless. */
void sure__address_leave(struct sure__addresses *addresses, struct sure__address *address,
                         uint64_t now_ms);

#endif
