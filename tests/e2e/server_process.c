/* Server processes: started, met in their handlers, signalled, reaped. */
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONTROL_FD = 3, ARGUMENTS_MAX = 12 };

static void spawn(struct server *server, char **arguments, int control) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none;
  sigemptyset(&none);
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, control, CONTROL_FD);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  int error = posix_spawn(&server->pid, E2E_SERVER, &actions, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  assert_int_equal(error, 0);
}

static void read_url(struct server *server) {
  size_t len = 0;
  while (len + 1 < sizeof server->url && read(server->control, server->url + len, 1) == 1 &&
         server->url[len] != '\n') {
    len++;
  }
  server->url[len] = '\0';
  if (len == 0) {
    fail_msg("the server did not start");
  }
}

void server_start(struct server *server, const struct server_options *options) {
  char lease[16];
  char busy[16];
  char *arguments[ARGUMENTS_MAX] = {"e2e-server"};
  size_t count = 1;
  snprintf(lease, sizeof lease, "%u", options->lease_ms);
  snprintf(busy, sizeof busy, "%u", options->busy_ms);
  const struct {
    char *name;
    char *value;
  } pairs[] = {
      {"--database", (char *)(uintptr_t)options->database},
      {"--url", (char *)(uintptr_t)options->url},
      {"--lease", lease},
      {"--busy", busy},
  };
  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
    if (pairs[i].value != NULL) {
      arguments[count++] = pairs[i].name;
      arguments[count++] = pairs[i].value;
    }
  }
  int ends[2];
  server_kill(server);
  /* Above CONTROL_FD, so that the child's copy is never the same descriptor. */
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  int control = fcntl(ends[1], F_DUPFD_CLOEXEC, CONTROL_FD + 1);
  close(ends[1]);
  server->control = ends[0];
  spawn(server, arguments, control);
  close(control);
  read_url(server);
}

void server_wait_in_handler(struct server *server) {
  char byte;
  assert_int_equal(read(server->control, &byte, 1), 1);
}

void server_let_go(struct server *server) {
  assert_int_equal(write(server->control, "g", 1), 1);
}

void server_signal(const struct server *server, int number) {
  assert_int_equal(kill(server->pid, number), 0);
}

int server_wait(struct server *server) {
  int status = 0;
  while (waitpid(server->pid, &status, 0) < 0 && errno == EINTR) {
  }
  close(server->control);
  server->pid = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void server_kill(struct server *server) {
  if (server->pid != 0) {
    kill(server->pid, SIGKILL);
    assert_int_equal(server_wait(server), -SIGKILL);
  }
}
