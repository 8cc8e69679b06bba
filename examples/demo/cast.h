/* The programs that the demo puts on stage, and how they are started. All their files are in the
 * current directory. */
#ifndef DEMO_CAST_H
#define DEMO_CAST_H

#include "child.h"

/* Load programs at a time, and connections of each. */
#define LOADS            3
#define LOAD_CONNECTIONS 4

#define JOURNAL_NAME_LEN_MAX 48

struct cast {
  struct child server;
  struct child proxy;
  struct child loads[LOADS];
  char proxy_url[CHILD_URL_LEN_MAX];
};

/* Each: false if the program could not be started; then `*out_why` says so. */
bool cast_start_server(struct cast *cast, const char **out_why);
bool cast_start_proxy(struct cast *cast, const char **out_why);
/* Start the load `index` of the round, which writes the journal of that name. */
bool cast_start_load(struct cast *cast, unsigned round, unsigned index, unsigned charges,
                     const char **out_why);

/* The file that a load writes its journal to. */
void cast_journal_name(unsigned round, unsigned index, char out_name[JOURNAL_NAME_LEN_MAX]);

/* Run the audit of the ledger against `journal`, and store the line that it prints. Returns its
 * exit status, 2 if it could not be run. */
int cast_run_audit(const char *journal, char *out_line, size_t len);

/* Kill whatever still runs. */
void cast_fini(struct cast *cast);

#endif
