// links: tacoma_focus tacoma_router tacoma_signal tacoma_base
// What strangers may write to the focus. Each line of the input is one chunk on a client's stream to the router that the
// focus is a component of; its first character says on which of three (two guests, a bridge), '+' lets 7 s pass instead.
// At the end all leave, and no conference may be left.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/assert.h"
#include "core/signal/deployment.h"
#include "core/signal/xmpp_stream.h"
#include "focus/engine/focus.h"
#include "sim/router/stanza_router.h"
#include "tests/fuzz/lines.h"

using namespace tacoma;

namespace {

class Harness {
 public:
  Harness() : router_(make_config()), focus_(FocusConfig::embedded(Rng(2))), router_out_(pool_), focus_out_(pool_) {
    to_router({StreamEvent::Kind::accepted, kFocusStream, "xmpp-component", {}});
    focus_.start(now_, focus_out_);
    focus_out_.clear();
    to_focus({StreamEvent::Kind::opened, StreamId(1), {}, {}});
    TACOMA_ASSERT(focus_.ready());
    log_in(0, {std::string(deployment::kDomain), SaslMechanism::anonymous, {}, {}, {}});
    log_in(1, {std::string(deployment::kDomain), SaslMechanism::anonymous, {}, {}, {}});
    log_in(2, {std::string(deployment::kAuthDomain), SaslMechanism::plain, std::string(deployment::kBridgeUser),
               std::string(deployment::kBridgePassword), "b"});
  }
  void feed(std::string_view line) {
    if (line.empty()) return;
    if (line == "+") return wait(Duration::seconds(7));
    const uint32_t stream = static_cast<uint8_t>(line[0]) % kStreams;
    to_router({StreamEvent::Kind::data, id(stream), {}, as_bytes(line.substr(1))});
  }
  void finish() {
    for (uint32_t i = 0; i < kStreams; ++i) to_router({StreamEvent::Kind::closed, id(i), {}, {}});
    wait(Duration::seconds(60));
    const FocusStats stats = focus_.stats();
    TACOMA_ASSERT(stats.conferences == 0 && stats.participants == 0 && stats.sessions == 0 && stats.bridges == 0);
  }

 private:
  static constexpr uint32_t kStreams = 3;
  static constexpr StreamId kFocusStream = StreamId(0x80000010u);
  static StreamId id(uint32_t i) { return StreamId(0x80000000u + i); }

  static RouterConfig make_config() {
    RouterConfig config = RouterConfig::embedded(Rng(1));
    config.scram_iterations = 1;
    return config;
  }
  void wait(Duration time) {
    const Instant end = now_ + time;
    while (focus_.deadline().at <= end) {
      now_ = std::max(now_, focus_.deadline().at);
      focus_.on_deadline(now_, focus_out_);
      TACOMA_ASSERT(focus_.deadline().at > now_);
      settle();
    }
    now_ = end;
  }
  void to_router(const StreamEvent& event) {
    router_.on_stream(now_, event, router_out_);
    settle();
  }
  void to_focus(const StreamEvent& event) {
    focus_.on_stream(now_, event, focus_out_);
    settle();
  }
  /// Carries bytes between the two until they are quiet; what goes to clients is dropped.
  void settle() {
    for (;;) {
      const std::string to_component = written(router_out_, kFocusStream), from_component = written(focus_out_, StreamId(1));
      if (to_component.empty() && from_component.empty()) return;
      if (!from_component.empty()) router_.on_stream(now_, {StreamEvent::Kind::data, kFocusStream, {}, as_bytes(from_component)}, router_out_);
      if (!to_component.empty()) focus_.on_stream(now_, {StreamEvent::Kind::data, StreamId(1), {}, as_bytes(to_component)}, focus_out_);
    }
  }
  std::string written(Outbox& out, StreamId stream) {
    std::string bytes;
    for (const Outbox::StreamOp& op : out.stream_ops()) {
      if (op.kind != Outbox::StreamOp::Kind::write) continue;
      if (op.id == stream) bytes += as_text(out.stream_bytes(op));
      else last_to_client_ += as_text(out.stream_bytes(op));
    }
    out.clear();
    return bytes;
  }
  void log_in(uint32_t stream, XmppClient::Config config) {
    to_router({StreamEvent::Kind::accepted, id(stream), "xmpp", {}});
    XmppClient client(std::move(config), Rng(stream + 1));
    client.start();
    for (int i = 0; i < 10 && client.has_output(); ++i) {
      last_to_client_.clear();
      to_router({StreamEvent::Kind::data, id(stream), {}, as_bytes(client.take_output())});
      client.on_bytes(as_bytes(last_to_client_));
      while (client.poll()) {
      }
    }
    TACOMA_ASSERT(client.is_ready());
  }

  PacketPool pool_;
  Instant now_;
  StanzaRouter router_;
  Focus focus_;
  Outbox router_out_, focus_out_;
  std::string last_to_client_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Harness harness;
  each_line(data, size, [&](std::string_view line) { harness.feed(line); });
  harness.finish();
  return 0;
}
