/* sure-bench-crowd [SECONDS]: what connections on which nothing happens cost those that are busy.
 * 256 connections with a call open on each, alone and then among 10 000. Prints
 * `few CALLS_PER_S many CALLS_PER_S`. Server, busy clients and idle ones are a process each. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "connect.h"
#include "load.h"
#include "served.h"

enum { BUSY = 256, ALL = 10000 };

/* ---- the idle ones ---- */

/* Their process, and a socket: a byte there has them connect, one back says that they have. They
 * stay until it is closed. */
struct idle {
  pid_t pid;
  int socket;
};

/* The connections end with the process. */
static int be_idle(const char *url, int socket) {
  static struct sure_channel *channels[ALL - BUSY];
  char byte;
  bool is_good = read(socket, &byte, 1) == 1 && connect_all(url, channels, ALL - BUSY) &&
                 write(socket, &byte, 1) == 1 && read(socket, &byte, 1) == 0;
  return is_good ? 0 : 1;
}

static bool idle_start(struct idle *idle, const char *url) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
    return false;
  }
  idle->pid = fork();
  if (idle->pid == 0) {
    close(ends[0]);
    _exit(be_idle(url, ends[1]));
  }
  close(ends[1]);
  idle->socket = ends[0];
  return idle->pid > 0;
}

static bool idle_connect(const struct idle *idle) {
  char byte = 0;
  return write(idle->socket, &byte, 1) == 1 && read(idle->socket, &byte, 1) == 1;
}

static bool idle_stop(struct idle *idle) {
  int status = 0;
  close(idle->socket);
  return waitpid(idle->pid, &status, 0) == idle->pid && status == 0;
}

/* ---- the busy ones ---- */

static bool measure(const char *url, const struct idle *idle, double seconds) {
  static struct sure_channel *channels[BUSY];
  bool is_good = connect_all(url, channels, BUSY);
  double few = is_good ? load_run(channels, BUSY, seconds) : 0;
  is_good = is_good && idle_connect(idle);
  double many = is_good ? load_run(channels, BUSY, seconds) : 0;
  disconnect_all(channels, BUSY);
  printf("few %.0f many %.0f\n", few, many);
  return few > 0 && many > 0;
}

int main(int argc, char **argv) {
  double seconds = argc == 2 ? strtod(argv[1], NULL) : 1;
  struct served server;
  struct idle idle;
  if (argc > 2 || seconds <= 0) {
    fprintf(stderr, "usage: %s [SECONDS]\n", argv[0]);
    return 2;
  }
  if (!served_start(&server, NULL, load_set_up)) {
    return 1;
  }
  bool is_good = false;
  if (idle_start(&idle, server.url)) {
    is_good = measure(server.url, &idle, seconds);
    is_good = idle_stop(&idle) && is_good;
  }
  return served_stop(&server) && is_good ? 0 : 1;
}
