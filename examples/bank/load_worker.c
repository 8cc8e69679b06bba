/* How one payment is brought to a certain end.
 *
 *     intent --> payment id --> call --applied-----------------------> done
 *                    ^           | ^--- not applied: same id again
 *                    |           |
 *                    |         unknown --> settle, again until it is certain --applied--> done
 *                    |                        |
 *                    +---- never applied <----+
 *
 * A payment id that was settled as never applied stays so, and the intent goes on under a new one.
 */
#include "load.h"
#include "verdict.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define CURRENCY       "EUR"
#define DEPOSIT        INT64_C(1000000000000)
#define AMOUNT_MAX     10000
#define PAUSE_MS       20
#define SETTLE_WAIT_MS 2000

int64_t load_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool time_is_up(const struct load *load) {
  return load_now_ms() >= load->give_up_at_ms;
}

/* So that a server that is down is not asked in a busy loop. */
static void pause_briefly(void) {
  nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000}, NULL);
}

/* splitmix64: the same seed makes the same payments. */
static uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

/* One thing wanted: a charge, or an account. */
struct intent {
  uint64_t number;
  bool is_account;
  char account[NAME_LEN_MAX + 1];
  int64_t minor_units;
  char payment_id[NAME_LEN_MAX + 1];
};

struct worker {
  struct load *load;
  struct sure_channel *channel;
  struct sure_status *status;
};

static void name_account(const struct load *load, uint64_t index, char account[NAME_LEN_MAX + 1]) {
  snprintf(account, NAME_LEN_MAX + 1, "load-%" PRIu64 "-account-%" PRIu64, load->options->seed,
           index);
}

static void name_payment(const struct load *load, unsigned number, struct intent *intent) {
  snprintf(intent->payment_id, sizeof intent->payment_id, "load-%" PRIu64 "-%s-%" PRIu64 "-%u",
           load->options->seed, intent->is_account ? "open" : "charge", intent->number, number);
}

static enum sure_code call_charge(struct worker *worker, struct intent *intent,
                                  Bank__V1__Money *amount, const struct sure_call_options *call,
                                  Bank__V1__Receipt **out_receipt) {
  Bank__V1__ChargeRequest request = BANK__V1__CHARGE_REQUEST__INIT;
  request.payment_id = intent->payment_id;
  request.account = intent->account;
  request.amount = amount;
  return bank__v1__bank_client__charge(worker->channel, &request, call, out_receipt,
                                       worker->status);
}

static enum sure_code call_open(struct worker *worker, struct intent *intent,
                                Bank__V1__Money *deposit, const struct sure_call_options *call,
                                Bank__V1__Receipt **out_receipt) {
  Bank__V1__OpenAccountRequest request = BANK__V1__OPEN_ACCOUNT_REQUEST__INIT;
  request.payment_id = intent->payment_id;
  request.account = intent->account;
  request.deposit = deposit;
  return bank__v1__bank_client__open_account(worker->channel, &request, call, out_receipt,
                                             worker->status);
}

/* The verdict on the call or settle that `worker->status` holds. */
static enum verdict conclude(struct worker *worker, enum sure_code code,
                             Bank__V1__Receipt *receipt) {
  if (code == SURE_OK) {
    bank__v1__receipt__free_unpacked(receipt, NULL);
  }
  const struct call_end end = call_end_of(worker->status);
  return verdict_of(&end);
}

static enum verdict call(struct worker *worker, struct intent *intent) {
  const struct sure_call_options call = {.timeout_ms = worker->load->options->timeout_ms};
  Bank__V1__Money amount = BANK__V1__MONEY__INIT;
  amount.minor_units = intent->minor_units;
  amount.currency = (char *)CURRENCY;
  Bank__V1__Receipt *receipt = NULL;
  enum sure_code code = intent->is_account ? call_open(worker, intent, &amount, &call, &receipt)
                                           : call_charge(worker, intent, &amount, &call, &receipt);
  enum verdict verdict = conclude(worker, code, receipt);
  if (verdict == VERDICT_UNKNOWN) {
    atomic_fetch_add(&worker->load->counts.unknown_calls, 1);
  } else if (sure_status_settled(worker->status)) {
    atomic_fetch_add(&worker->load->counts.settled, 1);
  }
  return verdict;
}

static enum verdict settle_once(struct worker *worker, const struct intent *intent) {
  const struct sure_call_options call = {.timeout_ms = SETTLE_WAIT_MS};
  const struct sure_settle what = {
      .key = {.data = (const uint8_t *)intent->payment_id, .len = strlen(intent->payment_id)}};
  Bank__V1__Receipt *receipt = NULL;
  enum sure_code code = intent->is_account
                            ? bank__v1__bank_client__open_account__settle(
                                  worker->channel, &what, &call, &receipt, worker->status)
                            : bank__v1__bank_client__charge__settle(worker->channel, &what, &call,
                                                                    &receipt, worker->status);
  enum verdict verdict = conclude(worker, code, receipt);
  /* The settle itself did not get through: that says nothing about the payment. */
  return verdict == VERDICT_NOT_APPLIED ? VERDICT_UNKNOWN : verdict;
}

/* Settles by the key, which works in any session, and then has the channel forget its call. */
static enum verdict settle(struct worker *worker, const struct intent *intent) {
  struct sure_call_id id = sure_status_call_id(worker->status);
  enum verdict verdict = settle_once(worker, intent);
  while (verdict == VERDICT_UNKNOWN && !time_is_up(worker->load)) {
    pause_briefly();
    verdict = settle_once(worker, intent);
  }
  if (verdict == VERDICT_UNKNOWN) {
    return verdict;
  }
  sure_channel_release(worker->channel, id);
  atomic_fetch_add(&worker->load->counts.settled, 1);
  return verdict;
}

/* Bring one payment id to its end; NOT_APPLIED or UNKNOWN only when time is up. */
static enum verdict pay(struct worker *worker, struct intent *intent) {
  enum verdict verdict = call(worker, intent);
  while (verdict == VERDICT_NOT_APPLIED && !time_is_up(worker->load)) {
    pause_briefly();
    verdict = call(worker, intent);
  }
  return verdict == VERDICT_UNKNOWN ? settle(worker, intent) : verdict;
}

static void note(struct load *load, const struct intent *intent, enum verdict verdict) {
  struct journal_line line = {.intent = intent->number, .minor_units = intent->minor_units};
  const char *outcome = verdict == VERDICT_APPLIED   ? "applied"
                        : verdict == VERDICT_UNKNOWN ? "unknown"
                                                     : "not-applied";
  snprintf(line.payment_id, sizeof line.payment_id, "%s", intent->payment_id);
  snprintf(line.outcome, sizeof line.outcome, "%s", outcome);
  if (!journal_write(load->journal, &line)) {
    atomic_store(&load->journal_failed, true);
  }
}

/* Was the payment closed as never applied, and not refused by the bank? */
static bool is_tombstone(const struct worker *worker) {
  return sure_status_reason(worker->status) == SURE_REASON_TOMBSTONE;
}

/* Bring an intent to its end, under as many payment ids as that takes. */
static enum verdict fulfil(struct worker *worker, struct intent *intent) {
  for (unsigned number = 1;; number++) {
    name_payment(worker->load, number, intent);
    enum verdict verdict = pay(worker, intent);
    if (!intent->is_account) {
      note(worker->load, intent, verdict);
    }
    if (verdict != VERDICT_REFUSED || !is_tombstone(worker) || time_is_up(worker->load)) {
      return verdict;
    }
    atomic_fetch_add(&worker->load->counts.new_ids, 1);
  }
}

static void count(struct worker *worker, enum verdict verdict) {
  struct load_counts *counts = &worker->load->counts;
  if (verdict == VERDICT_APPLIED) {
    atomic_fetch_add(&counts->applied, 1);
  } else if (verdict == VERDICT_ID_TAKEN || (verdict == VERDICT_REFUSED && !is_tombstone(worker))) {
    atomic_fetch_add(&counts->refused, 1);
  }
}

static void charge(struct worker *worker, uint64_t number) {
  uint64_t random = mix(worker->load->options->seed ^ mix(number));
  struct intent intent = {.number = number, .minor_units = 1 + (int64_t)(random % AMOUNT_MAX)};
  name_account(worker->load, (random >> 32) % LOAD_ACCOUNT_COUNT, intent.account);
  count(worker, fulfil(worker, &intent));
}

void *load_work(void *user) {
  const struct load_worker *given = user;
  struct worker worker = {
      .load = given->load, .channel = given->channel, .status = sure_status_new()};
  if (!worker.status) {
    return NULL;
  }
  while (!time_is_up(worker.load)) {
    uint64_t number = atomic_fetch_add(&worker.load->next_intent, 1);
    if (number >= worker.load->options->charges) {
      break;
    }
    charge(&worker, number);
  }
  sure_status_free(worker.status);
  return NULL;
}

static bool open_account(struct worker *worker, uint64_t index) {
  struct intent intent = {.number = index, .is_account = true, .minor_units = DEPOSIT};
  name_account(worker->load, index, intent.account);
  enum verdict verdict = fulfil(worker, &intent);
  if (verdict == VERDICT_APPLIED) {
    return true;
  }
  fprintf(stderr, "bank-load: the account %s can't be opened: %s (%s)\n", intent.account,
          sure_status_message(worker->status), sure_code_name(sure_status_code(worker->status)));
  return false;
}

bool load_open_accounts(struct load *load, struct sure_channel *channel) {
  struct worker worker = {.load = load, .channel = channel, .status = sure_status_new()};
  bool all = worker.status != NULL;
  for (uint64_t i = 0; all && i < LOAD_ACCOUNT_COUNT; i++) {
    all = open_account(&worker, i);
  }
  sure_status_free(worker.status);
  return all;
}
