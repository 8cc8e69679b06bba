/* The command that books a file of payments. */
#include "client.h"
#include "names.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { IMPORT_MS = SURE_CALL_TIMEOUT_MS_MAX, LINE_LEN_MAX = 256, ID_LEN_MAX = 40 };

/* One line of the file, as the message that it becomes, which borrows the rest. */
struct line {
  char text[LINE_LEN_MAX];
  char payment_id[NAME_LEN_MAX + 1];
  struct money money;
  Bank__V1__Money amount;
  Bank__V1__Payment payment;
};

struct import {
  const struct client *client;
  const char *path;
  FILE *file;
  uint64_t number; /* of the line that was read last */
  struct line line;
};

static int complain(const struct import *import, const char *why) {
  fprintf(stderr, "bank: %s, line %" PRIu64 ": %s\n", import->path, import->number, why);
  return EXIT_WRONG_INPUT;
}

/* NULL, or what is wrong with the words of the line. */
static const char *read_words(struct line *line) {
  char *rest = NULL;
  const char *command = strtok_r(line->text, " \t\n", &rest);
  bool is_transfer = command && strcmp(command, "transfer") == 0;
  if (!is_transfer && (!command || strcmp(command, "charge") != 0)) {
    return "a line begins with `charge` or `transfer`";
  }
  char *from = strtok_r(NULL, " \t\n", &rest);
  char *to = is_transfer ? strtok_r(NULL, " \t\n", &rest) : "";
  if (!from || !name_is_valid(from) || !to || (is_transfer && !name_is_valid(to))) {
    return "an account's name is " NAME_RULE;
  }
  char *amount = rest + strspn(rest, " \t");
  amount[strcspn(amount, "\n")] = '\0';
  const char *wrong = money_parse(amount, &line->money);
  if (wrong) {
    return wrong;
  }
  bank__v1__money__init(&line->amount);
  line->amount.minor_units = line->money.minor_units;
  line->amount.currency = line->money.currency;
  bank__v1__payment__init(&line->payment);
  line->payment.payment_id = line->payment_id;
  line->payment.from_account = from;
  line->payment.to_account = to;
  line->payment.amount = &line->amount;
  return NULL;
}

/* The next line. False at the end of the file, or with `*out_status` EXIT_WRONG_INPUT. */
static bool read_line(struct import *import, int *out_status) {
  struct line *line = &import->line;
  *out_status = EXIT_OK;
  if (!fgets(line->text, sizeof line->text, import->file)) {
    if (ferror(import->file)) {
      *out_status = client_complain(import->path, strerror(errno));
    }
    return false;
  }
  import->number++;
  if (!strchr(line->text, '\n') && !feof(import->file)) {
    *out_status = complain(import, "the line is too long");
    return false;
  }
  snprintf(line->payment_id, sizeof line->payment_id, "%s.%" PRIu64, import->client->payment_id,
           import->number);
  const char *wrong = read_words(line);
  if (wrong) {
    *out_status = complain(import, wrong);
  }
  return !wrong;
}

/* Nothing is sent of a file that is wrong somewhere. */
static int check(struct import *import) {
  int status;
  while (read_line(import, &status)) {
  }
  return status;
}

/* Once a second, to whoever looks. */
static void show_progress(struct sure_stream *stream, time_t *shown) {
  time_t now = time(NULL);
  if (now != *shown && isatty(STDERR_FILENO)) {
    fprintf(stderr, "\r%" PRIu64 " payments committed", sure_stream_committed(stream));
    *shown = now;
  }
}

/* What went wrong with the stream its end says. */
static void send_all(struct import *import, struct sure_stream *stream) {
  int status;
  time_t shown = 0;
  rewind(import->file);
  import->number = 0;
  while (read_line(import, &status) &&
         bank__v1__bank_client__import_payments__write(stream, &import->line.payment) == SURE_OK) {
    show_progress(stream, &shown);
  }
  if (shown != 0) {
    fputc('\n', stderr);
  }
  if (status != EXIT_OK) {
    sure_stream_cancel(stream); /* somebody has changed the file */
  }
  sure_stream_done_writing(stream);
}

static int send(struct import *import) {
  const struct client *client = import->client;
  struct sure_call_options call = client->call;
  struct sure_stream *stream;
  call.idempotency_key = client->payment_id;
  call.timeout_ms = call.timeout_ms == 0 ? IMPORT_MS : call.timeout_ms;
  call.waits_for_ready = true;
  if (bank__v1__bank_client__import_payments__open(client->channel, &call, &stream,
                                                   client->status)) {
    return client_print_failed_import(client, 0);
  }
  send_all(import, stream);
  Bank__V1__ImportReport *report;
  uint64_t committed = sure_stream_committed(stream);
  if (bank__v1__bank_client__import_payments__finish(stream, &report)) {
    return client_print_failed_import(client, committed);
  }
  int status = client_print_import(client, report);
  bank__v1__import_report__free_unpacked(report, NULL);
  return status;
}

int client_import(struct client *client, char **arguments) {
  if (strlen(client->payment_id) > ID_LEN_MAX) {
    return client_complain(client->payment_id, "the id of an import has at most 40 characters");
  }
  struct import import = {.client = client, .path = arguments[0]};
  import.file = fopen(import.path, "r");
  if (!import.file) {
    return client_complain(import.path, strerror(errno));
  }
  int status = check(&import);
  if (status == EXIT_OK) {
    client_show_made_id(client);
    status = send(&import);
  }
  (void)fclose(import.file);
  return status;
}
