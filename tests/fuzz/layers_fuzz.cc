// links: tacoma_bridge tacoma_rtp tacoma_base
// A source of three encodings that says anything of its layers (picture ids that jump, structures that lie or are cut off, ids over the
// limits), a receiver that wants anything of it, at any estimate: numbers stay whole, limits hold, no share is over the estimate.
#include <algorithm>
#include <cstdint>
#include <memory>

#include "bridge/engine/allocator.h"
#include "bridge/engine/receiver.h"
#include "bridge/engine/sender.h"
#include "tests/unit/bridge/nobody.h"

using namespace tacoma;
using namespace tacoma::bridge;

namespace {

constexpr uint8_t kTypes[] = {100, 101, 41, 102, 45};
constexpr uint8_t kDependencyId = 11;
constexpr uint32_t kEncodings = 3;

struct Fixture {
  PacketPool pool;
  Receiver receiver;
  Projection projection{test::nobody(), true, Ssrc(1), Ssrc(), 1};
  BridgeCounts counts;
  Shares shares;
  Instant now = Instant::at(Duration::seconds(1));
  uint16_t sequences[kEncodings] = {65'500, 1, 30'000};
  uint64_t taken = 0;

  Fixture() {
    jingle::MediaFormats formats;
    const char* names[] = {"VP8", "VP9", "AV1", "H264", "H265"};
    for (size_t i = 0; i < 5; ++i) {
      jingle::PayloadType type;
      type.id = kTypes[i];
      type.name = names[i];
      type.clockrate = 90'000;
      formats.payload_types.push_back(type);
    }
    formats.header_extensions.push_back({kDependencyId, std::string(kDependencyDescriptorUri)});
    receiver.set_formats(nullptr, &formats);
    bridge::SourceDescription description;
    description.video = true;
    description.name = "a-v0";
    for (uint32_t i = 1; i <= kEncodings; ++i) description.encodings.push_back({Ssrc(i), Ssrc()});
    receiver.sources.push_back(std::make_unique<Source>(test::nobody(), description, 90'000, false));
  }

  void packet(ByteReader& in) {
    const uint8_t how = in.u8(), encoding = how % kEncodings;
    uint8_t bytes[200];
    uint8_t dependency[32];
    const size_t said = in.u8() % sizeof dependency;
    const BytesView from = in.bytes(std::min(said, in.remaining()));
    std::copy(from.begin(), from.end(), dependency);
    const RtpExtension extension{kDependencyId, BytesView(dependency, from.size())};
    sequences[encoding] = static_cast<uint16_t>(sequences[encoding] + 1 + ((how & 0x40) != 0 ? in.u8() - 128 : 0));
    const RtpHeader header{kTypes[in.u8() % 5], (how & 0x80) != 0, sequences[encoding], in.u32(), Ssrc(encoding + 1u)};
    size_t size = write_rtp_header(MutableBytes(bytes, sizeof bytes), header, Span<const RtpExtension>(&extension, from.empty() ? 0 : 1));
    const BytesView payload = in.bytes(std::min<size_t>(1 + in.u8() % 40, in.remaining()));
    std::copy(payload.begin(), payload.end(), bytes + size);
    size += payload.size();
    Datagram datagram;
    datagram.packet = pool.copy(BytesView(bytes, size));
    datagram.arrived = now;
    MediaPacket media;
    if (receiver.ingest(now, datagram, media, counts)) return;
    ++taken;
    TACOMA_ASSERT(counts.drops[Drop::picture_id_jump] < taken);  // the first cannot have
    if (media.held_back) return projection.held_back(media, true);
    const auto placement = projection.place(media, now);
    if (placement.drop) return;
    // What goes out is what the bridge would write, and as RTP it can be read.
    EgressShape shape;
    shape.dependency_descriptor = kDependencyId;
    EgressHeader egress;
    uint8_t rewritten[kMaxDependencyDescriptor];
    BytesView descriptor;
    if (media.codec == Codec::av1) descriptor = changes_dependency(media, placement.rewrite) ? rewrite_dependency(rewritten, media, placement.rewrite) : media.av1().bytes;
    egress.build(media, shape, now, descriptor);
    egress.set(Ssrc(1), placement.rewrite);
    TACOMA_ASSERT(PayloadLead(media, placement.rewrite.deltas).bytes().size() <= media.view.payload().size());
    projection.sent(size);
  }

  void share(ByteReader& in) {
    Source& source = *receiver.sources.front();
    const Span<const LayerInfo> layers = source.layers(now);
    for (const LayerInfo& layer : layers)
      TACOMA_ASSERT(layer.id.encoding < kEncodings && layer.id.spatial < kMaxSpatialLayers && layer.id.temporal < kMaxTemporalLayers && layer.rate >= DataRate::zero());
    Candidate candidate;
    candidate.interest = static_cast<Interest>(in.u8() % 3);
    candidate.layers = layers;
    candidate.previous = projection.target();
    candidate.constraints.max_height = static_cast<int32_t>(in.u32());
    candidate.constraints.max_frame_rate = static_cast<int16_t>(in.u16());
    const int32_t last_n = static_cast<int8_t>(in.u8());
    const DataRate estimate = DataRate::bps(static_cast<int64_t>(in.u32()) << (in.u8() % 31));
    allocate(estimate, std::max(last_n, -1), Span<const Candidate>(&candidate, 1), shares);
    TACOMA_ASSERT(shares.used <= estimate);
    projection.set_target(shares.grants[0].target);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ByteReader in(BytesView(data, size));
  Fixture world;
  for (int steps = 0; steps < 1'000 && in.remaining() > 0; ++steps) {
    switch (in.u8() % 6) {
      case 0: {
        const uint8_t ids = in.u8();
        world.projection.set_target(ids == 0 ? std::optional<LayerId>() : LayerId{static_cast<uint8_t>(ids & 3), static_cast<uint8_t>(ids >> 2 & 7), static_cast<uint8_t>(ids >> 5)});
        break;
      }
      case 1:
        world.now = world.now + Duration::milliseconds(in.u8() * 4);
        break;
      case 2:
        world.share(in);
        break;
      default:
        world.packet(in);
    }
  }
  TACOMA_ASSERT(world.projection.violation().empty());
  return 0;
}
