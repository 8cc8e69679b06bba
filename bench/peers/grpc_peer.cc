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
  uint64_t begun_ns = 0;
};

void Begin(grpc_peer::Peer::Stub *stub, grpc::CompletionQueue *queue, Call *call) {
  Packet request;
  request.set_id(1);
  request.set_payload(std::string(PEER_PAYLOAD_LEN, '\0'));
  call->context = std::make_unique<grpc::ClientContext>();
  call->begun_ns = peer_now_ns();
  call->reader = stub->AsyncEcho(call->context.get(), request, queue);
  call->reader->Finish(&call->reply, &call->status, call);
}

std::unique_ptr<grpc_peer::Peer::Stub> Connect(const char *address) {
  auto channel = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
  channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(5));
  return grpc_peer::Peer::NewStub(channel);
}

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

bool peer_call(struct peer_run *run, const char *address, unsigned outstanding) {
  auto stub = Connect(address);
  grpc::CompletionQueue queue;
  std::vector<Call> calls(outstanding);
  for (Call &call : calls) {
    Begin(stub.get(), &queue, &call);
  }
  void *tag;
  bool ok;
  for (unsigned open = outstanding; open > 0 && queue.Next(&tag, &ok);) {
    Call *call = static_cast<Call *>(tag);
    if (!ok || !call->status.ok()) {
      return false;
    }
    if (peer_count(run, call->begun_ns)) {
      Begin(stub.get(), &queue, call);
    } else {
      open--;
    }
  }
  return true;
}

bool peer_call_unrecorded(struct peer_run *run, const char *address, unsigned outstanding) {
  return peer_call(run, address, outstanding);
}

void *peer_connect(const char *address) { return Connect(address).release(); }

bool peer_call_and_wait(void *connection) {
  auto *stub = static_cast<grpc_peer::Peer::Stub *>(connection);
  grpc::ClientContext context;
  Packet request;
  Packet reply;
  request.set_id(1);
  request.set_payload(std::string(PEER_PAYLOAD_LEN, '\0'));
  return stub->Echo(&context, request, &reply).ok();
}

void peer_disconnect(void *connection) { delete static_cast<grpc_peer::Peer::Stub *>(connection); }

bool peer_pour(struct peer_run *run, const char *address) {
  auto stub = Connect(address);
  grpc::ClientContext context;
  Packet request;
  request.set_id(UINT64_MAX);
  auto reader = stub->Pour(&context, request);
  Packet packet;
  uint64_t begun_ns = peer_now_ns();
  while (reader->Read(&packet) && peer_count(run, begun_ns)) {
    begun_ns = peer_now_ns();
  }
  context.TryCancel();
  reader->Finish();
  return peer_is_over(run);
}
