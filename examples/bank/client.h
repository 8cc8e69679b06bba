/* The parts of the `bank` program. */
#ifndef BANK_CLIENT_H
#define BANK_CLIENT_H

#include "bank.sure.h"
#include "money.h"
#include "verdict.h"

#define EXIT_OK          0
#define EXIT_REFUSED     1
#define EXIT_WRONG_INPUT 2
#define EXIT_NOT_APPLIED 3
#define EXIT_UNKNOWN     4

struct client {
  struct sure_channel *channel;
  struct sure_status *status;
  struct sure_call_options call;
  const char *payment_id; /* of the commands that move money: given, or made up */
  bool id_is_made;        /* nobody has seen the payment id yet */
  const char *overdraft;  /* open-account: an amount as text, or NULL */
  const char *method;     /* settle: the command that the payment was made with, or NULL */
  int limit;              /* entries: how many at most; 0: all */
  bool json;
};

/* A command: `arguments` are the words after its name, as many as it asked for. Returns the exit
 * status. */
typedef int command_fn(struct client *client, char **arguments);

command_fn client_open_account, client_charge, client_transfer, client_refund, client_settle;
command_fn client_import;
command_fn client_balance, client_entries, client_watch, client_audit;

/* Is this the name of a command that moves money? */
bool client_is_payment(const char *command);

/* An id that was made up is shown before anything is sent: whatever happens to this process, the
 * payment can be settled. */
void client_show_made_id(const struct client *client);

/* Read the service config in the file `path`, or say what is wrong with it. Returns the exit
 * status; after EXIT_OK the config is the caller's (sure_service_config_free). */
int client_read_config(const char *path, struct sure_service_config **out_config);

/* Say on stderr what is wrong with the input; returns EXIT_WRONG_INPUT. */
int client_complain(const char *what, const char *why);

/* Say how a payment ended: `client->status` holds it, `receipt` is NULL if there is none. Returns
 * the exit status. */
int client_print_payment(const struct client *client, enum verdict verdict,
                         const Bank__V1__Receipt *receipt);

/* Say what came of an import. Returns the exit status. */
int client_print_import(const struct client *client, const Bank__V1__ImportReport *report);
/* Say why it is not finished, and that `committed` of its payments stand. Returns the exit status.
 */
int client_print_failed_import(const struct client *client, uint64_t committed);

/* Say why a question was not answered, from `client->status`. Returns the exit status. */
int client_print_failed_read(const struct client *client);

/* The answers to questions. Return the exit status. */
int client_print_balance(const struct client *client, const Bank__V1__Balance *balance);
int client_print_entry(const struct client *client, const Bank__V1__Entry *entry);
int client_print_audit(const struct client *client, const Bank__V1__AuditReply *audit);

#endif
