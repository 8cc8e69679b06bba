#include "served.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DRAIN_MS = 100 };

static int serve(const struct sure_server_options *options, served_set_up *set_up, int url_fd) {
  struct sure_server *server = NULL;
  enum sure_code code = sure_server_open(options, &server);
  code = code == SURE_OK && set_up != NULL ? set_up(server) : code;
  code = code ? code : sure_server_listen(server, "tcp://127.0.0.1:0");
  const char *url = code ? "" : sure_server_url(server, 0);
  if (code == SURE_OK && write(url_fd, url, strlen(url) + 1) > 0) {
    code = sure_server_run(server, DRAIN_MS);
  }
  if (code != SURE_OK && code != SURE_DEADLINE_EXCEEDED) {
    fprintf(stderr, "the server ends: %s\n", sure_code_name(code));
  }
  sure_server_free(server);
  return code == SURE_OK || code == SURE_DEADLINE_EXCEEDED ? 0 : 1;
}

bool served_start(struct served *served, const struct sure_server_options *options,
                  served_set_up *set_up) {
  int ends[2];
  *served = (struct served){.pid = -1};
  if (pipe(ends) != 0) {
    return false;
  }
  served->pid = fork();
  if (served->pid == 0) {
    close(ends[0]);
    _exit(serve(options, set_up, ends[1]));
  }
  close(ends[1]);
  bool is_ready = served->pid > 0 && read(ends[0], served->url, sizeof served->url - 1) > 0;
  close(ends[0]);
  return is_ready;
}

bool served_stop(struct served *served) {
  int status = 0;
  kill(served->pid, SIGTERM);
  return waitpid(served->pid, &status, 0) == served->pid && status == 0;
}
