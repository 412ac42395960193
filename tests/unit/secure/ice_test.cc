#include <catch2/catch.hpp>

#include "core/secure/ice.h"
#include "tests/unit/secure/path_pair.h"
#include "tests/support/instants.h"

using namespace tacoma;

namespace {

const SocketAddress kLocal = PathPair::address(false, 1, 10000);
const IceCredentials kTheirs = {"their+ufrag", "theirpasswordtheirpassword"};

IceAgent make_agent(IceRole role) {
  IceAgent::Config config;
  config.role = role;
  config.local = {"ours", "ourpasswordourpasswordour"};
  config.local_addresses = {kLocal};
  config.rng = Rng(3);
  return IceAgent(config);
}

struct Wire {
  PacketPool pool{4 << 20};
  Outbox out{pool};
  uint8_t next_id = 0;

  // A check of the peer as it should be; `edit` may spoil it.
  std::vector<uint8_t> check(std::string_view pwd = "ourpasswordourpasswordour", std::string_view user = "ours:their+ufrag",
                             const std::function<void(stun::Builder&)>& edit = [](stun::Builder& b) { b.ice_controlled(1); }) {
    std::vector<uint8_t> bytes(400);
    stun::Builder b(bytes, stun::Class::request, {++next_id});
    b.username(user);
    b.priority(100);
    edit(b);
    bytes.resize(b.finish(pwd));
    return bytes;
  }
  // The answer to a request that the agent sent.
  std::vector<uint8_t> answer(BytesView request, const SocketAddress& mapped, std::string_view pwd = kTheirs.pwd) {
    const auto m = stun::parse(request);
    std::vector<uint8_t> bytes(200);
    stun::Builder b(bytes, stun::Class::success, m->id);
    b.xor_mapped_address(mapped);
    bytes.resize(b.finish(pwd));
    return bytes;
  }
  std::vector<uint8_t> last() {
    REQUIRE_FALSE(out.sends().empty());
    const BytesView b = out.sends().back().packet.bytes();
    return {b.begin(), b.end()};
  }
};

}  // namespace

TEST_CASE("checks are refused with a reason unless they are whole and authentic") {
  IceAgent agent = make_agent(IceRole::controlling);
  Wire wire;
  const SocketAddress peer = PathPair::address(false, 9, 4000);
  CHECK(agent.on_stun({}, wire.check("wrongpasswordwrongpassword"), peer, wire.out) == Drop::stun_bad_integrity);
  CHECK(agent.on_stun({}, wire.check("ourpasswordourpasswordour", "other:x"), peer, wire.out) == Drop::stun_unknown_user);
  CHECK(agent.on_stun({}, wire.check("ourpasswordourpasswordour", "ours"), peer, wire.out) == Drop::stun_unknown_user);
  CHECK(agent.on_stun({}, wire.check(""), peer, wire.out) == Drop::stun_bad_integrity);
  const SocketAddress v6 = PathPair::address(true, 9, 4000);
  CHECK(agent.on_stun({}, wire.check(), v6, wire.out) == Drop::stun_unexpected);
  CHECK(wire.out.sends().empty());
  CHECK_FALSE(agent.knows(peer));
  CHECK_FALSE(agent.on_stun({}, wire.check(), peer, wire.out));
  CHECK(agent.knows(peer));
  const auto answer = stun::parse(wire.last());
  REQUIRE(answer);
  CHECK(answer->mapped == peer);
}

TEST_CASE("an unknown comprehension-required attribute is answered with 420") {
  IceAgent agent = make_agent(IceRole::controlling);
  Wire wire;
  const auto spoilt = wire.check("ourpasswordourpasswordour", "ours:x", [](stun::Builder& b) { b.raw(0x7abc, as_bytes("?")); });
  CHECK_FALSE(agent.on_stun({}, spoilt, PathPair::address(false, 9, 4000), wire.out));
  const auto m = stun::parse(wire.last());
  REQUIRE(m);
  CHECK(m->error_code == 420);
  CHECK(agent.pair_count() == 0);
}

TEST_CASE("a controlling agent learns a candidate, checks it, nominates it, selects it") {
  IceAgent agent = make_agent(IceRole::controlling);
  Wire wire;
  const SocketAddress peer = PathPair::address(false, 9, 4000);
  agent.on_stun({}, wire.check(), peer, wire.out);
  CHECK(agent.deadline().at.is_never());  // nothing to do before we know who it is
  REQUIRE(agent.set_remote({}, kTheirs, {}));
  Instant now;
  agent.on_deadline(now, wire.out);
  const auto first = wire.last();
  CHECK(stun::parse(first)->username == "their+ufrag:ours");
  CHECK_FALSE(stun::parse(first)->use_candidate);
  now = now + Duration::milliseconds(30);
  // An answer from elsewhere, or with a wrong password, does not count.
  CHECK(agent.on_stun(now, wire.answer(first, kLocal, "wrongpasswordwrongpassword"), peer, wire.out) == Drop::stun_bad_integrity);
  CHECK_FALSE(agent.on_stun(now, wire.answer(first, kLocal), peer, wire.out));
  CHECK_FALSE(agent.selected());
  now = std::max(now, agent.deadline().at);
  agent.on_deadline(now, wire.out);
  const auto second = wire.last();
  CHECK(stun::parse(second)->use_candidate);
  CHECK(stun::parse(second)->id != stun::parse(first)->id);
  CHECK_FALSE(agent.on_stun(now, wire.answer(second, kLocal), peer, wire.out));
  CHECK(agent.selected() == peer);
  IceAgent::Event event;
  REQUIRE(agent.poll_event(event));
  CHECK(event == IceAgent::Event::connected);
  CHECK_FALSE(agent.poll_event(event));
  CHECK(agent.on_stun(now, wire.answer(second, kLocal), peer, wire.out) == Drop::stun_unexpected);  // once
}

TEST_CASE("an answer from another address fails its pair") {
  IceAgent agent = make_agent(IceRole::controlling);
  Wire wire;
  const IceCandidate candidate{PathPair::address(false, 9, 4000), 0};
  REQUIRE(agent.set_remote({}, kTheirs, Span<const IceCandidate>(&candidate, 1)));
  agent.on_deadline({}, wire.out);
  CHECK(agent.on_stun({}, wire.answer(wire.last(), kLocal), PathPair::address(false, 9, 4001), wire.out) == Drop::stun_unexpected);
  CHECK_FALSE(agent.knows(candidate.address));
}

TEST_CASE("checks of many candidates are paced, best first") {
  IceAgent agent = make_agent(IceRole::controlled);
  Wire wire;
  std::vector<IceCandidate> candidates;
  for (uint16_t i = 0; i < 10; ++i) candidates.push_back({PathPair::address(false, 9, static_cast<uint16_t>(4000 + i)), 1000u + i});
  REQUIRE(agent.set_remote({}, kTheirs, candidates));
  Instant now;
  for (uint16_t i = 0; i < 10; ++i) {
    now = i == 0 ? now : agent.deadline().at;
    CHECK(now == Instant::at(IceAgent::kPacing * i));
    agent.on_deadline(now, wire.out);
    REQUIRE(wire.out.sends().size() == i + 1u);
    CHECK(wire.out.sends().back().to.port == 4009 - i);
  }
}

TEST_CASE("a check is repeated with growing waits and then given up") {
  IceAgent agent = make_agent(IceRole::controlled);
  Wire wire;
  const IceCandidate candidate{PathPair::address(false, 9, 4000), 0};
  REQUIRE(agent.set_remote({}, kTheirs, Span<const IceCandidate>(&candidate, 1)));
  std::vector<int64_t> times;
  Instant now;
  IceAgent::Event event{};
  bool failed = false;
  for (int wakes = 0; wakes < 100 && !failed; ++wakes) {
    const size_t before = wire.out.sends().size();
    agent.on_deadline(now, wire.out);
    if (wire.out.sends().size() > before) times.push_back(now.since_start().ms());
    failed = agent.poll_event(event);
    if (!failed) {
      REQUIRE(agent.deadline().at > now);
      now = agent.deadline().at;
    }
  }
  CHECK(event == IceAgent::Event::failed);
  CHECK(now == Instant::at(IceAgent::kConnectTimeout));
  REQUIRE(times.size() == IceAgent::kMaxTransmissions);
  CHECK(std::vector<int64_t>(times.begin(), times.begin() + 5) == std::vector<int64_t>{0, 500, 1500, 3500, 5500});
  CHECK(agent.deadline().at.is_never());
}

TEST_CASE("pairs are limited, whether signalled or learnt") {
  IceAgent agent = make_agent(IceRole::controlling);
  Wire wire;
  std::vector<IceCandidate> candidates;
  for (uint16_t i = 0; i < 100; ++i) candidates.push_back({PathPair::address(false, 9, static_cast<uint16_t>(4000 + i)), 0});
  REQUIRE(agent.set_remote({}, kTheirs, candidates));
  CHECK(agent.pair_count() == IceAgent::kMaxPairs);
  CHECK(agent.on_stun({}, wire.check(), PathPair::address(false, 8, 1), wire.out) == Drop::stun_unexpected);
  CHECK(agent.pair_count() == IceAgent::kMaxPairs);
}

namespace {
/// An agent with `peer` selected.
IceAgent connected_agent(IceRole role, Wire& wire, const SocketAddress& peer) {
  IceAgent agent = make_agent(role);
  REQUIRE(agent.set_remote({}, kTheirs, {}));
  const auto edit = [&](stun::Builder& b) {
    if (role == IceRole::controlling) return b.ice_controlled(1);
    b.ice_controlling(1);
    b.use_candidate();
  };
  agent.on_stun({}, wire.check("ourpasswordourpasswordour", "ours:their+ufrag", edit), peer, wire.out);
  for (Instant now; !agent.selected(); now = std::max(now, agent.deadline().at)) {
    agent.on_deadline(now, wire.out);
    agent.on_stun(now, wire.answer(wire.last(), kLocal), peer, wire.out);
  }
  return agent;
}
/// Runs what is due and answers the newest check, if one went to `from`, as whoever is there would.
bool answers_check(IceAgent& agent, Wire& wire, Instant now, const SocketAddress& from) {
  wire.out.clear();
  if (agent.deadline().at <= now) agent.on_deadline(now, wire.out);
  for (const auto& send : wire.out.sends())
    if (send.to == from) return !agent.on_stun(now, wire.answer(send.packet.bytes(), kLocal), from, wire.out);
  return false;
}
}  // namespace

TEST_CASE("data from another address is followed when the selected one has been silent, and the other has answered a check") {
  Wire wire;
  const SocketAddress before = PathPair::address(false, 9, 4000), after = PathPair::address(false, 9, 4001), stranger = PathPair::address(false, 9, 4002);
  IceAgent agent = connected_agent(IceRole::controlling, wire, before);
  agent.on_data(at_ms(1000), before);
  agent.on_data(at_ms(1900), after);  // no check came from there
  CHECK_FALSE(answers_check(agent, wire, at_ms(1900), after));
  agent.on_data(at_ms(2000), before);
  agent.on_stun(at_ms(2010), wire.check(), after, wire.out);
  CHECK(answers_check(agent, wire, at_ms(2040), after));
  CHECK(agent.selected() == before);
  agent.on_data(at_ms(2499), after);  // not long enough
  CHECK_FALSE(answers_check(agent, wire, at_ms(2499), after));
  agent.on_data(at_ms(2500), after);
  wire.out.clear();
  agent.on_deadline(at_ms(2500), wire.out);
  CHECK(stun::parse(wire.last())->use_candidate);
  CHECK(agent.selected() == before);
  CHECK(wire.out.sends().back().to == after);
  CHECK_FALSE(agent.on_stun(at_ms(2520), wire.answer(wire.last(), kLocal), after, wire.out));
  CHECK(agent.selected() == after);
  // The one before has no claim left: a check from there changes nothing while data comes from the new one.
  agent.on_stun(at_ms(2530), wire.check(), before, wire.out);
  agent.on_data(at_ms(2540), after);
  agent.on_data(at_ms(2550), before);
  CHECK_FALSE(answers_check(agent, wire, at_ms(2600), before));
  CHECK(agent.selected() == after);
  // Somebody who replays a check of the peer cannot answer ours.
  agent.on_stun(at_ms(3000), wire.check(), stranger, wire.out);
  for (int64_t t = 3000; t < 5000; t += 20) {
    agent.on_data(at_ms(t), stranger);
    if (agent.deadline().at <= at_ms(t)) agent.on_deadline(at_ms(t), wire.out);
  }
  CHECK(agent.selected() == after);
}

TEST_CASE("checks alone are followed after longer, by the controlled side without a nomination") {
  Wire wire;
  const SocketAddress before = PathPair::address(false, 9, 4000), after = PathPair::address(false, 9, 4001);
  IceAgent agent = connected_agent(IceRole::controlled, wire, before);
  const auto check = [&] { return wire.check("ourpasswordourpasswordour", "ours:their+ufrag", [](stun::Builder& b) { b.ice_controlling(1); }); };
  agent.on_stun(at_ms(1000), check(), before, wire.out);
  agent.on_stun(at_ms(2000), check(), after, wire.out);
  CHECK(answers_check(agent, wire, at_ms(2040), after));
  agent.on_stun(at_ms(7999), check(), after, wire.out);
  CHECK(agent.selected() == before);
  agent.on_stun(at_ms(8000), check(), after, wire.out);
  CHECK(agent.selected() == after);
}

TEST_CASE("a peer may change its address more often than there are pairs") {
  Wire wire;
  IceAgent agent = connected_agent(IceRole::controlling, wire, PathPair::address(false, 9, 4000));
  for (uint16_t i = 1; i <= 3 * IceAgent::kMaxPairs; ++i) {
    const SocketAddress now_at = PathPair::address(false, 9, static_cast<uint16_t>(4000 + i));
    const int64_t t = 1000 * i;
    agent.on_stun(at_ms(t), wire.check(), now_at, wire.out);
    CHECK(answers_check(agent, wire, at_ms(t + 100), now_at));
    agent.on_data(at_ms(t + 600), now_at);
    CHECK(answers_check(agent, wire, at_ms(t + 600), now_at));
    CHECK(agent.selected() == now_at);
    CHECK(agent.pair_count() <= IceAgent::kMaxPairs);
  }
  CHECK(agent.pair_count() == IceAgent::kMaxPairs);
}

TEST_CASE("credentials outside RFC 8839 are refused") {
  IceAgent agent = make_agent(IceRole::controlling);
  CHECK_FALSE(agent.set_remote({}, {"abc", kTheirs.pwd}, {}));
  CHECK_FALSE(agent.set_remote({}, {"abcd", "short"}, {}));
  CHECK_FALSE(agent.set_remote({}, {"ab:cd", kTheirs.pwd}, {}));
  CHECK_FALSE(agent.set_remote({}, {std::string(257, 'a'), kTheirs.pwd}, {}));
  CHECK(agent.set_remote({}, {std::string(256, 'a'), std::string(256, 'b')}, {}));
  Wire wire;
  agent.on_stun({}, wire.check(), PathPair::address(false, 9, 4000), wire.out);
  agent.on_deadline({}, wire.out);
  CHECK(stun::parse(wire.last())->username == std::string(256, 'a') + ":ours");
}

TEST_CASE("a role conflict is answered with 487 by the larger tie-breaker and resolved by the smaller") {
  Wire wire;
  const SocketAddress peer = PathPair::address(false, 9, 4000);
  IceAgent agent = make_agent(IceRole::controlling);
  const auto meek = wire.check("ourpasswordourpasswordour", "ours:x", [](stun::Builder& b) { b.ice_controlling(0); });
  CHECK_FALSE(agent.on_stun({}, meek, peer, wire.out));
  CHECK(stun::parse(wire.last())->error_code == 487);
  CHECK(agent.role() == IceRole::controlling);
  const auto strong = wire.check("ourpasswordourpasswordour", "ours:x", [](stun::Builder& b) { b.ice_controlling(~uint64_t{0}); });
  CHECK_FALSE(agent.on_stun({}, strong, peer, wire.out));
  CHECK(stun::parse(wire.last())->kind == stun::Class::success);
  CHECK(agent.role() == IceRole::controlled);
}

TEST_CASE("fingerprints are read and written as SDP and Jingle have them") {
  Fingerprint f;
  for (size_t i = 0; i < 32; ++i) f.sha256[i] = static_cast<uint8_t>(i * 8 + 1);
  const std::string text = f.to_string();
  CHECK(text.substr(0, 8) == "01:09:11");
  CHECK(Fingerprint::parse(text) == f);
  std::string lower = text;
  for (char& c : lower) c = static_cast<char>(std::tolower(c));
  CHECK(Fingerprint::parse(lower) == f);
  CHECK_FALSE(Fingerprint::parse(text.substr(1)));
  CHECK_FALSE(Fingerprint::parse(text + ":00"));
  std::string bad = text;
  bad[2] = '-';
  CHECK_FALSE(Fingerprint::parse(bad));
  bad = text;
  bad[0] = 'g';
  CHECK_FALSE(Fingerprint::parse(bad));
}
