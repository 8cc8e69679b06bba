/* The network between the clients and the server.
 *
 *     clients' namespace                        server's namespace
 *       bank-load, proxy   chaos0 -------- chaos1    bank-server
 *
 * The namespaces have no names: the kernel takes them away, with all that is in them, when the
 * last process in them ends, however it ends. Where they are not permitted, everybody is in the
 * namespace that we found ourselves in, talks through sockets in the current directory, and it is
 * the proxy that is stopped or killed in place of the link. */
#ifndef CHAOS_NETWORK_H
#define CHAOS_NETWORK_H

#include "cast.h"
#include "wire.h"

#include <stdbool.h>
#include <stdint.h>

/* What the link does to packets besides being cut. */
enum network_noise {
  NETWORK_QUIET, /* nothing */
  NETWORK_NETEM, /* it loses, delays, reorders and doubles them: tc's netem on a veth pair */
  NETWORK_WIRE   /* the same, by a wire of our own, where the kernel has no netem */
};

struct network {
  bool is_apart; /* there are two namespaces and a link */
  enum network_noise noise;
  struct wire_stats wire; /* with NETWORK_WIRE */
  int client_fd;
  int server_fd;
};

/* Go into namespaces of our own, for mounts and the network. False if that is not permitted. */
bool network_unshare(void);
/* After that: make the server's side, and the link. False if that does not work. */
bool network_open(struct network *network, uint64_t seed);

/* Start the server, or the proxy, on its side. */
bool network_start_server(const struct network *network, struct cast *cast, const char **out_why);

/* Where clients that come without the proxy call; NULL: all come through the proxy. */
const char *network_direct_url(const struct network *network);

/* Cut the connection between the sides, in the way that `dice` picks, and say in `*out_how` what
 * was done. False if that fails. network_heal takes it back. */
bool network_cut(const struct network *network, struct cast *cast, uint64_t dice,
                 const char **out_how);
bool network_heal(const struct network *network, struct cast *cast);

/* Fills in where the server and the proxy listen. */
void network_address(const struct network *network, struct cast *cast);

#endif
