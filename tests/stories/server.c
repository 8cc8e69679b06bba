/* The server: the driver of the unit tests, looked at while it works. */
#include <stdio.h>
#include <string.h>

#include "rpc/store/memory.h"
#include "tests/stories/stage.h"

static const struct sure__server_config config = {
    .store_id = {{0x57, 0x0e, 0, 1}},
    .message_len_max = 200000,
    .running_calls_max = 8,
    .connection_calls_max = 8,
    .handshake_ms_max = 10000,
    .keepalive_time_ms = 60000,
    .keepalive_timeout_ms = 20000,
    .session_lease_ms = 3000,
    .session_retention_ms = 10000,
    .sweeps = true,
};

static const struct driver_plan plans[STORY_METHODS] = {
    [CHARGE] = {"bank.v1.Bank/Charge", SURE_EXACTLY_ONCE, SURE_RUN_AUTO},
    [PAY] = {"bank.v1.Bank/Pay", SURE_EXACTLY_ONCE, SURE_RUN_AUTO, .is_keyed = true},
    [CLOSE_ACCOUNT] = {"bank.v1.Bank/CloseAccount", SURE_EXACTLY_ONCE, SURE_RUN_TX},
    [GET_BALANCE] = {"bank.v1.Bank/GetBalance", SURE_NO_SIDE_EFFECTS, SURE_RUN_AUTO},
    [ADD_NOTE] = {"bank.v1.Bank/AddNote", SURE_AT_LEAST_ONCE, SURE_RUN_AUTO},
    [RING] = {"bank.v1.Bank/Ring", SURE_AT_MOST_ONCE, SURE_RUN_AUTO},
    [SEND_LETTER] = {"bank.v1.Bank/SendLetter", SURE_EXACTLY_ONCE, SURE_RUN_EXTERNAL},
};

const struct sure_method *server_method(enum story_method method) {
  return &stage.driver.methods[method];
}

/* ---- what it does, as lines ---- */

struct call_text {
  char text[64];
};

/* "Charge 1", and whose it is unless that goes without saying. */
static struct call_text call_text(const struct sure_call *call) {
  struct call_text text;
  const struct sure_session_id *second = &stage.actors[1].session;
  bool is_second = memcmp(second, &call->op.session, sizeof *second) == 0;
  (void)snprintf(text.text, sizeof text.text, "%s %llu%s",
                 strchr(call->method->table->full_name, '/') + 1,
                 (unsigned long long)call->op.sequence, is_second ? " of client 2" : "");
  return text;
}

static void on_run(const struct sure_call *call) {
  tell("server: %s runs", call_text(call).text);
}

static void tell_commit(const struct sure_call *call, bool is_recorded) {
  struct call_text text = call_text(call);
  enum sure_code code = call->op.record.code;
  if (call->op.in_doubt) {
    tell("server: %s is in doubt", text.text);
  } else if (!is_recorded) {
    tell("server: %s is rolled back", text.text);
  } else if (code == SURE_OK) {
    tell("server: %s is committed", text.text);
  } else {
    tell("server: %s of %s is committed", sure_code_name(code), text.text);
  }
}

static void tell_freed(const struct sure_store_op *op) {
  if (op->watermark > 1) {
    tell("server: records below %llu are freed", (unsigned long long)op->watermark);
  }
  for (size_t i = 0; i < op->range_count; i++) {
    unsigned long long first = op->ranges[i].first;
    if (first == op->ranges[i].last) {
      tell("server: record %llu is freed", first);
    } else {
      tell("server: records %llu to %llu are freed", first, (unsigned long long)op->ranges[i].last);
    }
  }
}

static void on_decided(const struct sure_store_op *op) {
  const struct sure_call *call = sure__container_of(op, const struct sure_call, op);
  enum sure_store_verdict verdict = op->verdict;
  if (op->kind == SURE_STORE_COMPLETE && verdict == SURE_STORE_DONE) {
    tell_commit(call, op->record_wanted);
  } else if (verdict == SURE_STORE_RECORDED ||
             (verdict == SURE_STORE_UNRECORDED && op->record_wanted)) {
    tell_commit(call, verdict == SURE_STORE_RECORDED);
  } else if (op->kind == SURE_STORE_ACK && verdict == SURE_STORE_DONE) {
    tell_freed(op);
  } else if (op->kind == SURE_STORE_SWEEP && op->swept_count > 0) {
    tell("server: a session is fenced or forgotten");
  }
  trace_do_what_is_due();
}

void server_look_for_cancelled(uint64_t sequence) {
  const struct sure__list *held = &stage.driver.held_runs;
  for (struct sure__list *link = held->next; link != held; link = link->next) {
    struct sure_call *call = sure__container_of(link, struct sure_call, link);
    if (call->op.sequence == sequence && call->is_cancelled) {
      tell("server: %s is told that it is cancelled", call_text(call).text);
    }
  }
}

void server_begin(void) {
  driver_init_with(&stage.driver, &config, plans, STORY_METHODS);
  stage.driver.gives_receipts = true;
  stage.driver.watch = (struct driver_watch){.runs = on_run, .decided = on_decided};
  stage.server_takes_connections = true;
}

void server_end(void) {
  driver_fini(&stage.driver);
}

/* ---- what the script does ---- */

void handlers_take_their_time(void) {
  stage.driver.holds_runs = true;
}

void handlers_go_on(void) {
  driver_release_runs(&stage.driver);
  network_send_from_server();
}

void handlers_return(enum sure_code code) {
  stage.driver.code = code;
}

void handlers_reply(const char *text) {
  stage.driver.reply = text;
}

void commits_take_their_time(void) {
  stage.driver.holds_commits = true;
}

void commits_go_on(void) {
  driver_release_store(&stage.driver);
  network_send_from_server();
}

void store_has_room_for(uint32_t record_count) {
  struct sure__memory *memory = (struct sure__memory *)(void *)stage.driver.memory;
  memory->session_records_max = record_count;
}

void server_drains(void) {
  tell("* the server drains");
  stage.server_takes_connections = false;
  sure__server_drain(&stage.driver.server);
  driver_work(&stage.driver);
  network_send_from_server();
}

static void lose_all_at_server(void) {
  for (unsigned i = 0; i < stage.connection_count; i++) {
    client_lose(&stage.connections[i].server_end);
  }
}

void server_dies(void) {
  tell("* the server dies");
  stage.server_takes_connections = false;
  stage.driver.is_dead = true;
  lose_all_at_server();
  driver_bury(&stage.driver);
  network_send_from_server();
}

static void start(bool forgets) {
  lose_all_at_server();
  network_send_from_server();
  driver_restart(&stage.driver, forgets);
  stage.server_takes_connections = true;
}

void next_server_starts(void) {
  tell("* the next server starts");
  start(false);
}

void another_store_takes_its_place(void) {
  tell("* a server with another store starts");
  start(true);
}
