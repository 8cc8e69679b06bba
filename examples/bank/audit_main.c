/* bank-audit: are the payments that clients were told of the payments in the database? */
#include "journal_audit.h"
#include "statements.h"

#include <argp.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_NOT_CLEAN   1
#define EXIT_WRONG_INPUT 2

const char *argp_program_version = "bank-audit (Sure) 0.1.0";

struct arguments {
  const char *database;
  const char *journal;
  bool json;
};

static const struct argp_option options[] = {{"json", 'j', NULL, 0, "Print one line of JSON", 0},
                                             {0}};

static error_t parse_option(int key, char *value, struct argp_state *state) {
  struct arguments *arguments = state->input;
  switch (key) {
  case 'j':
    arguments->json = true;
    return 0;
  case ARGP_KEY_ARG:
    if (state->arg_num == 0) {
      arguments->database = value;
    } else if (state->arg_num == 1) {
      arguments->journal = value;
    } else {
      argp_error(state, "'%s' is one word too many", value);
    }
    return 0;
  case ARGP_KEY_END:
    if (state->arg_num < 2) {
      argp_error(state, "a database and a journal are needed");
    }
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp parser = {
    options,
    parse_option,
    "DATABASE JOURNAL",
    "Compare a bank's ledger with the journal that bank-load wrote.\v"
    "It opens the database itself, to read only, computes every balance again from the bookings, "
    "and looks for charges that are lost (told applied, not booked), doubled (one intent, several "
    "bookings), phantom (told not applied, but booked) or unclaimed (booked, in no journal).\n\n"
    "Exit status: 0 if all is well, 1 if not, 2 for wrong input or an unreadable file.",
    NULL,
    NULL,
    NULL};

static int complain(const char *what, const char *why) {
  fprintf(stderr, "bank-audit: %s: %s\n", what, why);
  return EXIT_WRONG_INPUT;
}

/* What was counted, in the order in which it is shown. */
static json_t *as_json(const struct journal_audit *audit) {
  const struct ledger_audit *ledger = &audit->ledger;
  return json_pack(
      "{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "clean",
      journal_audit_is_clean(audit), "charges", (json_int_t)audit->charges, "applied",
      (json_int_t)audit->applied, "lost", (json_int_t)audit->lost, "doubled",
      (json_int_t)audit->doubled, "phantom", (json_int_t)audit->phantom, "unclaimed",
      (json_int_t)audit->unclaimed, "unknown", (json_int_t)audit->unknown, "accounts",
      (json_int_t)ledger->accounts, "bookings", (json_int_t)ledger->bookings, "wrong_balances",
      (json_int_t)ledger->wrong_balances, "overdrawn", (json_int_t)ledger->overdrawn,
      "unbalanced_currencies", (json_int_t)ledger->unbalanced_currencies, "doubled_payments",
      (json_int_t)ledger->doubled_payments, "excess_refunds", (json_int_t)ledger->excess_refunds);
}

static void print_text(json_t *counts) {
  const char *name;
  json_t *value;
  json_object_foreach(counts, name, value) {
    if (json_is_boolean(value)) {
      printf("%-22s %s\n", name, json_is_true(value) ? "yes" : "NO");
    } else {
      printf("%-22s %" JSON_INTEGER_FORMAT "\n", name, json_integer_value(value));
    }
  }
}

static int print(const struct journal_audit *audit, bool json) {
  json_t *counts = as_json(audit);
  if (!counts) {
    return complain("can't print", "memory is short");
  }
  if (json) {
    json_dumpf(counts, stdout, JSON_COMPACT);
    putchar('\n');
  } else {
    print_text(counts);
  }
  json_decref(counts);
  return journal_audit_is_clean(audit) ? EXIT_SUCCESS : EXIT_NOT_CLEAN;
}

static int audit_files(sqlite3 *database, FILE *journal, bool json) {
  struct journal_audit audit;
  struct ledger_reason why;
  if (journal_audit(database, journal, &audit, &why)) {
    return complain("can't audit", why.text);
  }
  return print(&audit, json);
}

int main(int argc, char **argv) {
  struct arguments arguments = {0};
  argp_err_exit_status = EXIT_WRONG_INPUT;
  argp_parse(&parser, argc, argv, 0, NULL, &arguments);

  FILE *journal = fopen(arguments.journal, "r");
  if (!journal) {
    return complain(arguments.journal, strerror(errno));
  }
  sqlite3 *database;
  int status;
  if (sqlite3_open_v2(arguments.database, &database, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) {
    status = complain(arguments.database, sqlite3_errmsg(database));
  } else {
    status = audit_files(database, journal, arguments.json);
  }
  fclose(journal);
  statements_close(database);
  return fflush(stdout) == 0 ? status : complain("stdout", strerror(errno));
}
