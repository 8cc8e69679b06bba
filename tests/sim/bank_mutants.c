/* Bugs of handlers, which the linker puts in the way of the bank of the examples (--wrap). */
#include "examples/bank/ledger.h"
#include "rpc/core/mutant.h"
#include "rpc/store/sqlite_store.h"
#include "tests/lib/shim_vfs.h"

enum sure_code __real_ledger_find_account(sqlite3 *database, const char *account,
                                          struct ledger_account *out_account,
                                          struct ledger_reason *why);
enum sure_code __wrap_ledger_find_account(sqlite3 *database, const char *account,
                                          struct ledger_account *out_account,
                                          struct ledger_reason *why);

/* Through a connection of its own, which sees nothing of what the batch has done so far (S14). */
static enum sure_code find_elsewhere(sqlite3 *database, const char *account,
                                     struct ledger_account *out_account,
                                     struct ledger_reason *why) {
  sqlite3 *other = NULL;
  enum sure_code code = SURE_UNAVAILABLE;
  if (sqlite3_open_v2(sqlite3_db_filename(database, "main"), &other, SQLITE_OPEN_READWRITE,
                      SHIM_VFS_NAME) == SQLITE_OK) {
    code = __real_ledger_find_account(other, account, out_account, why);
  }
  sure__sqlite_disconnect(other);
  return code;
}

enum sure_code __wrap_ledger_find_account(sqlite3 *database, const char *account,
                                          struct ledger_account *out_account,
                                          struct ledger_reason *why) {
  bool is_booking = sqlite3_txn_state(database, "main") == SQLITE_TXN_WRITE;
  if (SURE__MUTANT(HANDLER_READS_ELSEWHERE) && is_booking &&
      find_elsewhere(database, account, out_account, why) == SURE_OK) {
    return SURE_OK;
  }
  return __real_ledger_find_account(database, account, out_account, why);
}
