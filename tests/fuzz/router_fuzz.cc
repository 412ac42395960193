// links: tacoma_router tacoma_signal tacoma_base
// The stranger's bytes on the router's streams. Each line of the input is one chunk: its first character says on which of
// four streams it arrives (an admin, two guests, and one that has not logged in), '-' closes that stream instead.
// When all streams are closed nothing may be left.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "core/base/assert.h"
#include "core/signal/xmpp_stream.h"
#include "sim/router/stanza_router.h"
#include "tests/fuzz/lines.h"

using namespace tacoma;

namespace {

class Harness {
 public:
  Harness() : router_(make_config()), out_(pool_) {
    for (uint32_t i = 0; i < kStreams; ++i)
      router_.on_stream(now_, {StreamEvent::Kind::accepted, id(i), "xmpp", {}}, out_);
    log_in(0, "auth.tacoma.test", SaslMechanism::plain);
    log_in(1, "tacoma.test", SaslMechanism::anonymous);
    log_in(2, "tacoma.test", SaslMechanism::anonymous);
  }
  void feed(std::string_view line) {
    if (line.empty()) return;
    const uint32_t stream = static_cast<uint8_t>(line[0]) % kStreams;
    line.remove_prefix(1);
    if (line == "-") return close(stream);
    router_.on_stream(now_, {StreamEvent::Kind::data, id(stream), {}, as_bytes(line)}, out_);
    out_.clear();
  }
  void finish() {
    for (uint32_t i = 0; i < kStreams; ++i) close(i);
    const RouterStats stats = router_.stats();
    TACOMA_ASSERT(stats.streams == 0 && stats.sessions == 0 && stats.rooms == 0 && stats.occupants == 0);
  }

 private:
  static constexpr uint32_t kStreams = 4;
  static StreamId id(uint32_t i) { return StreamId(0x80000000u + i); }
  static RouterConfig make_config() {
    RouterConfig config;
    config.accounts = {{"a", "p"}};
    config.scram_iterations = 1;
    config.admins = {"a@auth.tacoma.test"};
    config.limits.occupants_per_room = 8;
    return config;
  }
  void close(uint32_t stream) {
    router_.on_stream(now_, {StreamEvent::Kind::closed, id(stream), {}, {}}, out_);
    out_.clear();
  }
  void log_in(uint32_t stream, const char* domain, SaslMechanism mechanism) {
    XmppClient client({domain, mechanism, "a", "p", "r"}, Rng(stream + 1));
    client.start();
    for (int i = 0; i < 10 && client.has_output(); ++i) {
      router_.on_stream(now_, {StreamEvent::Kind::data, id(stream), {}, as_bytes(client.take_output())}, out_);
      for (const Outbox::StreamOp& op : out_.stream_ops())
        if (op.id == id(stream) && op.kind == Outbox::StreamOp::Kind::write) client.on_bytes(out_.stream_bytes(op));
      out_.clear();
      while (client.poll()) {
      }
    }
    TACOMA_ASSERT(client.is_ready());
  }

  PacketPool pool_;
  Instant now_;
  StanzaRouter router_;
  Outbox out_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Harness harness;
  each_line(data, size, [&](std::string_view line) { harness.feed(line); });
  harness.finish();
  return 0;
}
