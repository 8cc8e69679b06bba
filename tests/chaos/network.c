#include "network.h"

#include "shell.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

/* Addresses that are for examples only, so nobody else is ever meant. */
#define CLIENT_ADDRESS "192.0.2.1"
#define SERVER_ADDRESS "192.0.2.2"
#define SERVER_URL     "tcp://" SERVER_ADDRESS ":5001"
#define PROXY_URL      "tcp://127.0.0.1:5002"
#define NETEM          "netem delay 1ms 2ms 25% loss 1% duplicate 1% reorder 2% 50% limit 10000"

static bool write_file(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
  if (fd >= 0) {
    close(fd);
  }
  return written;
}

/* Somebody who is not root may do all this in a user namespace, where it is root. */
static bool unshare_as_user(int spaces) {
  char uids[32];
  char gids[32];
  snprintf(uids, sizeof uids, "0 %u 1", (unsigned)geteuid());
  snprintf(gids, sizeof gids, "0 %u 1", (unsigned)getegid());
  return unshare(CLONE_NEWUSER | spaces) == 0 && write_file("/proc/self/setgroups", "deny") &&
         write_file("/proc/self/uid_map", uids) && write_file("/proc/self/gid_map", gids);
}

bool network_unshare(void) {
  int spaces = CLONE_NEWNS | CLONE_NEWNET;
  return (unshare(spaces) == 0 || unshare_as_user(spaces)) &&
         mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static int open_own_namespace(void) {
  return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

/* In the namespace `fd`, or in the one that we are in if there is only that. */
static bool enter(const struct network *network, int fd) {
  return !network->is_apart || setns(fd, CLONE_NEWNET) == 0;
}

static bool shell_at_server(const struct network *network, const char *line) {
  bool done = enter(network, network->server_fd) && shell(line);
  return enter(network, network->client_fd) && done;
}

/* The link: a pair of interfaces, or two that a wire joins. */

static bool link_by_veth(const struct network *network) {
  char pair[128];
  snprintf(pair, sizeof pair, "ip link add chaos0 type veth peer name chaos1 netns /proc/%d/fd/%d",
           (int)getpid(), network->server_fd);
  return shell(pair);
}

static bool link_by_wire(struct network *network, uint64_t seed) {
  int ends[2] = {wire_open_end("chaos0"), -1};
  if (enter(network, network->server_fd)) {
    ends[1] = wire_open_end("chaos1");
  }
  if (enter(network, network->client_fd) && ends[0] >= 0 && ends[1] >= 0 &&
      wire_start(ends, seed, &network->wire)) {
    return true;
  }
  for (int i = 0; i < 2; i++) {
    if (ends[i] >= 0) {
      close(ends[i]);
    }
  }
  return false;
}

static bool start_netem(const struct network *network) {
  return shell("tc qdisc add dev chaos0 root " NETEM) &&
         shell_at_server(network, "tc qdisc add dev chaos1 root " NETEM);
}

static bool link_sides(struct network *network, uint64_t seed) {
  bool has_netem = shell("tc qdisc add dev lo root netem && tc qdisc del dev lo root");
  if (!has_netem && link_by_wire(network, seed)) {
    network->noise = NETWORK_WIRE;
    return true;
  }
  if (!link_by_veth(network)) {
    return false;
  }
  network->noise = has_netem && start_netem(network) ? NETWORK_NETEM : NETWORK_QUIET;
  return true;
}

static bool set_up_sides(const struct network *network) {
  return shell("ip link set lo up && ip address add " CLIENT_ADDRESS "/30 dev chaos0 && "
               "ip link set chaos0 up") &&
         shell_at_server(network, "ip link set lo up && ip address add " SERVER_ADDRESS
                                  "/30 dev chaos1 && ip link set chaos1 up");
}

bool network_open(struct network *network, uint64_t seed) {
  network->client_fd = open_own_namespace();
  if (network->client_fd < 0 || unshare(CLONE_NEWNET) != 0) {
    return false;
  }
  network->server_fd = open_own_namespace();
  network->is_apart = true;
  network->is_apart =
      enter(network, network->client_fd) && link_sides(network, seed) && set_up_sides(network);
  return network->is_apart;
}

void network_address(const struct network *network, struct cast *cast) {
  cast->server_url = network->is_apart ? SERVER_URL : "ipc://server";
  cast->proxy_url = network->is_apart ? PROXY_URL : "ipc://proxy";
}

const char *network_direct_url(const struct network *network) {
  return network->is_apart ? SERVER_URL : NULL;
}

bool network_start_server(const struct network *network, struct cast *cast, const char **out_why) {
  bool started = enter(network, network->server_fd) && cast_start_server(cast, out_why);
  return enter(network, network->client_fd) && started;
}

/* One side down, or one direction only: routes that lead nowhere. */
static bool cut_link(const struct network *network, uint64_t dice, const char **out_how) {
  switch (dice % 4) {
  case 0:
    *out_how = "the clients' end is down";
    return shell("ip link set chaos0 down");
  case 1:
    *out_how = "the server's end is down";
    return shell_at_server(network, "ip link set chaos1 down");
  case 2:
    *out_how = "nothing gets to the clients";
    return shell_at_server(network, "ip route add blackhole " CLIENT_ADDRESS "/32");
  default:
    *out_how = "nothing gets to the server";
    return shell("ip route add blackhole " SERVER_ADDRESS "/32");
  }
}

static bool cut_proxy(struct cast *cast, uint64_t dice, const char **out_how) {
  if (dice % 2 == 0) {
    *out_how = "the proxy is stopped";
    return kill(cast->proxy.pid, SIGSTOP) == 0;
  }
  *out_how = "the proxy is killed";
  child_fini(&cast->proxy);
  /* Its socket outlived it. */
  return unlink("proxy") == 0;
}

bool network_cut(const struct network *network, struct cast *cast, uint64_t dice,
                 const char **out_how) {
  return network->is_apart ? cut_link(network, dice, out_how) : cut_proxy(cast, dice, out_how);
}

/* Whatever was cut: what was not is as it should be already. */
static bool heal_link(const struct network *network) {
  return shell("ip link set chaos0 up; ip route del blackhole " SERVER_ADDRESS "/32; true") &&
         shell_at_server(network, "ip link set chaos1 up; "
                                  "ip route del blackhole " CLIENT_ADDRESS "/32; true");
}

bool network_heal(const struct network *network, struct cast *cast) {
  if (network->is_apart) {
    return heal_link(network);
  }
  const char *why;
  return cast->proxy.pid > 0 ? kill(cast->proxy.pid, SIGCONT) == 0 : cast_start_proxy(cast, &why);
}
