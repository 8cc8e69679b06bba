#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

bool child_find(const char *directory, const char *name, char out_path[CHILD_PATH_LEN_MAX]) {
  char self[CHILD_PATH_LEN_MAX];
  ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
  if (len <= 0) {
    return false;
  }
  self[len] = '\0';
  *strrchr(self, '/') = '\0';
  int written = snprintf(out_path, CHILD_PATH_LEN_MAX, "%s/%s/%s", self, directory, name);
  return written > 0 && written < CHILD_PATH_LEN_MAX;
}

/* In the new process: only what is allowed between fork and exec. */
static void become(const char *const argv[], const char *log, int output, pid_t parent) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  int errors = log == NULL ? STDERR_FILENO : open(log, O_WRONLY | O_CREAT | O_APPEND, 0666);
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent ||
      dup2(output, STDOUT_FILENO) < 0 || dup2(errors, STDERR_FILENO) < 0) {
    _exit(127);
  }
  execv(argv[0], (char *const *)argv);
  _exit(127);
}

bool child_start(const char *const argv[], const char *log, struct child *out_child) {
  int ends[2];
  pid_t parent = getpid();
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return false;
  }
  pid_t pid = fork();
  if (pid == 0) {
    become(argv, log, ends[1], parent);
  }
  close(ends[1]);
  FILE *output = pid < 0 ? NULL : fdopen(ends[0], "r");
  *out_child = (struct child){.pid = pid, .output = output};
  if (output == NULL) {
    close(ends[0]);
    child_fini(out_child);
    return false;
  }
  return true;
}

bool child_read_url(struct child *child, char out_url[CHILD_URL_LEN_MAX]) {
  static const char start[] = "listening on ";
  char line[CHILD_URL_LEN_MAX + sizeof start];
  while (fgets(line, sizeof line, child->output) != NULL) {
    if (strncmp(line, start, sizeof start - 1) == 0) {
      const char *url = line + sizeof start - 1;
      size_t len = strcspn(url, " \n");
      memcpy(out_url, url, len);
      out_url[len] = '\0';
      return true;
    }
  }
  return false;
}

uint64_t child_number(const char *line, const char *name) {
  char quoted[64];
  snprintf(quoted, sizeof quoted, "\"%s\":", name);
  const char *found = strstr(line, quoted);
  return found == NULL ? 0 : strtoull(found + strlen(quoted), NULL, 10);
}

bool child_has_ended(struct child *child) {
  siginfo_t info = {0};
  return waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid != 0;
}

int child_end(struct child *child, int signal) {
  int status = 0;
  if (signal != 0) {
    kill(child->pid, signal);
  }
  while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {
  }
  child->pid = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void child_fini(struct child *child) {
  if (child->pid > 0) {
    (void)child_end(child, SIGKILL);
  }
  if (child->output != NULL) {
    fclose(child->output);
  }
  *child = (struct child){0};
}
