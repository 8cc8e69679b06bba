/* The commands that only ask. */
#include "client.h"

int client_balance(struct client *client, char **arguments) {
  Bank__V1__GetBalanceRequest request = BANK__V1__GET_BALANCE_REQUEST__INIT;
  request.account = arguments[0];
  Bank__V1__Balance *balance;
  if (bank__v1__bank_client__get_balance(client->channel, &request, &client->call, &balance,
                                         client->status)) {
    return client_print_failed_read(client);
  }
  int status = client_print_balance(client, balance);
  bank__v1__balance__free_unpacked(balance, NULL);
  return status;
}

/* Print a page, as far as the limit allows; returns how many more may be printed. */
static int print_page(const struct client *client, const Bank__V1__ListEntriesReply *page,
                      int left) {
  for (size_t i = 0; i < page->n_entries && left > 0; i++, left--) {
    client_print_entry(client, page->entries[i]);
  }
  return left;
}

int client_entries(struct client *client, char **arguments) {
  Bank__V1__ListEntriesRequest request = BANK__V1__LIST_ENTRIES_REQUEST__INIT;
  Bank__V1__ListEntriesReply *page = NULL;
  request.account = arguments[0];
  request.page_size = 500;
  int left = client->limit ? client->limit : INT32_MAX;
  do {
    Bank__V1__ListEntriesReply *next;
    enum sure_code code = bank__v1__bank_client__list_entries(client->channel, &request,
                                                              &client->call, &next, client->status);
    /* The page before holds the token, which the request borrows. */
    bank__v1__list_entries_reply__free_unpacked(page, NULL);
    if (code) {
      return client_print_failed_read(client);
    }
    page = next;
    left = print_page(client, page, left);
    request.page_token = page->next_page_token;
  } while (left > 0 && *page->next_page_token != '\0');
  bank__v1__list_entries_reply__free_unpacked(page, NULL);
  return EXIT_OK;
}

int client_audit(struct client *client, char **arguments) {
  (void)arguments;
  Bank__V1__AuditRequest request = BANK__V1__AUDIT_REQUEST__INIT;
  Bank__V1__AuditReply *audit;
  if (bank__v1__bank_client__audit(client->channel, &request, &client->call, &audit,
                                   client->status)) {
    return client_print_failed_read(client);
  }
  int status = client_print_audit(client, audit);
  bank__v1__audit_reply__free_unpacked(audit, NULL);
  return status;
}
