/* cards-server DATABASE NETWORK-SOCKET [URL]: charges cards at the network, each once. */
#include "cards.sure.h"

#include <stdio.h>
#include <string.h>
#include <sure/sqlite.h>

#include "network.h"

/* What the handler returns is what it knows. That the answer is lost is no reason to say "not
 * done": the call is in doubt then, and the reconciler finds out. */
static enum sure_code authorize(void *user, struct sure_call *call,
                                const Cards__V1__AuthorizeRequest *request,
                                Cards__V1__AuthorizeReply *reply) {
  const char *network = user;
  size_t len = strlen(request->card);
  if (len < 12 || len > 19 || strspn(request->card, "0123456789") != len || request->cents <= 0) {
    return sure_call_not_applied(call, sure_call_fail(call, SURE_INVALID_ARGUMENT,
                                                      "a card has 12 to 19 digits, and the "
                                                      "amount must be above zero"));
  }
  const char *key = sure_call_effect_key(call);
  if (!key) {
    return sure_call_not_applied(call, SURE_RESOURCE_EXHAUSTED);
  }
  switch (network_authorize(network, key, request->card, request->cents, &reply->approval)) {
  case AUTHORIZED:
    return SURE_OK;
  case DECLINED:
    return sure_call_not_applied(
        call, sure_call_fail(call, SURE_FAILED_PRECONDITION, "the card is declined"));
  case UNREACHED:
    return sure_call_not_applied(
        call, sure_call_fail(call, SURE_UNAVAILABLE, "the card network can't be reached"));
  case UNANSWERED:
    break;
  }
  return sure_call_fail(call, SURE_UNKNOWN, "the card network has not answered");
}

static enum sure_resolution reconcile(void *user, struct sure_call *call, ProtobufCMessage *reply) {
  const char *network = user;
  Cards__V1__AuthorizeReply *found = (Cards__V1__AuthorizeReply *)reply;
  const char *key = sure_call_effect_key(call);
  if (!key) {
    return SURE_RESOLVE_LATER;
  }
  switch (network_close(network, key, &found->approval)) {
  case AUTHORIZED:
    return SURE_RESOLVE_APPLIED;
  case DECLINED:
    return SURE_RESOLVE_NOT_APPLIED;
  case UNREACHED:
  case UNANSWERED:
    break;
  }
  return SURE_RESOLVE_LATER;
}

static enum sure_code serve(struct sure_store *store, char *network, const char *url) {
  static const struct cards__v1__cards_server handlers = {.authorize = authorize};
  const struct sure_server_options options = {
      .store = store,
      .reconcile_ms = 500,
      .logger = {.fn = sure_log_to_stderr, .level_min = SURE_LOG_INFO}};
  struct sure_server *server = NULL;
  enum sure_code code = sure_server_open(&options, &server);
  code = code ? code : cards__v1__cards_server__register(server, &handlers, network);
  code = code ? code
              : sure_server_set_reconciler(server, "cards.v1.Cards/Authorize", reconcile, network);
  code = code ? code : sure_server_listen(server, url);
  code = code ? code : sure_server_run(server, 0);
  if (code) {
    fprintf(stderr, "cards-server: %s\n", sure_code_text(code));
  }
  sure_server_free(server);
  return code;
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: cards-server DATABASE NETWORK-SOCKET [URL]\n");
    return 2;
  }
  const struct sure_sqlite_store_options options = {.path = argv[1]};
  struct sure_store *store = NULL;
  char why[256];
  if (sure_sqlite_store_open(&options, &store, why, sizeof why)) {
    fprintf(stderr, "cards-server: %s\n", why);
    return 1;
  }
  enum sure_code code = serve(store, argv[2], argc > 3 ? argv[3] : "tcp://127.0.0.1:5000");
  sure_store_free(store);
  return code ? 1 : 0;
}
