/* Bugs on purpose. In an ordinary build each SURE__MUTANT is `false` and its code is gone. The
 * library of tests/sim that is built with SURE_MUTANTS has them all, one of them awake at a time:
 * so it is shown that the simulator's checkers see what they are there to see (docs/testing.md). */
#ifndef SURE_CORE_MUTANT_H
#define SURE_CORE_MUTANT_H

/* What breaks, and what it breaks. */
#define SURE__MUTANT_LIST(X)                                                                       \
  X(WATERMARK_OFF_BY_ONE, "S9")                                                                    \
  X(ACKED_RANGE_DROPPED, "S9")                                                                     \
  X(ACKED_NUMBER_RUNS, "S9")                                                                       \
  X(UNACKED_RECORD_EVICTED, "design 2")                                                            \
  X(LEASE_NOT_CHECKED, "S11")                                                                      \
  X(FINGERPRINT_IGNORED, "S3")                                                                     \
  X(TOMBSTONE_NOT_WRITTEN, "S12")                                                                  \
  X(KEY_NOT_RECORDED, "S13")                                                                       \
  X(RECORD_NOT_WRITTEN, "S6")                                                                      \
  X(WAITER_DROPPED, "S24")                                                                         \
  X(CHALLENGE_NOT_CHECKED, "S1")                                                                   \
  X(ROLLED_BACK_THOUGH_IT_STANDS, "S19")                                                           \
  X(NOT_APPLIED_AFTER_SEND, "S19")                                                                 \
  X(UNKNOWN_ACKED, "S10")                                                                          \
  X(RETRY_AFTER_DEADLINE, "protocol 5.2")                                                          \
  X(RETRY_UNDER_NEW_NUMBER, "S3")                                                                  \
  X(RETRY_TO_ANOTHER_STORE, "S2")                                                                  \
  X(SETTLE_IN_ANOTHER_STORE, "S2")                                                                 \
  X(SEQUENCE_REUSED, "S3")                                                                         \
  X(AT_MOST_ONCE_RETRIED, "protocol 5.1")                                                          \
  X(ATTEMPT_TAKEN_FOR_CALL_ID, "S3")                                                               \
  X(LOSER_OF_A_HEDGE_RUNS_TOO, "protocol 5.1")                                                     \
  X(DRAIN_DROPS_WHAT_RUNS, "protocol 9.2")                                                         \
  X(EXTERNAL_WITHOUT_INTENT, "S15")                                                                \
  X(EXTERNAL_FAILURE_IS_NOT_APPLIED, "S15")                                                        \
  X(STREAM_OF_ANOTHER_RUN_JOINED, "protocol 12.6")                                                 \
  X(STREAM_RUN_ANEW_IN_THE_MIDDLE, "protocol 12.6")                                                \
  X(STREAM_PART_AGAIN, "protocol 12.2")                                                            \
  X(STREAM_MESSAGE_SKIPPED, "protocol 12.3")                                                       \
  X(STREAM_END_SAID_ONCE, "protocol 12.2")                                                         \
  X(STREAM_WINDOW_LEAK, "protocol 12.3")                                                           \
  X(STREAM_LATE_PART_TAKEN, "protocol 12.1")                                                       \
  X(STREAM_RESULT_BEFORE_MESSAGES, "protocol 12.7")                                                \
  X(STREAM_ACKED_BEFORE_COMMIT, "protocol 12.9")                                                   \
  X(STREAM_FAILURE_CLOSES_IT, "protocol 12.12")                                                    \
  X(PARTS_NOT_COMPARED, "protocol 2.7")                                                            \
  X(UNRECORDED_REPLY_KEPT, "protocol 2.7")                                                         \
  X(CLAIM_NOT_CHECKED, "S13")                                                                      \
  X(POSITION_NOT_MOVED, "S13")

/* Looked for where there are several servers, and their clocks are set wrong all the time. */
#define SURE__MUTANT_CLOCKS_LIST(X) X(STAMP_NOT_MERGED, "S25")

/* Those in the SQLite store. */
#define SURE__MUTANT_SQLITE_LIST(X)                                                                \
  X(WATERMARK_NOT_DURABLE, "S9")                                                                   \
  X(KEY_FREED_BY_WATERMARK, "S13")                                                                 \
  X(SESSION_VALIDATED_BEFORE_CLAIM, "S6")                                                          \
  X(SESSION_KEPT_AFTER_COMMIT, "S6")                                                               \
  X(RECORD_IN_SECOND_TRANSACTION, "S6")                                                            \
  X(REPLY_BEFORE_COMMIT, "S20")                                                                    \
  X(COMMIT_ERROR_IS_NOT_APPLIED, "S20")                                                            \
  X(AUTOCOMMIT_NOT_CHECKED, "S21")                                                                 \
  X(SYNCHRONOUS_OFF, "S22")                                                                        \
  X(CLOCK_NOT_DURABLE, "S25")                                                                      \
  X(OWNER_TAKEN_FOR_DEAD, "S15")                                                                   \
  X(POSITION_NOT_ROLLED_BACK, "S13")

/* There as well, and in handlers; looked for where all traffic goes to the bank of the examples, so
 * that nothing but what its customers are told can betray them. */
#define SURE__MUTANT_BANK_LIST(X)                                                                  \
  X(SNAPSHOT_KEPT, "S7")                                                                           \
  X(SNAPSHOT_BEGUN_EARLY, "S7")                                                                    \
  X(HANDLER_READS_ELSEWHERE, "S14")

enum sure__mutant {
  SURE__MUTANT_NONE,
#define SURE__MUTANT_ENUM(name, rule) SURE__MUTANT_##name,
  SURE__MUTANT_LIST(SURE__MUTANT_ENUM) SURE__MUTANT_CLOCKS_LIST(SURE__MUTANT_ENUM)
      SURE__MUTANT_SQLITE_LIST(SURE__MUTANT_ENUM) SURE__MUTANT_BANK_LIST(SURE__MUTANT_ENUM)
#undef SURE__MUTANT_ENUM
};

#ifdef SURE_MUTANTS
extern enum sure__mutant sure__mutant; /* the one that is awake */
#define SURE__MUTANT(name) (sure__mutant == SURE__MUTANT_##name)
#else
#define SURE__MUTANT(name) 0
#endif

#endif
