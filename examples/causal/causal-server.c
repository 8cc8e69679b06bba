/* causal-server NAME DIARY [URL]: keeps a diary, a line for each thing that it is told: the stamp
 * of the hybrid logical clock, what this machine's own clock says, and who has written it. */
#include "causal.sure.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

struct desk {
  const char *name;
  FILE *diary;
};

static void print_wall_clock(FILE *file) {
  struct timespec now;
  struct tm utc;
  char text[16] = "?";
  clock_gettime(CLOCK_REALTIME, &now);
  if (gmtime_r(&now.tv_sec, &utc) != NULL) {
    strftime(text, sizeof text, "%H:%M:%S", &utc);
  }
  fprintf(file, "%s.%03ld", text, now.tv_nsec / 1000000);
}

static enum sure_code tell(void *user, struct sure_call *call,
                           const Causal__V1__TellRequest *request, Causal__V1__TellReply *reply) {
  struct desk *desk = user;
  (void)reply;
  fprintf(desk->diary, "%" PRIu64 " ", sure_call_stamp(call));
  print_wall_clock(desk->diary);
  fprintf(desk->diary, " %s: %s\n", desk->name, request->text);
  return fflush(desk->diary) == 0 ? SURE_OK
                                  : sure_call_fail(call, SURE_UNAVAILABLE, "the diary is full");
}

int main(int argc, char **argv) {
  static const struct causal__v1__desk_server handlers = {.tell = tell};
  const struct sure_server_options options = {
      .logger = {.fn = sure_log_to_stderr, .level_min = SURE_LOG_INFO}, .pool_thread_count = 1};
  if (argc < 3) {
    fprintf(stderr, "usage: causal-server NAME DIARY [URL]\n");
    return 2;
  }
  struct desk desk = {.name = argv[1], .diary = fopen(argv[2], "a")};
  if (desk.diary == NULL) {
    perror(argv[2]);
    return 1;
  }
  struct sure_server *server = NULL;
  enum sure_code code = sure_server_open(&options, &server);
  code = code ? code : causal__v1__desk_server__register(server, &handlers, &desk);
  code = code ? code : sure_server_listen(server, argc > 3 ? argv[3] : "tcp://127.0.0.1:5000");
  code = code ? code : sure_server_run(server, 0);
  if (code) {
    fprintf(stderr, "causal-server: %s\n", sure_code_text(code));
  }
  sure_server_free(server);
  fclose(desk.diary);
  return code ? 1 : 0;
}
