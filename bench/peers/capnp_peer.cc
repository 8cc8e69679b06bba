// Cap'n Proto with its promises, which is its only form: one event loop at each end.
#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <kj/async-unix.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "capnp_peer.capnp.h"
#include "peer.h"

namespace {

// ---- the server ----

class PeerImpl final : public Peer::Server {
 protected:
  kj::Promise<void> echo(EchoContext context) override {
    auto packet = context.getParams().getPacket();
    context.getResults(packet.totalSize()).setPacket(packet);
    return kj::READY_NOW;
  }
};

// ---- the client ----

constexpr uint32_t kOver = UINT32_MAX;

// Its event loop has a thread of its own, which learns through a pipe what is to begin.
class Connection {
 public:
  Connection(peer_run *run, const char *address) : run_(run), address_(address) {
    if (pipe(pipe_) != 0) {
      peer_fail("no pipe");
    }
    thread_ = std::thread([this] { Loop(); });
  }
  ~Connection() {
    Tell(kOver);
    thread_.join();
    close(pipe_[1]);
  }
  void Tell(uint32_t slot) {
    if (write(pipe_[1], &slot, sizeof slot) != sizeof slot) {
      peer_fail("the pipe is broken");
    }
  }

 private:
  void Loop() {
    auto io = kj::setupAsyncIo();
    auto told = io.lowLevelProvider->wrapInputFd(pipe_[0], kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP);
    auto stream = io.provider->getNetwork()
                      .parseAddress(address_)
                      .wait(io.waitScope)
                      ->connect()
                      .wait(io.waitScope);
    capnp::TwoPartyClient network(*stream);
    Peer::Client peer = network.bootstrap().castAs<Peer>();
    kj::TaskSet calls(failure_);
    Listen(*told, peer, calls).wait(io.waitScope);
  }
  kj::Promise<void> Listen(kj::AsyncInputStream &told, Peer::Client &peer, kj::TaskSet &calls) {
    return told.read(&next_, sizeof next_).then([&]() -> kj::Promise<void> {
      if (next_ == kOver) {
        return kj::READY_NOW;
      }
      Begin(next_, peer, calls);
      return Listen(told, peer, calls);
    });
  }
  void Begin(unsigned slot, Peer::Client &peer, kj::TaskSet &calls) {
    size_t len;
    const uint8_t *data = peer_payload(run_, &len);
    auto request = peer.echoRequest();
    auto packet = request.initPacket();
    packet.setId(1);
    packet.setPayload(kj::arrayPtr(data, len));
    calls.add(request.send().then([this, slot, &peer, &calls](
                                      capnp::Response<Peer::EchoResults> &&) {
      if (peer_ended(run_, slot)) {
        Begin(slot, peer, calls);
      }
    }));
  }
  struct Failure final : public kj::TaskSet::ErrorHandler {
    void taskFailed(kj::Exception &&exception) override {
      peer_fail(exception.getDescription().cStr());
    }
  };
  peer_run *run_;
  const char *address_;
  int pipe_[2];
  uint32_t next_ = 0;
  Failure failure_;
  std::thread thread_;
};

}  // namespace

bool peer_serve(const char *path) {
  kj::UnixEventPort::captureSignal(SIGTERM);
  auto io = kj::setupAsyncIo();
  const kj::String address =
      path == nullptr ? kj::str("127.0.0.1:0") : kj::str("unix:", path);
  auto listener =
      io.provider->getNetwork().parseAddress(address).wait(io.waitScope)->listen();
  capnp::TwoPartyServer server(kj::heap<PeerImpl>());
  auto ends = io.unixEventPort.onSignal(SIGTERM);
  const kj::String reached =
      path == nullptr ? kj::str("127.0.0.1:", listener->getPort()) : kj::str(address);
  peer_ready(reached.cStr());
  server.listen(*listener).exclusiveJoin(ends.ignoreResult()).wait(io.waitScope);
  return true;
}

void *peer_open(struct peer_run *run, const char *address, unsigned slots) {
  return slots > 0 ? new Connection(run, address) : nullptr;
}

void peer_begin(void *connection, unsigned slot) {
  static_cast<Connection *>(connection)->Tell(slot);
}

bool peer_call_and_wait(void *) { return false; }

void peer_close(void *connection) { delete static_cast<Connection *>(connection); }

bool peer_pour(struct peer_run *, const char *) { return false; }
