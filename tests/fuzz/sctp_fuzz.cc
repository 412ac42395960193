// links: tacoma_secure tacoma_base
// SCTP packets of the fuzzer into an association that is up: two bytes of length, then the packet from its first chunk on. The common
// header is made right (ports, verification tag, checksum): behind DTLS only a peer that knows them gets so far.
#include "core/secure/data_channel.h"

using namespace tacoma;

namespace {

// CRC32c (RFC 9260 appendix A).
uint32_t crc32c(BytesView bytes) {
  uint32_t crc = ~uint32_t{0};
  for (const uint8_t byte : bytes) {
    crc ^= byte;
    for (int i = 0; i < 8; ++i) crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78u : 0u);
  }
  return ~crc;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Instant now = Instant::at(Duration::seconds(1));  // goes on from run to run, as usrsctp's timers do
  SctpHost host;
  DataChannel server(host, SctpAssociation::Role::server, 1);
  SctpAssociation client(host, SctpAssociation::Role::client, 2);
  server.start(now);
  client.start(now);
  uint32_t tag = 0;  // what the server wants to see
  for (int i = 0; i < 6; ++i) {
    std::vector<uint8_t> packet;
    while (client.poll_packet(packet)) {
      if (packet.size() >= 8 && load_u32(packet.data() + 4) != 0) tag = load_u32(packet.data() + 4);
      server.on_packet(now, packet);
    }
    while (server.poll_packet(packet)) (void)client.on_packet(now, packet);
  }
  TACOMA_ASSERT(client.state() == SctpAssociation::State::up && tag != 0);
  (void)client.send(now, 0, dcep::kControl, dcep::write({0, 256, 0, "JVB data channel", ""}));
  for (std::vector<uint8_t> packet; client.poll_packet(packet);) server.on_packet(now, packet);
  TACOMA_ASSERT(server.is_open());

  ByteReader r(BytesView(data, size));
  for (int count = 0; count < 16 && r.remaining() > 2; ++count) {
    const size_t length = std::min<size_t>({r.u16(), r.remaining(), SctpAssociation::kMaxPacket - 12});
    const BytesView chunks = r.bytes(length);
    std::vector<uint8_t> packet(12 + chunks.size());
    ByteWriter w(packet);
    w.u16(SctpAssociation::kPort);
    w.u16(SctpAssociation::kPort);
    w.u32(!chunks.empty() && chunks[0] == 1 ? 0 : tag);  // an INIT has none
    w.u32(0);
    w.bytes(chunks);
    const uint32_t sum = crc32c(packet);
    for (int i = 0; i < 4; ++i) packet[8 + static_cast<size_t>(i)] = static_cast<uint8_t>(sum >> (8 * i));
    server.on_packet(now, packet);
    server.post("answer");
    server.advance(now);
    for (std::vector<uint8_t> sent; server.poll_packet(sent);) TACOMA_ASSERT(sent.size() <= SctpAssociation::kMaxPacket);
    for (DataChannel::Event event; server.poll_event(event);) TACOMA_ASSERT(event.text.size() <= SctpAssociation::kMaxMessage);
    now = now + Duration::milliseconds(20);
    if (host.deadline().at <= now) host.on_deadline(now);
    TACOMA_ASSERT(host.deadline().at > now);
    while (host.next_pending()) {}
  }
  return 0;
}
