/* The prepared statements of the writer, by name. Included with SURE__STATEMENT_ENUM defined to
 * what is made of each. States are those of enum sure__row_state: 1 is an intent. */
#define X SURE__STATEMENT_ENUM

X(BEGIN, "BEGIN IMMEDIATE")
X(COMMIT, "COMMIT")
X(ROLLBACK, "ROLLBACK")
X(SAVEPOINT, "SAVEPOINT sure_call")
X(RELEASE, "RELEASE sure_call")
X(ROLLBACK_TO, "ROLLBACK TO sure_call")

X(BATCH_READ, "SELECT batch FROM sure_owners WHERE epoch = ?1")
X(BATCH_MARK, "UPDATE sure_owners SET batch = ?2 WHERE epoch = ?1")

X(CLOCK_READ, "SELECT value FROM sure_meta WHERE name = 'clock_last'")
X(CLOCK_WRITE, "UPDATE sure_meta SET value = ?1 WHERE name = 'clock_last'")

X(SESSION_FIND, "SELECT handle, principal, fenced, stamp_ms, watermark, ranges, row_count,"
                " intent_count FROM sure_sessions WHERE id = ?1")
X(SESSION_INSERT, "INSERT OR IGNORE INTO sure_sessions (id, principal, stamp_ms)"
                  " VALUES (?1, ?2, ?3)")
X(SESSION_UPDATE, "UPDATE sure_sessions SET fenced = ?2, stamp_ms = ?3, watermark = ?4,"
                  " ranges = ?5, row_count = ?6, intent_count = ?7 WHERE handle = ?1")
X(SESSION_DELETE, "DELETE FROM sure_sessions WHERE handle = ?1")
X(SESSION_COUNT, "SELECT value FROM sure_meta WHERE name = 'session_count'")
X(SESSION_COUNT_ADD, "UPDATE sure_meta SET value = value + ?1 WHERE name = 'session_count'")
X(SESSIONS_TURN_BACK, "UPDATE sure_sessions SET stamp_ms = ?1 WHERE fenced = ?2 AND stamp_ms > ?1")
X(SESSIONS_FENCE, "UPDATE sure_sessions SET fenced = 1, stamp_ms = ?1 WHERE handle IN"
                  " (SELECT handle FROM sure_sessions WHERE fenced = 0 AND stamp_ms < ?2"
                  " ORDER BY stamp_ms LIMIT ?3)")
X(SESSION_PAST, "SELECT handle FROM sure_sessions WHERE fenced = 1 AND stamp_ms < ?1"
                " AND intent_count = 0 ORDER BY stamp_ms LIMIT 1")

X(CALL_FIND, "SELECT state, owner, fingerprint, code, reason, message, reply, metadata FROM"
             " sure_calls"
             " WHERE session = ?1 AND sequence = ?2")
X(CALL_INSERT, "INSERT INTO sure_calls (state, owner, fingerprint, code, reason, message, reply,"
               " metadata, session, sequence, method, key)"
               " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)")
X(CALL_RECORD, "UPDATE sure_calls SET state = ?1, code = ?4, reason = ?5, message = ?6, reply = ?7,"
               " metadata = ?8, method = 0, key = x''"
               " WHERE session = ?9 AND sequence = ?10 AND state = 1 AND owner = ?2")
X(CALL_WITHDRAW, "DELETE FROM sure_calls WHERE session = ?1 AND sequence = ?2 AND state = 1"
                 " AND owner = ?3")
X(CALL_HAND_OVER, "UPDATE sure_calls SET owner = ?4 WHERE session = ?1 AND sequence = ?2"
                  " AND state = 1 AND owner = ?3")
X(OWNER_OF, "SELECT owner FROM sure_calls WHERE session = ?1 AND sequence = ?2 AND state = 1")
X(OWNER_NEXT, "SELECT owner FROM sure_calls WHERE state = 1 AND owner > ?1 ORDER BY owner LIMIT 1")
X(INTENTS_OF, "SELECT s.id, c.sequence, c.method, s.principal, c.key FROM sure_calls c"
              " JOIN sure_sessions s ON s.handle = c.session WHERE c.state = 1 AND c.owner = ?1"
              " ORDER BY c.session, c.sequence")
X(CALLS_RELEASE, "DELETE FROM sure_calls WHERE session = ?1 AND sequence BETWEEN ?2 AND ?3"
                 " AND state <> 1")
X(CALLS_FORGET, "DELETE FROM sure_calls WHERE session = ?1")

X(KEY_FIND,
  "SELECT state, owner, fingerprint, code, reason, message, reply, metadata FROM sure_keys"
  " WHERE principal = ?1 AND method = ?2 AND key = ?3")
X(KEY_INSERT, "INSERT INTO sure_keys (state, owner, fingerprint, code, reason, message, reply,"
              " metadata, principal, method, key, stamp_ms)"
              " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)")
X(KEY_RECORD, "UPDATE sure_keys SET state = ?1, code = ?4, reason = ?5, message = ?6, reply = ?7,"
              " metadata = ?8, stamp_ms = ?12 WHERE principal = ?9 AND method = ?10 AND key = ?11"
              " AND state = 1 AND owner = ?2")
X(KEY_WITHDRAW, "DELETE FROM sure_keys WHERE principal = ?1 AND method = ?2 AND key = ?3"
                " AND state = 1 AND owner = ?4")
X(KEY_HAND_OVER, "UPDATE sure_keys SET owner = ?5 WHERE principal = ?1 AND method = ?2"
                 " AND key = ?3 AND state = 1 AND owner = ?4")
X(CLAIM_NEXT, "UPDATE sure_meta SET value = value + 1 WHERE name = 'claim_last' RETURNING value")
X(KEY_BEGIN, "UPDATE sure_keys SET claim = ?4 WHERE principal = ?1 AND method = ?2 AND key = ?3")
X(KEY_TAKE_OVER, "UPDATE sure_keys SET claim = ?4, owner = ?5 WHERE principal = ?1 AND method = ?2"
                 " AND key = ?3 AND state = 1 AND claim > 0 RETURNING position")
X(KEY_ADVANCE, "UPDATE sure_keys SET position = ?5, stamp_ms = ?6 WHERE principal = ?1"
               " AND method = ?2 AND key = ?3 AND state = 1 AND claim = ?4 AND claim > 0")
X(KEY_LEAVE, "UPDATE sure_keys SET owner = ?5 WHERE principal = ?1 AND method = ?2 AND key = ?3"
             " AND state = 1 AND claim = ?4 AND claim > 0")
X(KEY_EMPTY, "DELETE FROM sure_keys WHERE principal = ?1 AND method = ?2 AND key = ?3"
             " AND state = 1 AND claim = ?4 AND position = 0")
X(KEYS_EXPIRE, "DELETE FROM sure_keys WHERE number IN (SELECT number FROM sure_keys"
               " ORDER BY number LIMIT ?2) AND stamp_ms < ?1 AND (state <> 1 OR claim > 0)")

#undef X
