/* bank: the bank's client. */
#include "client.h"
#include "names.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX      3
#define SERVER_DEFAULT "tcp://127.0.0.1:5001"

const char *argp_program_version = "bank (Sure) 0.1.0";

static const struct command {
  const char *name;
  size_t word_count; /* after the name */
  command_fn *run;
} commands[] = {
    {"open-account", 2, client_open_account},
    {"charge", 2, client_charge},
    {"transfer", 3, client_transfer},
    {"refund", 2, client_refund},
    {"import", 1, client_import},
    {"settle", 1, client_settle},
    {"balance", 1, client_balance},
    {"entries", 1, client_entries},
    {"watch", 1, client_watch},
    {"audit", 0, client_audit},
};

struct arguments {
  const char *server;
  const char *config_path; /* NULL: no service config */
  const struct command *command;
  char *words[WORDS_MAX];
  size_t word_count;
  struct client client;
  bool verbose;
};

enum { OPTION_OVERDRAFT = 256, OPTION_METHOD, OPTION_LIMIT, OPTION_SERVICE_CONFIG };

static const struct argp_option options[] = {
    {"server", 's', "URL", 0,
     "The bank-server; or several of one bank, and replicas, with commas between them. "
     "Default: " SERVER_DEFAULT,
     0},
    {"timeout", 't', "SECONDS", 0,
     "Wait so long for an answer, such as 0.5. Default: 10; watch, import: 7 days", 0},
    {"service-config", OPTION_SERVICE_CONFIG, "FILE", 0,
     "Time-outs, retries and the like, in gRPC's JSON. Default: those of the program", 0},
    {"payment-id", 'p', "ID", 0,
     "The id that this payment, or import, is booked under, once: " NAME_RULE
     ". One is made up and printed if it is not given",
     0},
    {"overdraft", OPTION_OVERDRAFT, "AMOUNT", 0,
     "open-account: how far below zero the account may go. Default: 0", 0},
    {"method", OPTION_METHOD, "COMMAND", 0,
     "settle: the command that the payment was made with, if you know it", 0},
    {"limit", OPTION_LIMIT, "COUNT", 0, "entries, watch: print so many at most", 0},
    {"json", 'j', NULL, 0, "Print JSON, one line an answer", 0},
    {"verbose", 'v', NULL, 0, "Say more on stderr", 0},
    {0}};

static uint32_t parse_timeout(struct argp_state *state, const char *text) {
  char *end;
  double seconds = strtod(text, &end);
  if (end == text || *end != '\0' ||
      !(seconds >= 0.001 && seconds * 1000 <= SURE_CALL_TIMEOUT_MS_MAX)) {
    argp_error(state, "'%s' is not a number of seconds from 0.001 to %d", text,
               SURE_CALL_TIMEOUT_MS_MAX / 1000);
  }
  return (uint32_t)(seconds * 1000);
}

static int parse_count(struct argp_state *state, const char *text) {
  char *end;
  errno = 0;
  long count = strtol(text, &end, 10);
  if (errno || end == text || *end != '\0' || count < 1 || count > INT32_MAX) {
    argp_error(state, "'%s' is not a number from 1 to %d", text, INT32_MAX);
  }
  return (int)count;
}

static void parse_word(struct argp_state *state, struct arguments *arguments, char *word) {
  if (arguments->command) {
    if (arguments->word_count == arguments->command->word_count) {
      argp_error(state, "'%s' is one word too many", word);
    }
    arguments->words[arguments->word_count++] = word;
    return;
  }
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
    if (strcmp(commands[i].name, word) == 0) {
      arguments->command = &commands[i];
    }
  }
  if (!arguments->command) {
    argp_error(state, "there is no command '%s'", word);
  }
}

static void check_words(struct argp_state *state, const struct arguments *arguments) {
  if (!arguments->command) {
    argp_error(state, "a command is missing");
  } else if (arguments->word_count < arguments->command->word_count) {
    argp_error(state, "%s takes %zu words after it", arguments->command->name,
               arguments->command->word_count);
  }
}

static error_t parse_option(int key, char *value, struct argp_state *state) {
  struct arguments *arguments = state->input;
  struct client *client = &arguments->client;
  switch (key) {
  case 's':
    arguments->server = value;
    return 0;
  case 't':
    client->call.timeout_ms = parse_timeout(state, value);
    return 0;
  case OPTION_SERVICE_CONFIG:
    arguments->config_path = value;
    return 0;
  case 'p':
    if (!name_is_valid(value)) {
      argp_error(state, "a payment id is " NAME_RULE);
    }
    client->payment_id = value;
    return 0;
  case OPTION_OVERDRAFT:
    client->overdraft = value;
    return 0;
  case OPTION_METHOD:
    if (!client_is_payment(value)) {
      argp_error(state, "'%s' is no command that moves money", value);
    }
    client->method = value;
    return 0;
  case OPTION_LIMIT:
    client->limit = parse_count(state, value);
    return 0;
  case 'j':
    client->json = true;
    return 0;
  case 'v':
    arguments->verbose = true;
    return 0;
  case ARGP_KEY_ARG:
    parse_word(state, arguments, value);
    return 0;
  case ARGP_KEY_END:
    check_words(state, arguments);
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp parser = {
    options,
    parse_option,
    "open-account ACCOUNT DEPOSIT\n"
    "charge ACCOUNT AMOUNT\n"
    "transfer FROM TO AMOUNT\n"
    "refund CHARGE-PAYMENT-ID AMOUNT\n"
    "import FILE\n"
    "settle PAYMENT-ID\n"
    "balance ACCOUNT\n"
    "entries ACCOUNT\n"
    "watch ACCOUNT\n"
    "audit",
    "Move money, once, and ask where it is.\v"
    "An AMOUNT is written like \"12.34 EUR\".\n\n"
    "A payment takes effect once, however often it is sent: try again with the same --payment-id "
    "as long as the outcome is not final. `settle` makes it final: it says what became of a "
    "payment, and if nothing did, sees to it that nothing ever will under this id.\n\n"
    "`import` books a payment for each line of a file, \"charge ACCOUNT AMOUNT\" or "
    "\"transfer FROM TO AMOUNT\". Whatever is lost in the middle, also this program: import the "
    "same file again with the same --payment-id (at most 40 characters), and it goes on where it "
    "was. That is also how one learns what became of it: `settle` is for single payments.\n\n"
    "Exit status:\n"
    "  0  applied, or answered\n"
    "  1  refused: not applied, and the payment id is used up; or some payments of an import "
    "were; or an audit that is not clean\n"
    "  2  wrong input: nothing was sent\n"
    "  3  not applied, nothing recorded, or not all of an import: try again with the same payment "
    "id\n"
    "  4  unknown: run `bank settle PAYMENT-ID`",
    NULL,
    NULL,
    NULL};

/* A payment without an id gets one. */
static bool ensure_payment_id(struct arguments *arguments, char made[NAME_RANDOM_LEN]) {
  bool needs_id =
      client_is_payment(arguments->command->name) || arguments->command->run == client_import;
  if (arguments->client.payment_id || !needs_id) {
    return true;
  }
  if (!name_make_payment_id(made)) {
    return false;
  }
  arguments->client.payment_id = made;
  arguments->client.id_is_made = true;
  return true;
}

static int run(struct arguments *arguments, const struct sure_service_config *config) {
  struct client *client = &arguments->client;
  const struct sure_channel_options channel_options = {
      .target = arguments->server,
      .service_config = config,
      .logger = {.fn = sure_log_to_stderr,
                 .level_min = arguments->verbose ? SURE_LOG_DEBUG : SURE_LOG_ERROR}};
  enum sure_code code = sure_channel_open(&channel_options, &client->channel);
  if (code == SURE_INVALID_ARGUMENT) {
    return EXIT_WRONG_INPUT; /* the library has said what is wrong with the address */
  }
  if (code) {
    return client_complain("can't start", sure_code_text(code));
  }
  int status = arguments->command->run(client, arguments->words);
  sure_channel_free(client->channel, 0);
  return status;
}

static int configure_and_run(struct arguments *arguments) {
  struct sure_service_config *config = NULL;
  int status = EXIT_OK;
  if (arguments->config_path) {
    status = client_read_config(arguments->config_path, &config);
  }
  if (status == EXIT_OK) {
    status = run(arguments, config);
  }
  sure_service_config_free(config);
  return status;
}

int main(int argc, char **argv) {
  struct arguments arguments = {.server = SERVER_DEFAULT};
  char made[NAME_RANDOM_LEN];
  argp_err_exit_status = EXIT_WRONG_INPUT;
  argp_parse(&parser, argc, argv, 0, NULL, &arguments);
  if (!ensure_payment_id(&arguments, made)) {
    return client_complain("can't make a payment id", "the system has no random numbers");
  }
  arguments.client.status = sure_status_new();
  if (!arguments.client.status) {
    return client_complain("can't start", "memory is short");
  }
  int status = configure_and_run(&arguments);
  sure_status_free(arguments.client.status);
  if (fflush(stdout) != 0) {
    fprintf(stderr, "bank: stdout: %s\n", strerror(errno));
  }
  return status;
}
