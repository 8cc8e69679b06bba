/* Uses both libraries and what was generated; everything must be found and linked. */
#include "greeter.sure.h"

#include <stdio.h>
#include <string.h>
#include <sure/sqlite.h>
#include <sure/sure.h>

static enum sure_code greet(void *user, struct sure_call *call,
                            const Google__Protobuf__Empty *request, Greeter__Greeting *reply) {
  (void)user;
  (void)request;
  reply->text = sure_call_strdup(call, sure_call_sqlite(call) ? "hello" : "no transaction");
  return SURE_OK;
}

/* Serve on a free port and call ourselves. */
static int serve_and_call(struct sure_server *server) {
  static const struct greeter__greeter_server handlers = {.greet = greet};
  struct sure_channel *channel = NULL;
  Greeter__Greeting *greeting = NULL;
  const Google__Protobuf__Empty nothing = GOOGLE__PROTOBUF__EMPTY__INIT;
  int failed = greeter__greeter_server__register(server, &handlers, NULL) ||
               sure_server_listen(server, "tcp://127.0.0.1:0");
  if (!failed) {
    struct sure_channel_options options = {.target = sure_server_url(server, 0)};
    failed = sure_channel_open(&options, &channel) ||
             greeter__greeter_client__greet(channel, &nothing, NULL, &greeting, NULL) != SURE_OK ||
             strcmp(greeting->text, "hello") != 0;
  }
  if (greeting) {
    greeter__greeting__free_unpacked(greeting, NULL);
  }
  sure_channel_free(channel, 0);
  return failed;
}

int main(void) {
  struct sure_store *store = NULL;
  struct sure_server *server = NULL;
  static const char path[] = "consumer.db";
  const struct sure_sqlite_store_options store_options = {.path = path};
  char error[256] = "";
  remove(path);
  int failed = sure_sqlite_store_open(&store_options, &store, error, sizeof error) != SURE_OK;
  if (!failed) {
    const struct sure_server_options options = {.store = store};
    failed = sure_server_open(&options, &server) || serve_and_call(server);
  }
  sure_server_free(server);
  sure_store_free(store);
  remove(path);
  printf("sure %s: %s%s\n", sure_version(), failed ? "failed " : "works", error);
  return failed;
}
