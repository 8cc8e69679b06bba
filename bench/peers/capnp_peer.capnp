@0xd4f1f0b2a7c95e61;
# What peer.proto says, for Cap'n Proto.

struct Packet {
  id @0 :UInt64;
  payload @1 :Data;
}

interface Peer {
  echo @0 (packet :Packet) -> (packet :Packet);
}
