/* Streams: calls whose requests, or replies, or both, are any number of messages.
 *
 * A stream outlives its connection: after a loss both sides go on from the last message that the
 * other has, and every message comes once and in order (docs/streaming.md). When that can't be, as
 * the server has forgotten the stream, it ends with an honest status.
 *
 * The typed functions that the generator writes (..._read, ..._try_read, ..._write, ..._try_write,
 * ..._open, ..._finish) are thin covers of these. One thread may read a stream while another one
 * writes it. */
#ifndef SURE_STREAM_H
#define SURE_STREAM_H

#include <sure/call.h>
#include <sure/channel.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sure_stream;

/* Wait for the next message. On SURE_OK the caller owns `*out_message`
 * (protobuf_c_message_free_unpacked with a NULL allocator, or the generated ..._free_unpacked);
 * otherwise it is untouched. Blocks until the call's deadline at most.
 * SURE_OUT_OF_RANGE: there are no more; the other side has said so.
 * SURE_CANCELLED, SURE_DEADLINE_EXCEEDED and others: the call is over without that. At a client
 * sure_stream_finish says more; at a server SURE_UNAVAILABLE says that it ends.
 * SURE_INTERNAL: what came is no valid message; the stream can only be given up.
 * SURE_RESOURCE_EXHAUSTED: memory is short; the message is lost, so give the stream up.
 * SURE_FAILED_PRECONDITION: this side does not receive messages; or the method runs as SURE_RUN_TX,
 * and what was read before is not committed: sure_stream_try_read takes more before that.
 * SURE_ABORTED: another run goes on with the stream (sure_stream_commit). */
SURE_API enum sure_code sure_stream_read(struct sure_stream *stream,
                                         ProtobufCMessage **out_message);

/* Send a message, which is packed before this returns. Blocks while the other side does not take
 * what was sent (256 KiB are on their way at most, or one message; up to 1 MiB if the other side is
 * fast), until the deadline.
 * SURE_OK: it is on its way, and is sent again by itself if it is lost. What the other side makes
 * of it only the end of the call says.
 * SURE_CANCELLED, SURE_DEADLINE_EXCEEDED and others: the call is over.
 * SURE_RESOURCE_EXHAUSTED: it is over the message limit, or memory is short; nothing was sent, and
 * the stream goes on.
 * SURE_FAILED_PRECONDITION: this side does not send messages, or has said that it is done. */
SURE_API enum sure_code sure_stream_write(struct sure_stream *stream,
                                          const ProtobufCMessage *message);

/* As sure_stream_read and sure_stream_write, without blocking: on SURE_OK, what can't be done now
 * has `*out_message` NULL, or `*out_taken` false. */
SURE_API enum sure_code sure_stream_try_read(struct sure_stream *stream,
                                             ProtobufCMessage **out_message);
SURE_API enum sure_code sure_stream_try_write(struct sure_stream *stream,
                                              const ProtobufCMessage *message, bool *out_taken);

/* Of the messages that a client sends, how many the server has taken for good, so that they are not
 * sent again: at a handler that commits as it goes, and its client, those are committed. After a
 * client has begun again under the key of an earlier call, that call's are among them; of what it
 * writes, so many messages are dropped. Any thread. */
SURE_API uint64_t sure_stream_committed(struct sure_stream *stream);

/* ---- at a server ---- */

/* The stream of the call that a handler serves; NULL: its method has none. Valid until the handler
 * returns. Then the other side is told that no more messages come, and the status after them. */
SURE_API struct sure_stream *sure_call_stream(struct sure_call *call);

/* Commit what was read: `fn` runs in the store's transaction (sure_call_sqlite), and what it
 * writes there is committed together with how many messages have been read so far. If this server
 * dies, or the client begins again under the same idempotency key, the next run's first read is of
 * the message behind the last that was committed; so each message has its effect once. For methods
 * that run as SURE_RUN_TX. Blocks until that is durable.
 *
 * `fn` runs on the store's writer, where it may not block, and may run again after it was rolled
 * back. May be called when nothing was read, for what else is to be looked up or done at that
 * point: a reply is made of what is in the store, as this run may be the last of several.
 *
 * SURE_OK: it is committed, and the client need not keep those messages.
 * Another code of `fn`: it was rolled back, and they are not committed.
 * SURE_ABORTED: another run goes on with the stream; nothing was done. Return this.
 * SURE_UNAVAILABLE, SURE_RESOURCE_EXHAUSTED: the store is busy, failed or full. Return this: the
 * next run finds out where to go on.
 * SURE_INTERNAL: `fn` left or spoilt its transaction (S21).
 * SURE_FAILED_PRECONDITION: the method does not run as SURE_RUN_TX, or in `fn`. */
typedef enum sure_code sure_stream_commit_fn(void *user, struct sure_call *call);
SURE_API enum sure_code sure_stream_commit(struct sure_stream *stream, sure_stream_commit_fn *fn,
                                           void *user);

/* A handler goes on in steps, so that thousands of streams need no thread each: it returns what
 * sure_stream_wait returns, and when there is news of the stream, `step` is called on a thread of
 * the pool. A step is to a stream what its handler is: it ends the call with the code that it
 * returns, or waits again. No two run at once for one stream. It may not block: what does
 * (sure_stream_read, sure_stream_write, calls that wait) is refused with
 * SURE_FAILED_PRECONDITION. */
typedef enum sure_code sure_stream_step_fn(void *user, struct sure_call *call,
                                           struct sure_stream *stream);
SURE_API enum sure_code sure_stream_wait(struct sure_stream *stream, sure_stream_step_fn *step,
                                         void *user);
/* Make news: the next step of a handler that waits, or will wait, comes soon. Any thread, until a
 * step or the handler returns another code than that of sure_stream_wait. */
SURE_API void sure_stream_wake(struct sure_stream *stream);
/* SURE_OK: the stream goes on. Else it is over, and news of it only comes if sure_stream_wake makes
 * it: end the call. SURE_CANCELLED: by the client. SURE_DEADLINE_EXCEEDED, also when nothing has
 * happened on it for stream_idle_ms. SURE_UNAVAILABLE: the server ends, or drains: then reads and
 * writes still work, but a stream without an end of its own should end, so that its client goes on
 * elsewhere. */
SURE_API enum sure_code sure_stream_check(const struct sure_stream *stream);

/* ---- at a client ---- */

/* Begin a call of a method with streams. For generated code. Borrows `request` (NULL: the requests
 * are the stream) and `options` until it returns; `status` (may be NULL) until sure_stream_finish,
 * which fills it. Does not block. Any thread, except from a completion or an inline handler.
 * On SURE_OK the caller owns `*out_stream`, which sure_stream_finish frees; it is due before
 * sure_channel_free.
 * On another code `status` says why, and nothing was sent. The codes are those of sure_channel_call
 * that are refused, and SURE_INVALID_ARGUMENT for a call that was to be hedged. */
SURE_API enum sure_code
sure_channel_open_stream(struct sure_channel *channel, const struct sure_method *method,
                         const ProtobufCMessage *request, const struct sure_call_options *options,
                         struct sure_stream **out_stream, struct sure_status *status);

/* Have `fn` called whenever a sure_stream_try_read or sure_stream_try_write that could not be done
 * may be done now, or the call has ended: on a thread of the library, never two at once, and once
 * soon after this. `fn` must not block and not finish the stream, which waits until `fn` has
 * returned. Once at most for a stream. */
typedef void sure_stream_news_fn(void *user, struct sure_stream *stream);
SURE_API void sure_stream_notify(struct sure_stream *stream, sure_stream_news_fn *fn, void *user);

/* No further message is sent; the server's next read after those that were is told so. Harmless a
 * second time. */
SURE_API void sure_stream_done_writing(struct sure_stream *stream);

/* Give the call up: it ends with SURE_CANCELLED, unless its end was on the way already, and the
 * handler sees that. sure_stream_finish is still due. Any thread. */
SURE_API void sure_stream_cancel(struct sure_stream *stream);

/* Wait for the end of the call and free the stream. Not from what may not block. Says that writing
 * is done, and reads and drops what was not read. On SURE_OK, for a method with one reply, the
 * caller owns `*out_reply` (`out_reply` is NULL where the replies are the stream). The status given
 * to sure_channel_open_stream is filled in; its code is what is returned.
 * SURE_DATA_LOSS, outcome APPLIED: the call was done, and not all of its messages could be had. */
SURE_API enum sure_code sure_stream_finish(struct sure_stream *stream,
                                           ProtobufCMessage **out_reply);

#ifdef __cplusplus
}
#endif

#endif
