#include "rpc/store/sqlite_store.h"

sqlite3 *sure_call_sqlite(const struct sure_call *call) {
  sqlite3 *database = sure_call_transaction(call, &sure__sqlite_ops);
  return database != NULL ? database : sure_call_transaction(call, &sure__sqlite_replica_ops);
}
