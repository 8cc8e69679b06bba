#include "network.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATIENCE_S = 3 };

static FILE *reach(const char *socket_path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(socket_path) >= sizeof address.sun_path) {
    return NULL;
  }
  strncpy(address.sun_path, socket_path, sizeof address.sun_path - 1);
  int line = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct timeval patience = {.tv_sec = PATIENCE_S};
  setsockopt(line, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (line >= 0 && !connect(line, (struct sockaddr *)&address, sizeof address)) {
    return fdopen(line, "r+");
  }
  if (line >= 0) {
    close(line);
  }
  return NULL;
}

static enum verdict listen_for(FILE *line, int64_t *out_approval) {
  char answer[64];
  if (!fgets(answer, sizeof answer, line)) {
    return UNANSWERED;
  }
  const char authorized[] = "AUTHORIZED ";
  if (strncmp(answer, authorized, sizeof authorized - 1) == 0) {
    *out_approval = strtoll(answer + sizeof authorized - 1, NULL, 10);
    return AUTHORIZED;
  }
  return strcmp(answer, "DECLINED\n") == 0 || strcmp(answer, "CLOSED\n") == 0 ? DECLINED
                                                                              : UNANSWERED;
}

static enum verdict ask(const char *socket_path, const char *question, int64_t *out_approval) {
  FILE *line = reach(socket_path);
  if (!line) {
    return UNREACHED;
  }
  fputs(question, line);
  fflush(line);
  enum verdict verdict = listen_for(line, out_approval);
  fclose(line);
  return verdict;
}

enum verdict network_authorize(const char *socket_path, const char *key, const char *card,
                               int64_t cents, int64_t *out_approval) {
  char question[160];
  snprintf(question, sizeof question, "AUTHORIZE %s %s %" PRId64 "\n", key, card, cents);
  return ask(socket_path, question, out_approval);
}

enum verdict network_close(const char *socket_path, const char *key, int64_t *out_approval) {
  char question[160];
  snprintf(question, sizeof question, "CLOSE %s\n", key);
  return ask(socket_path, question, out_approval);
}
