#include "rpc/server/address.h"

#include <nng/nng.h>
#include <string.h>
#include <xxhash.h>

#include "rpc/core/assert.h"
#include "rpc/core/memory.h"

void sure__addresses_init(struct sure__addresses *addresses, uint32_t connections_max,
                          uint32_t sessions_max, uint32_t refill_ms) {
  *addresses = (struct sure__addresses){
      .connections_max = connections_max, .sessions_max = sessions_max, .refill_ms = refill_ms};
  sure__index_init(&addresses->by_hash);
  sure__list_init(&addresses->idle);
}

static void forget(struct sure__addresses *addresses, struct sure__address *address) {
  sure__list_remove(&address->link);
  sure__index_remove(&addresses->by_hash, &address->by_hash);
  sure__free(address);
}

void sure__addresses_fini(struct sure__addresses *addresses) {
  while (!sure__list_is_empty(&addresses->idle)) {
    forget(addresses, sure__container_of(addresses->idle.next, struct sure__address, link));
  }
  sure__assert(addresses->by_hash.count == 0 && "every connection has left");
  sure__index_fini(&addresses->by_hash);
}

/* False: it is no IP address. One of version 4 gets the form that it has in version 6. */
static bool address_of(struct nng_stream *stream, unsigned char *out_bytes) {
  nng_sockaddr peer;
  if (nng_stream_get_addr(stream, NNG_OPT_REMADDR, &peer) != 0) {
    return false;
  }
  if (peer.s_family == NNG_AF_INET6) {
    memcpy(out_bytes, peer.s_in6.sa_addr, 16);
    return true;
  }
  memset(out_bytes, 0, 10);
  memset(out_bytes + 10, 0xFF, 2);
  memcpy(out_bytes + 12, &peer.s_in.sa_addr, 4);
  return peer.s_family == NNG_AF_INET;
}

static struct sure__address *find(const struct sure__addresses *addresses,
                                  const unsigned char *bytes, uint64_t hash) {
  struct sure__index_link *link = sure__index_find(&addresses->by_hash, hash);
  for (; link != NULL; link = sure__index_next(link)) {
    struct sure__address *address = sure__container_of(link, struct sure__address, by_hash);
    if (memcmp(address->bytes, bytes, sizeof address->bytes) == 0) {
      return address;
    }
  }
  return NULL;
}

static struct sure__address *add(struct sure__addresses *addresses, const unsigned char *bytes,
                                 uint64_t hash, uint64_t now_ms) {
  struct sure__address *address = sure__alloc(sizeof *address);
  if (address == NULL) {
    return NULL;
  }
  memcpy(address->bytes, bytes, sizeof address->bytes);
  atomic_init(&address->sessions_left, addresses->sessions_max);
  address->refilled_at_ms = now_ms;
  sure__index_add(&addresses->by_hash, &address->by_hash, hash);
  return address;
}

static bool is_full_again(const struct sure__addresses *addresses,
                          const struct sure__address *address, uint64_t now_ms) {
  return now_ms - address->refilled_at_ms >= addresses->refill_ms;
}

/* Those who have not been here for long have nothing against them any more. */
static void forget_old(struct sure__addresses *addresses, uint64_t now_ms) {
  while (!sure__list_is_empty(&addresses->idle)) {
    struct sure__address *oldest =
        sure__container_of(addresses->idle.next, struct sure__address, link);
    if (!is_full_again(addresses, oldest, now_ms)) {
      return;
    }
    forget(addresses, oldest);
  }
}

void sure__address_refill(const struct sure__addresses *addresses, struct sure__address *address,
                          uint64_t now_ms) {
  if (address != NULL && is_full_again(addresses, address, now_ms)) {
    address->refilled_at_ms = now_ms;
    atomic_store(&address->sessions_left, addresses->sessions_max);
  }
}

bool sure__address_enter(struct sure__addresses *addresses, struct nng_stream *stream,
                         uint64_t now_ms, struct sure__address **out_address) {
  unsigned char bytes[16];
  *out_address = NULL;
  bool is_limited = addresses->connections_max != 0 || addresses->sessions_max != 0;
  if (!is_limited || !address_of(stream, bytes)) {
    return true;
  }
  forget_old(addresses, now_ms);
  uint64_t hash = XXH3_64bits(bytes, sizeof bytes);
  struct sure__address *address = find(addresses, bytes, hash);
  if (address == NULL) {
    address = add(addresses, bytes, hash, now_ms);
  }
  uint32_t max = addresses->connections_max;
  if (address == NULL || (max != 0 && address->connection_count >= max)) {
    return false;
  }
  sure__address_refill(addresses, address, now_ms);
  address->connection_count++;
  sure__list_remove(&address->link);
  *out_address = address;
  return true;
}

void sure__address_leave(struct sure__addresses *addresses, struct sure__address *address,
                         uint64_t now_ms) {
  if (address == NULL) {
    return;
  }
  sure__assert(address->connection_count > 0 && "who leaves has entered");
  if (--address->connection_count == 0) {
    sure__list_append(&addresses->idle, &address->link);
  }
  forget_old(addresses, now_ms);
}
