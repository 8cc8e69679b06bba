/* protoc-gen-sure: started by protoc for --sure_out, with a request on stdin and the answer on
 * stdout. */
#include "codegen/generate.h"
#include "codegen/request.h"
#include "codegen/stdio_bytes.h"

#include <signal.h>
#include <string.h>

#define VERSION_TEXT_(major, minor, patch) #major "." #minor "." #patch
#define VERSION_TEXT(major, minor, patch)  VERSION_TEXT_(major, minor, patch)

static const char usage[] =
    "usage: protoc --sure_out=DIRECTORY --c_out=DIRECTORY [-I DIRECTORY] FILE.proto\n"
    "\n"
    "protoc-gen-sure is a plugin of protoc. It writes FILE.sure.h and FILE.sure.c, the typed "
    "client\n"
    "and server code of the services in FILE.proto, on top of the messages that protoc-gen-c\n"
    "(--c_out) writes. protoc finds it in PATH, or with --plugin=protoc-gen-sure=PATH.\n"
    "\n"
    "  --help     show this text\n"
    "  --version  show the version\n"
    "\n"
    "The options that a .proto can use are explained in sure/options.proto.\n";

static const char version[] = "protoc-gen-sure " VERSION_TEXT(
    SURE_VERSION_MAJOR, SURE_VERSION_MINOR, SURE_VERSION_PATCH) "\n";

static const char *answer_request(struct arena *arena) {
  struct sure_bytes request;
  struct sure_bytes answer;
  const char *error = stdio_read_all(arena, REQUEST_LEN_MAX, &request);
  if (!error)
    error = generate(arena, request, &answer);
  return error ? error : stdio_write_all(arena, stdout, answer);
}

static const char *print(struct arena *arena, const char *text) {
  return stdio_write_all(arena, stdout, (struct sure_bytes){(const uint8_t *)text, strlen(text)});
}

int main(int argument_count, char **arguments) {
  /* A reader that is gone is then an error of the write, with a message. */
  signal(SIGPIPE, SIG_IGN);
  struct arena arena = {0};
  const char *error;
  if (argument_count == 1)
    error = answer_request(&arena);
  else if (argument_count == 2 && strcmp(arguments[1], "--help") == 0)
    error = print(&arena, usage);
  else if (argument_count == 2 && strcmp(arguments[1], "--version") == 0)
    error = print(&arena, version);
  else
    error = "no such arguments; try --help";
  if (error)
    fprintf(stderr, "protoc-gen-sure: %s\n", error);
  arena_fini(&arena);
  return error ? 1 : 0;
}
