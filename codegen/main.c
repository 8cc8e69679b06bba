/* protoc-gen-sure: started by protoc for --sure_out, with a request on stdin and the answer on
 * stdout. */
#include "codegen/generate.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION_TEXT_(major, minor, patch) #major "." #minor "." #patch
#define VERSION_TEXT(major, minor, patch)  VERSION_TEXT_(major, minor, patch)

static const char *const usage =
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

static int fail(const char *what) {
  fprintf(stderr, "protoc-gen-sure: %s\n", what);
  return 1;
}

/* All of stdin, up to the most that is accepted and one byte, so that more is noticed. */
static const char *read_request(struct arena *arena, struct sure_bytes *out_request) {
  size_t capacity = 64 * 1024;
  size_t len = 0;
  uint8_t *bytes = arena_alloc(arena, capacity);
  for (size_t more; (more = fread(bytes + len, 1, capacity - len, stdin)) > 0;) {
    len += more;
    if (len > GENERATE_REQUEST_LEN_MAX)
      break;
    if (len == capacity) {
      uint8_t *grown = arena_alloc(arena, 2 * capacity);
      memcpy(grown, bytes, len);
      bytes = grown;
      capacity *= 2;
    }
  }
  if (ferror(stdin))
    return arena_printf(arena, "can't read the request: %s", strerror(errno));
  *out_request = (struct sure_bytes){bytes, len};
  return NULL;
}

/* A full disk may show only when the last of the buffer is written, so the close counts too. */
static int write_all(const void *bytes, size_t len) {
  if (fwrite(bytes, 1, len, stdout) != len || fclose(stdout) != 0) {
    fprintf(stderr, "protoc-gen-sure: can't write the answer: %s\n", strerror(errno));
    return 1;
  }
  return 0;
}

static int answer_request(struct arena *arena) {
  struct sure_bytes request;
  struct sure_bytes answer;
  const char *error = read_request(arena, &request);
  if (!error)
    error = generate(arena, request, &answer);
  return error ? fail(error) : write_all(answer.data, answer.len);
}

static int answer_arguments(int count, char **arguments) {
  static const char version[] = "protoc-gen-sure " VERSION_TEXT(
      SURE_VERSION_MAJOR, SURE_VERSION_MINOR, SURE_VERSION_PATCH) "\n";
  if (count == 2 && strcmp(arguments[1], "--help") == 0)
    return write_all(usage, strlen(usage));
  if (count == 2 && strcmp(arguments[1], "--version") == 0)
    return write_all(version, strlen(version));
  fputs(usage, stderr);
  return 2;
}

int main(int argument_count, char **arguments) {
  if (argument_count > 1)
    return answer_arguments(argument_count, arguments);
  /* A reader that is gone is then an error of the write, with a message. */
  signal(SIGPIPE, SIG_IGN);
  struct arena arena = {0};
  int status = answer_request(&arena);
  arena_fini(&arena);
  return status;
}
