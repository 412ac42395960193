// What people ask their bridge for, and the channel that they ask on.
#include "loadgen/people/viewer.h"

#include <catch2/catch.hpp>

#include "loadgen/people/channel_client.h"

namespace tacoma {
namespace {

Instant at(int64_t s) { return Instant::at(Duration::seconds(s)); }

struct Room {
  ViewPlan view;
  std::optional<Viewer> viewer;
  explicit Room(ViewPlan::Mode mode, std::string_view pinned = {}) {
    view.mode = mode;
    view.tiles = 3;
    viewer.emplace(view, pinned);
    for (const char* id : {"aaaaaaaa", "bbbbbbbb", "cccccccc", "dddddddd", "eeeeeeee"}) viewer->add(std::string(id) + "-v0");
  }
};

}  // namespace

TEST_CASE("The stage follows the dominant speaker, a shared screen comes before, a pin before both") {
  Room room(ViewPlan::Mode::stage);
  Viewer& viewer = *room.viewer;
  viewer.on_speaker("bbbbbbbb");
  auto asked = viewer.ask(at(1));
  REQUIRE(asked);
  CHECK(*asked->on_stage == std::vector<std::string>{"bbbbbbbb-v0"});
  CHECK(asked->constraints->at("bbbbbbbb-v0").max_height == 720);
  CHECK(asked->defaults->max_height == 0);
  CHECK_FALSE(viewer.ask(at(1)));  // nothing new
  viewer.on_speaker("cccccccc");
  CHECK(*viewer.ask(at(2))->on_stage == std::vector<std::string>{"cccccccc-v0"});
  viewer.on_connectivity("cccccccc", false);
  CHECK(*viewer.ask(at(2))->on_stage == std::vector<std::string>{"aaaaaaaa-v0"});
  viewer.on_connectivity("cccccccc", true);
  viewer.add("dddddddd-v1");
  CHECK(*viewer.ask(at(3))->on_stage == std::vector<std::string>{"dddddddd-v1"});
  viewer.remove("dddddddd-v1");
  CHECK(*viewer.ask(at(4))->on_stage == std::vector<std::string>{"cccccccc-v0"});
  viewer.forget_said();
  CHECK(viewer.ask(at(4)));  // all anew

  Room pinned(ViewPlan::Mode::stage, "eeeeeeee");
  pinned.viewer->add("dddddddd-v1");
  pinned.viewer->on_speaker("bbbbbbbb");
  CHECK(*pinned.viewer->ask(at(1))->on_stage == std::vector<std::string>{"eeeeeeee-v0"});
}

TEST_CASE("Tiles come by pages, and their heights from their number") {
  Room room(ViewPlan::Mode::tiles);
  room.view.turns = Duration::seconds(10);
  Viewer& viewer = *room.viewer;
  const auto first = viewer.ask(at(1));
  REQUIRE(first);
  CHECK(*first->selected == std::vector<std::string>{"aaaaaaaa-v0", "bbbbbbbb-v0", "cccccccc-v0"});
  CHECK(first->constraints->at("aaaaaaaa-v0").max_height == 360);
  CHECK(viewer.wanted("dddddddd-v0") == 0);
  REQUIRE(viewer.deadline() == at(10));
  viewer.on_deadline(at(10));
  CHECK(*viewer.ask(at(10))->selected == std::vector<std::string>{"dddddddd-v0", "eeeeeeee-v0"});
  viewer.on_deadline(at(20));
  CHECK(*viewer.ask(at(20))->selected == *first->selected);
}

TEST_CASE("Beside the stage stands a strip of small tiles") {
  Room room(ViewPlan::Mode::stage_tiles, "cccccccc");
  const auto asked = room.viewer->ask(at(1));
  REQUIRE(asked);
  CHECK(*asked->on_stage == std::vector<std::string>{"cccccccc-v0"});
  CHECK(*asked->selected == std::vector<std::string>{"aaaaaaaa-v0", "bbbbbbbb-v0", "dddddddd-v0"});
  CHECK(asked->constraints->at("aaaaaaaa-v0").max_height == 180);
}

TEST_CASE("A hidden window asks for nothing, and a view of everything for all") {
  Room room(ViewPlan::Mode::everything);
  room.view.last_n = 4;
  room.view.hidden_from = at(5);
  room.view.hidden_to = at(8);
  Viewer& viewer = *room.viewer;
  auto asked = viewer.ask(at(1));
  REQUIRE(asked);
  CHECK(asked->last_n == 4);
  CHECK(asked->defaults->max_height == -1);
  REQUIRE(viewer.deadline() == at(5));
  viewer.on_deadline(at(5));
  asked = viewer.ask(at(5));
  REQUIRE(asked);
  CHECK(asked->last_n == 0);
  CHECK(asked->defaults->max_height == 0);
  REQUIRE(viewer.deadline() == at(8));
  viewer.on_deadline(at(8));
  CHECK(viewer.ask(at(8))->last_n == 4);
  CHECK(viewer.deadline().is_never());
}

TEST_CASE("A room without end does not fill a viewer") {
  Room room(ViewPlan::Mode::everything);
  for (size_t i = 0; i < Viewer::kMostSources + 10; ++i) room.viewer->add(std::to_string(i) + "-v0");
  CHECK(room.viewer->sources() == Viewer::kMostSources);
}

TEST_CASE("A broken channel is opened again after 1, 2, 4 seconds") {
  PacketPool pool;
  Outbox out(pool);
  ChannelClient client;
  client.open(at(0), "wss://eu-1.bridge/x", out);
  REQUIRE(out.stream_ops().size() == 1);
  CHECK(out.stream_ops()[0].service == "wss://eu-1.bridge/x");
  StreamId id = out.stream_ops()[0].id;
  Instant now = at(0);
  for (int64_t wait : {1, 2, 4}) {
    CHECK(client.on_stream(now, {StreamEvent::Kind::closed, id, {}, {}}, out));
    REQUIRE(client.deadline() == now + Duration::seconds(wait));
    now = client.deadline();
    out.clear();
    client.on_deadline(now, out);
    REQUIRE(out.stream_ops().size() == 1);
    CHECK(out.stream_ops()[0].id != id);
    id = out.stream_ops()[0].id;
    CHECK_FALSE(client.is_open());
  }
  client.on_stream(now, {StreamEvent::Kind::opened, id, {}, {}}, out);
  CHECK(client.is_open());
  CHECK(client.take_opened());
  CHECK_FALSE(client.take_opened());
  const std::string hello = channel::write(channel::ServerHello{"1"});
  client.on_stream(now, {StreamEvent::Kind::data, id, {}, as_bytes(hello)}, out);
  CHECK(client.take_message() == channel::Message(channel::ServerHello{"1"}));
  client.on_stream(now, {StreamEvent::Kind::data, id, {}, as_bytes("no json")}, out);
  CHECK_FALSE(client.take_message());
  CHECK(client.drops()[Drop::signalling_malformed] == 1);
  CHECK_FALSE(client.on_stream(now, {StreamEvent::Kind::data, StreamId(3), {}, {}}, out));  // of XMPP
  client.on_stream(now, {StreamEvent::Kind::closed, id, {}, {}}, out);
  CHECK(client.deadline() == now + Duration::seconds(1));  // it had worked: the wait begins anew
  client.close(out);
  CHECK(client.deadline().is_never());
}

}  // namespace tacoma
