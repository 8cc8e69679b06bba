/* Frames: bytes to structs and back (docs/protocol.md, sections 2 to 9).
 *
 * Decoding checks everything that can be checked of one frame alone; what depends on the state of
 * the connection is the engines' to check. Decoded byte views point into the input. */
#ifndef SURE_CORE_FRAME_H
#define SURE_CORE_FRAME_H

#include <stdbool.h>
#include <sure/base.h>
#include <sure/status.h>
#include <sure/store.h>

#include "rpc/core/buffer.h"
#include "rpc/core/stream_message.h"

#define SURE__FRAME_LEN_MAX        65536u
#define SURE__FRAME_HEADER_LEN     32u
#define SURE__METADATA_LEN_MAX     (44u * 1024) /* of the metadata part of a frame */
#define SURE__ACK_RANGES_MAX       4001u
#define SURE__HELD_MAX             64u /* unfinished requests that ATTACHED names */
#define SURE__HELD_LEN             12u /* of each of them, on the wire */
#define SURE__PROTOCOL_VERSION     1u
#define SURE__RETRY_AFTER_NEVER_MS UINT32_MAX

enum sure__frame_type {
  SURE__HELLO = 0x01,
  SURE__WELCOME = 0x02,
  SURE__ATTACH = 0x03,
  SURE__ATTACHED = 0x04,
  SURE__REQUEST = 0x05,
  SURE__ACCEPTED = 0x06,
  SURE__RESPONSE = 0x07,
  SURE__ACK = 0x08,
  SURE__DATA = 0x09,
  SURE__WINDOW = 0x0A,
  SURE__CANCEL = 0x0B,
  SURE__SETTLE = 0x0C,
  SURE__SETTLED = 0x0D,
  SURE__CLOSE_SESSION = 0x0E,
  SURE__PING = 0x0F,
  SURE__PONG = 0x10,
  SURE__GOAWAY = 0x11,
};

enum sure__frame_flag {
  SURE__MORE = 0x0001,
  SURE__CONT = 0x0002,
  SURE__RESUMED = 0x0004,
  SURE__END = 0x0008,
  SURE__NOT_RUN = 0x0100,
  SURE__ROLLED_BACK = 0x0200,
  SURE__RECORDED = 0x0400,
  SURE__REPLAYED = 0x0800,
  SURE__JOINED = 0x1000,
};

enum sure__attach_mode { SURE__ATTACH_NEW = 1, SURE__ATTACH_RESUME = 2, SURE__ATTACH_NONE = 3 };

enum sure__attach_state {
  SURE__ATTACHED_OPEN = 1,
  SURE__ATTACHED_FENCED = 2,
  SURE__ATTACHED_LOST = 3,
  SURE__ATTACHED_BUSY = 4,
  SURE__ATTACHED_FULL = 5,
  SURE__ATTACHED_NONE = 6,
  SURE__ATTACHED_READ_ONLY = 7,
  SURE__ATTACHED_REFUSED = 8,
};

enum sure__settle_verdict {
  SURE__SETTLED_RECORD = 1,
  SURE__SETTLED_TOMBSTONE = 2,
  SURE__SETTLED_ALREADY_ACKED = 3,
  SURE__SETTLED_IN_DOUBT = 4,
  SURE__SETTLED_UNKNOWN = 5,
  SURE__SETTLED_NOT_YET = 6,
  SURE__SETTLED_KEY_REUSED = 7,
};

enum sure__goaway_reason {
  SURE__GOAWAY_DRAINING = 1,
  SURE__GOAWAY_VERSION = 2,
  SURE__GOAWAY_PROTOCOL_ERROR = 3,
  SURE__GOAWAY_IDLE = 4,
  SURE__GOAWAY_OVERLOADED = 5,
  SURE__GOAWAY_TOO_MANY_PINGS = 6,
  SURE__GOAWAY_MAX_AGE = 7,
};

struct sure__challenge {
  uint8_t bytes[16];
};

struct sure__hello {
  uint16_t version_min;
  uint16_t version_max;
  uint64_t features;
  uint32_t message_len_max;
};

struct sure__welcome {
  uint16_t version;
  uint32_t message_len_max;
  uint64_t features;
  uint32_t lease_ms;
  struct sure__challenge challenge;
  struct sure_store_id store_id;
};

struct sure__attach {
  uint8_t mode;
  struct sure__challenge challenge;
  struct sure_session_id session;
};

struct sure__attached {
  struct sure_session_id session;
  uint8_t state;
  uint8_t code; /* with REFUSED */
  uint32_t retry_after_ms;
};

/* A request that was not whole when its connection was lost, and how much of it the server has. */
struct sure__held {
  uint64_t sequence;
  uint32_t len;
};

/* What earlier attempts have brought of a request is left out (2.7). */
struct sure__resumption {
  uint32_t held;                       /* bytes of it */
  struct sure_fingerprint fingerprint; /* of the whole */
};

struct sure__request {
  uint64_t method;
  uint64_t watermark;
  uint32_t timeout_ms;
  uint32_t message_len;
  uint8_t encoding;
  uint32_t resumes; /* the attempt by which the client has part of the stream; 0: none */
  struct sure__resumption resumed; /* with RESUMED; zero without */
  struct sure_bytes key;           /* one that is not in the payload; empty: none */
};

/* What RESPONSE and SETTLED say of a result. `code` and `reason` come off the wire unchecked but
 * for code's range. */
struct sure__result {
  enum sure_code code;
  enum sure_reason reason;
  uint8_t encoding;
  uint32_t retry_after_ms;
  uint32_t message_len;
  uint32_t held; /* with RESUMED, without MORE: bytes of the message that are left out */
  struct sure_bytes text;
};

struct sure__ack {
  uint64_t watermark;
  uint32_t range_count;
  const uint8_t *ranges; /* on the wire's form: sure__ack_range; already checked */
};

struct sure__settle_body {
  struct sure_session_id session;
  uint64_t target;
  uint64_t method;
  struct sure_fingerprint fingerprint; /* zero: not known */
  uint32_t reply_held;                 /* bytes of the recorded reply that the client has */
  uint64_t reply_hash;                 /* of these */
  struct sure_bytes key;
};

struct sure__settled_body {
  uint8_t verdict;
  struct sure__result result;
};

struct sure__goaway {
  uint8_t reason;
  struct sure_bytes text;
};

struct sure__frame {
  uint8_t type; /* may be an unknown one that may be ignored (0x80) */
  uint16_t flags;
  uint32_t attempt;
  uint64_t sequence;
  uint64_t clock;
  struct sure_bytes metadata;
  struct sure_bytes payload; /* without key or text */
  union {                    /* undefined in a CONT frame */
    struct sure__hello hello;
    struct sure__welcome welcome;
    struct sure__attach attach;
    struct sure__attached attached; /* its payload is of sure__held_at */
    struct sure__request request;
    struct sure__result response;
    struct sure__ack ack;
    struct sure__settle_body settle;
    struct sure__settled_body settled;
    struct sure__goaway goaway;
    struct sure__part data; /* its bytes are the payload */
    struct sure__window window;
  };
};

enum sure__decoded {
  SURE__DECODED_FRAME,
  SURE__DECODED_NEED_MORE, /* the bytes so far are the beginning of a frame */
  SURE__DECODED_INVALID,   /* a protocol error */
};

/* Decode the frame at the beginning of `bytes`. On FRAME: `*out_frame` and its length. On INVALID:
 * `*out_problem`, a static text, and `*out_frame` is undefined. Else the outputs are untouched. */
enum sure__decoded sure__frame_decode(struct sure_bytes bytes, struct sure__frame *out_frame,
                                      size_t *out_len, const char **out_problem);

/* Append one frame, or a message cut into as many as it takes (2.5). `message_len` of a request or
 * result and `range_count`s are taken from the payload; the caller's bounds must hold. False when
 * memory is short: then nothing is appended. */
bool sure__frame_encode(struct sure__buffer *out, const struct sure__frame *frame);

/* What ATTACHED has as its payload: the i-th of them, and one onto the wire. */
struct sure__held sure__held_at(struct sure_bytes payload, size_t i);
void sure__held_put(uint8_t *p, struct sure__held held);

/* The i-th range of an ACK. */
struct sure_range sure__ack_range(const struct sure__ack *ack, uint32_t i);
/* Append an ACK with `count` ranges. */
bool sure__ack_encode(struct sure__buffer *out, uint64_t watermark, const struct sure_range *ranges,
                      size_t count);

/* "REQUEST"; "?" for an unknown type. Static. */
const char *sure__frame_type_name(uint8_t type);

#endif
