/* interceptors-server URL TOKEN NAME [TOKEN NAME ...]: greets whoever shows one of the tokens, and
 * prints its metrics when it ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bearer.h"
#include "hello.sure.h"
#include "metrics.h"

/* Greets by the name that belongs to the token, whatever the request says. */
static enum sure_code greet(void *user, struct sure_call *call,
                            const Hello__V1__GreetRequest *request, Hello__V1__GreetReply *reply) {
  (void)user;
  (void)request;
  struct sure_bytes name = sure_call_principal(call);
  reply->text = sure_call_alloc(call, sizeof "Hello, !" + name.len);
  if (!reply->text) {
    return SURE_RESOURCE_EXHAUSTED;
  }
  sprintf(reply->text, "Hello, %.*s!", (int)name.len, (const char *)name.data);
  return SURE_OK;
}

static enum sure_code serve(const char *url, const struct bearer *bearers,
                            struct metrics *metrics) {
  static const struct hello__v1__greeter_server handlers = {.greet = greet};
  const struct sure_server_options options = {
      .logger = {.fn = sure_log_to_stderr, .level_min = SURE_LOG_INFO}};
  const struct sure_server_interceptor bearer = bearer_interceptor(bearers);
  const struct sure_server_interceptor counter = metrics_interceptor(metrics);
  struct sure_server *server = NULL;
  enum sure_code code = sure_server_open(&options, &server);
  code = code ? code : sure_server_add_interceptor(server, &bearer);
  code = code ? code : sure_server_add_interceptor(server, &counter);
  code = code ? code : hello__v1__greeter_server__register(server, &handlers, NULL);
  code = code ? code : sure_server_listen(server, url);
  code = code ? code : sure_server_run(server, 0);
  sure_server_free(server);
  return code;
}

int main(int argc, char **argv) {
  if (argc < 4 || argc % 2 != 0) {
    fprintf(stderr, "usage: interceptors-server URL TOKEN NAME [TOKEN NAME ...]\n");
    return 2;
  }
  struct metrics metrics = {0};
  struct bearer *bearers = calloc((size_t)argc / 2, sizeof *bearers); /* the last one is the end */
  for (int i = 2; bearers && i < argc; i += 2) {
    bearers[i / 2 - 1] = (struct bearer){argv[i], argv[i + 1]};
  }
  enum sure_code code = bearers ? serve(argv[1], bearers, &metrics) : SURE_RESOURCE_EXHAUSTED;
  if (code) {
    fprintf(stderr, "interceptors-server: %s\n", sure_code_text(code));
  }
  metrics_print(&metrics, stdout);
  free(bearers);
  return code ? 1 : 0;
}
