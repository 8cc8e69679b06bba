/* The programs of the bank as they are put on stage, and how they are started. All their files are
 * in the current directory or below. */
#ifndef DEMO_CAST_H
#define DEMO_CAST_H

#include "child.h"

/* Load programs at a time, and connections of each. */
#define LOADS            3
#define LOAD_CONNECTIONS 4

#define JOURNAL_NAME_LEN_MAX 48

struct cast {
  /* Said beforehand. */
  const char *server_url;
  const char *proxy_url;
  const char *database;
  const char *loss;      /* the proxy's faults, for each request and each reply */
  const char *give_up_s; /* a load ends by then, whatever it has reached */
  unsigned charges_a_load;

  struct child server;
  struct child proxy;
  struct child loads[LOADS];
};

/* Each: false if the program could not be started; then `*out_why` says so. */
bool cast_start_server(struct cast *cast, const char **out_why);
bool cast_start_proxy(struct cast *cast, const char **out_why);
/* Start a load at `index` that charges the bank at `url`. Its number tells it from all others,
 * names its payments, and its journal. */
bool cast_start_load(struct cast *cast, unsigned index, unsigned number, const char *url,
                     const char **out_why);

/* The file that a load writes its journal to. */
void cast_journal_name(unsigned number, char out_name[JOURNAL_NAME_LEN_MAX]);

/* Run the audit of the ledger against `journal`, and store the line that it prints. Returns its
 * exit status, 2 if it could not be run. */
int cast_run_audit(const struct cast *cast, const char *journal, char *out_line, size_t len);

/* Kill whatever still runs. */
void cast_fini(struct cast *cast);

#endif
