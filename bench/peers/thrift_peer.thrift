// What peer.proto says, for Thrift.
namespace c_glib bench

struct Packet {
  1: i64 id
  2: binary payload
}

service Peer {
  Packet echo(1: Packet packet)
}
