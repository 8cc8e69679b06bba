// gRPC C++ in its fastest documented form: completion queues on both sides for calls; for streams
// the synchronous reader and writer, which hop between fewer threads.
#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "grpc_peer.grpc.pb.h"
#include "peer.h"

using grpc_peer::Packet;

namespace {

// ---- the server ----

using Service = grpc_peer::Peer::WithAsyncMethod_Echo<grpc_peer::Peer::Service>;

class Server final : public Service {
 public:
  grpc::Status Pour(grpc::ServerContext *, const Packet *request,
                    grpc::ServerWriter<Packet> *writer) override {
    Packet packet;
    packet.set_payload(std::string(PEER_POURED_LEN, '\0'));
    for (uint64_t i = 0; i < request->id() && writer->Write(packet); i++) {
    }
    return grpc::Status::OK;
  }
};

// One place for a call, used again and again.
struct Place {
  Place(Service *service, grpc::ServerCompletionQueue *queue) : service(service), queue(queue) {
    Ask();
  }
  void Ask() {
    context = std::make_unique<grpc::ServerContext>();
    writer = std::make_unique<grpc::ServerAsyncResponseWriter<Packet>>(context.get());
    is_answered = false;
    service->RequestEcho(context.get(), &request, writer.get(), queue, queue, this);
  }
  void GoOn() {
    if (is_answered) {
      Ask();
      return;
    }
    is_answered = true;
    writer->Finish(request, grpc::Status::OK, this);
  }
  Service *service;
  grpc::ServerCompletionQueue *queue;
  std::unique_ptr<grpc::ServerContext> context;
  std::unique_ptr<grpc::ServerAsyncResponseWriter<Packet>> writer;
  Packet request;
  bool is_answered = false;
};

constexpr int kPlaces = 1024;

// ---- the client ----

struct Call {
  std::unique_ptr<grpc::ClientContext> context;
  std::unique_ptr<grpc::ClientAsyncResponseReader<Packet>> reader;
  Packet reply;
  grpc::Status status;
};

std::unique_ptr<grpc_peer::Peer::Stub> Connect(const char *address) {
  auto channel = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
  channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(5));
  return grpc_peer::Peer::NewStub(channel);
}

struct Connection {
  Connection(peer_run *run, const char *address, unsigned slots)
      : run(run), stub(Connect(address)), calls(slots) {
    size_t len;
    const uint8_t *data = peer_payload(run, &len);
    request.set_id(1);
    request.set_payload(data, len);
    worker = std::thread([this] { TakeEnds(); });
  }
  ~Connection() {
    queue.Shutdown();
    worker.join();
  }
  void Begin(unsigned slot) {
    Call *call = &calls[slot];
    call->context = std::make_unique<grpc::ClientContext>();
    call->reader = stub->AsyncEcho(call->context.get(), request, &queue);
    call->reader->Finish(&call->reply, &call->status, call);
  }
  void TakeEnds() {
    void *tag;
    bool ok;
    while (queue.Next(&tag, &ok)) {
      Call *call = static_cast<Call *>(tag);
      if (!ok || !call->status.ok()) {
        peer_fail(call->status.error_message().c_str());
      }
      const unsigned slot = static_cast<unsigned>(call - calls.data());
      if (peer_ended(run, slot)) {
        Begin(slot);
      }
    }
  }
  peer_run *run;
  std::unique_ptr<grpc_peer::Peer::Stub> stub;
  std::vector<Call> calls;
  Packet request;
  grpc::CompletionQueue queue;
  std::thread worker;
};

}  // namespace

bool peer_serve(const char *path) {
  Server service;
  int port = 0;
  grpc::ServerBuilder builder;
  const std::string unix_address = path == nullptr ? "" : "unix:" + std::string(path);
  builder.AddListeningPort(path == nullptr ? "127.0.0.1:0" : unix_address,
                           grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  auto queue = builder.AddCompletionQueue();
  auto server = builder.BuildAndStart();
  if (server == nullptr) {
    return false;
  }
  std::vector<std::unique_ptr<Place>> places;
  for (int i = 0; i < kPlaces; i++) {
    places.push_back(std::make_unique<Place>(&service, queue.get()));
  }
  std::thread worker([&queue] {
    void *tag;
    bool ok;
    while (queue->Next(&tag, &ok)) {
      if (ok) {
        static_cast<Place *>(tag)->GoOn();
      }
    }
  });
  const std::string tcp_address = "127.0.0.1:" + std::to_string(port);
  peer_ready((path == nullptr ? tcp_address : unix_address).c_str());
  peer_wait_for_end();
  server->Shutdown(std::chrono::system_clock::now());
  queue->Shutdown();
  worker.join();
  return true;
}

void *peer_open(struct peer_run *run, const char *address, unsigned slots) {
  return new Connection(run, address, slots);
}

void peer_begin(void *connection, unsigned slot) {
  static_cast<Connection *>(connection)->Begin(slot);
}

bool peer_call_and_wait(void *connection) {
  auto *own = static_cast<Connection *>(connection);
  grpc::ClientContext context;
  Packet reply;
  return own->stub->Echo(&context, own->request, &reply).ok();
}

void peer_close(void *connection) { delete static_cast<Connection *>(connection); }

bool peer_pour(struct peer_run *run, const char *address) {
  auto stub = Connect(address);
  grpc::ClientContext context;
  Packet request;
  request.set_id(UINT64_MAX);
  auto reader = stub->Pour(&context, request);
  Packet packet;
  uint64_t begun_ns = peer_now_ns();
  bool goes_on = true;
  while (goes_on && reader->Read(&packet)) {
    goes_on = peer_count(run, begun_ns);
    begun_ns = peer_now_ns();
  }
  context.TryCancel();
  reader->Finish();
  return !goes_on;
}
