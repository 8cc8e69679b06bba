/* hello-server [URL]: greets, and counts the greetings. */
#include "hello.sure.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static enum sure_code greet(void *user, struct sure_call *call,
                            const Hello__V1__GreetRequest *request, Hello__V1__GreetReply *reply) {
  _Atomic int64_t *greetings = user;
  if (*request->name == '\0') {
    return sure_call_fail(call, SURE_INVALID_ARGUMENT, "nobody to greet");
  }
  size_t size = sizeof "Hello, !" + strlen(request->name);
  reply->text = sure_call_alloc(call, size);
  if (!reply->text) {
    return SURE_RESOURCE_EXHAUSTED;
  }
  snprintf(reply->text, size, "Hello, %s!", request->name);
  reply->number = atomic_fetch_add(greetings, 1) + 1;
  return SURE_OK;
}

int main(int argc, char **argv) {
  static const struct hello__v1__greeter_server handlers = {.greet = greet};
  const struct sure_server_options options = {
      .logger = {.fn = sure_log_to_stderr, .level_min = SURE_LOG_INFO}};
  _Atomic int64_t greetings = 0;
  struct sure_server *server = NULL;
  enum sure_code code = sure_server_open(&options, &server);
  code = code ? code : hello__v1__greeter_server__register(server, &handlers, &greetings);
  code = code ? code : sure_server_listen(server, argc > 1 ? argv[1] : "tcp://127.0.0.1:5000");
  code = code ? code : sure_server_run(server, 0);
  if (code) {
    fprintf(stderr, "hello-server: %s\n", sure_code_text(code));
  }
  sure_server_free(server);
  return code ? 1 : 0;
}
