/* bank-load: many clients that charge at once, and bring every payment to a certain end. */
#include "load.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EXIT_UNFINISHED  1
#define EXIT_WRONG_INPUT 2
#define THREADS_MAX      1024
#define CONNECTIONS_MAX  64

const char *argp_program_version = "bank-load (Sure) 0.1.0";

enum { OPTION_TIMEOUT = 256, OPTION_SEED, OPTION_JOURNAL, OPTION_JSON, OPTION_GIVE_UP };

static const struct argp_option options[] = {
    {"server", 's', "URL", 0, "The bank-server. Default: tcp://127.0.0.1:5001", 0},
    {"charges", 'n', "COUNT", 0, "How many charges are wanted. Default: 5000", 0},
    {"connections", 'c', "COUNT", 0, "Default: 4, at most 64", 0},
    {"outstanding", 'k', "COUNT", 0, "Calls at a time on each connection. Default: 16", 0},
    {"timeout-ms", OPTION_TIMEOUT, "MS", 0, "The deadline of one call. Default: 300", 0},
    {"seed", OPTION_SEED, "NUMBER", 0, "Names accounts and payments, picks amounts. Default: 1", 0},
    {"journal", OPTION_JOURNAL, "FILE", 0, "What each payment came to. Default: bank.journal", 0},
    {"json", OPTION_JSON, "FILE", 0, "Write the result there too", 0},
    {"give-up-after", OPTION_GIVE_UP, "SECONDS", 0, "End the run by then. Default: 120", 0},
    {0}};

static uint64_t parse_number(struct argp_state *state, const char *text, uint64_t min,
                             uint64_t max) {
  char *end;
  errno = 0;
  unsigned long long number = strtoull(text, &end, 10);
  if (errno || end == text || *end != '\0' || *text == '-' || number < min || number > max) {
    argp_error(state, "'%s' is not a number from %" PRIu64 " to %" PRIu64, text, min, max);
  }
  return number;
}

static error_t parse_option(int key, char *value, struct argp_state *state) {
  struct load_options *load = state->input;
  switch (key) {
  case 's':
    load->server = value;
    return 0;
  case 'n':
    load->charges = parse_number(state, value, 1, 1000000000);
    return 0;
  case 'c':
    load->connections = (uint32_t)parse_number(state, value, 1, CONNECTIONS_MAX);
    return 0;
  case 'k':
    load->outstanding = (uint32_t)parse_number(state, value, 1, THREADS_MAX);
    return 0;
  case OPTION_TIMEOUT:
    load->timeout_ms = (uint32_t)parse_number(state, value, 1, SURE_CALL_TIMEOUT_MS_MAX);
    return 0;
  case OPTION_SEED:
    load->seed = parse_number(state, value, 0, UINT64_MAX);
    return 0;
  case OPTION_JOURNAL:
    load->journal = value;
    return 0;
  case OPTION_JSON:
    load->json = value;
    return 0;
  case OPTION_GIVE_UP:
    load->give_up_s = (uint32_t)parse_number(state, value, 1, 24 * 3600);
    return 0;
  case ARGP_KEY_ARG:
    argp_error(state, "'%s' is one word too many", value);
    return 0;
  case ARGP_KEY_END:
    if (load->connections * load->outstanding > THREADS_MAX) {
      argp_error(state, "more than %d calls at a time", THREADS_MAX);
    }
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp parser = {
    options,
    parse_option,
    NULL,
    "Charge accounts of a bank from many clients at once.\v"
    "Each charge is one intent with a payment id of its own. A call that ends unknown is settled; "
    "if it was never applied the intent is tried again under a new id. At the end one line of JSON "
    "says what happened; bank-audit compares the journal with the database.\n\n"
    "Exit status: 0 if every intent was applied, 1 if not, 2 for wrong input.",
    NULL,
    NULL,
    NULL};

static int complain(const char *what, const char *why) {
  fprintf(stderr, "bank-load: %s: %s\n", what, why);
  return EXIT_WRONG_INPUT;
}

struct crew {
  struct load *load;
  struct sure_channel *channels[CONNECTIONS_MAX];
  struct load_worker workers[CONNECTIONS_MAX];
  pthread_t threads[THREADS_MAX];
  size_t thread_count;
};

static enum sure_code open_channels(struct crew *crew) {
  const struct load_options *load = crew->load->options;
  const struct sure_channel_options channel = {
      .target = load->server,
      .logger = {.fn = sure_log_to_stderr, .level_min = SURE_LOG_ERROR},
      /* Much shorter than the calls, so that an attempt that vanished is followed by others. */
      .accept_timeout_ms = load->timeout_ms / 4 + 1,
      .reconnect_ms_initial = 50,
      .reconnect_ms_max = 250};
  for (uint32_t i = 0; i < load->connections; i++) {
    enum sure_code code = sure_channel_open(&channel, &crew->channels[i]);
    if (code) {
      return code;
    }
    crew->workers[i] = (struct load_worker){crew->load, crew->channels[i]};
  }
  return SURE_OK;
}

/* As many threads as there may be calls at a time; fewer, if the system has no more. */
static void start_threads(struct crew *crew) {
  const struct load_options *load = crew->load->options;
  for (uint32_t i = 0; i < load->connections * load->outstanding; i++) {
    struct load_worker *worker = &crew->workers[i % load->connections];
    if (pthread_create(&crew->threads[crew->thread_count], NULL, load_work, worker) != 0) {
      return;
    }
    crew->thread_count++;
  }
}

static void add_stats(struct crew *crew, struct sure_channel_stats *sum) {
  for (size_t i = 0; i < crew->load->options->connections; i++) {
    struct sure_channel_stats stats;
    sure_channel_get_stats(crew->channels[i], &stats);
    sum->attempts += stats.attempts;
    sum->connects += stats.connects;
    sum->replayed += stats.replayed;
    sum->joined += stats.joined;
  }
}

static void show_progress(struct crew *crew) {
  const struct load_counts *counts = &crew->load->counts;
  struct sure_channel_stats stats = {0};
  add_stats(crew, &stats);
  fprintf(stderr,
          "bank-load: %" PRIu64 " of %" PRIu64 " charges applied, %" PRIu64 " settled, %" PRIu64
          " replayed, %" PRIu64 " connects\n",
          atomic_load(&counts->applied), crew->load->options->charges,
          atomic_load(&counts->settled), stats.replayed, stats.connects);
}

/* Wait for the threads, with a line of progress each second. */
static void join_threads(struct crew *crew) {
  struct timespec next;
  clock_gettime(CLOCK_REALTIME, &next);
  for (size_t i = 0; i < crew->thread_count;) {
    next.tv_sec++;
    while (i < crew->thread_count && pthread_timedjoin_np(crew->threads[i], NULL, &next) == 0) {
      i++;
    }
    show_progress(crew);
  }
}

static json_t *result(struct crew *crew) {
  const struct load_counts *counts = &crew->load->counts;
  struct sure_channel_stats stats = {0};
  add_stats(crew, &stats);
  uint64_t charges = crew->load->options->charges;
  return json_pack(
      "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "charges", (json_int_t)charges,
      "applied", (json_int_t)atomic_load(&counts->applied), "refused",
      (json_int_t)atomic_load(&counts->refused), "unknown",
      (json_int_t)(charges - atomic_load(&counts->applied) - atomic_load(&counts->refused)),
      "unknown_calls", (json_int_t)atomic_load(&counts->unknown_calls), "settled",
      (json_int_t)atomic_load(&counts->settled), "new_ids",
      (json_int_t)atomic_load(&counts->new_ids), "replayed", (json_int_t)stats.replayed, "joined",
      (json_int_t)stats.joined, "connects", (json_int_t)stats.connects, "attempts",
      (json_int_t)stats.attempts);
}

static int report(struct crew *crew) {
  json_t *object = result(crew);
  const char *path = crew->load->options->json;
  if (!object) {
    return complain("can't report", "memory is short");
  }
  json_dumpf(object, stdout, JSON_COMPACT);
  putchar('\n');
  int written = path ? json_dump_file(object, path, JSON_COMPACT) : 0;
  json_decref(object);
  if (written != 0) {
    return complain(path, "can't be written");
  }
  bool all = atomic_load(&crew->load->counts.applied) == crew->load->options->charges;
  return all ? EXIT_SUCCESS : EXIT_UNFINISHED;
}

static int work(struct crew *crew) {
  if (!load_open_accounts(crew->load, crew->channels[0])) {
    return EXIT_UNFINISHED;
  }
  start_threads(crew);
  join_threads(crew);
  return report(crew);
}

static int run(struct load *load) {
  struct crew crew = {.load = load};
  enum sure_code code = open_channels(&crew);
  int status = code ? complain(load->options->server, sure_code_text(code)) : work(&crew);
  for (size_t i = 0; i < load->options->connections; i++) {
    sure_channel_free(crew.channels[i], 0);
  }
  return status;
}

int main(int argc, char **argv) {
  struct load_options load_options = {.server = "tcp://127.0.0.1:5001",
                                      .journal = "bank.journal",
                                      .charges = 5000,
                                      .connections = 4,
                                      .outstanding = 16,
                                      .timeout_ms = 300,
                                      .give_up_s = 120,
                                      .seed = 1};
  argp_err_exit_status = EXIT_WRONG_INPUT;
  argp_parse(&parser, argc, argv, 0, NULL, &load_options);

  struct load load = {.options = &load_options,
                      .journal = fopen(load_options.journal, "w"),
                      .give_up_at_ms = load_now_ms() + (int64_t)load_options.give_up_s * 1000};
  if (!load.journal) {
    return complain(load_options.journal, strerror(errno));
  }
  /* Each line is in the file as soon as its payment has come to an end. */
  setvbuf(load.journal, NULL, _IOLBF, 0);
  int status = run(&load);
  if (fclose(load.journal) != 0 || atomic_load(&load.journal_failed)) {
    return complain(load_options.journal, "can't be written");
  }
  return status;
}
