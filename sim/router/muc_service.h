// A multi-user chat service (XEP-0045): the rooms of one host.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "core/base/rng.h"
#include "sim/router/muc_room.h"

namespace tacoma::router {

class MucService {
 public:
  struct Config {
    std::string domain;
    std::set<std::string, std::less<>> admins;  // bare JIDs: may create rooms, own each room they enter
    std::string admin_domain;                   // all of whose accounts are admins too; may be empty
  };
  MucService(Config config, const RouterLimits& limits, const Rng& rng, Streams& streams, RouterStats& stats);

  const std::string& domain() const { return config_.domain; }
  /// A stanza to this service, to a room or to an occupant.
  void handle(StreamId stream, const Jid& from, const Jid& to, const Element& stanza);
  /// The stream is gone: whoever was in rooms by it leaves them.
  void stream_closed(StreamId stream);

 private:
  using Rooms = std::map<std::string, std::unique_ptr<Room>, std::less<>>;  // by node
  bool is_admin(const Jid& who) const;
  void on_presence(StreamId stream, const Jid& from, const Jid& to, const Element& presence);
  void on_message(StreamId stream, const Jid& from, const Jid& to, const Element& message);
  void on_iq(StreamId stream, const Jid& from, const Jid& to, const Element& iq);
  Result<void, StanzaError> join(StreamId stream, const Jid& from, const Jid& to, const Element& presence);
  Result<void, StanzaError> room_request(StreamId stream, const Jid& from, Room& room, const Element& iq);
  Result<void, StanzaError> service_request(StreamId stream, const Element& iq);
  Room* find(const Jid& to);
  /// Forgets who left, and the room when nobody is in it any more.
  void settle(Room& room);
  void refuse(StreamId stream, const Element& stanza, const StanzaError& why);

  Config config_;
  const RouterLimits& limits_;
  uint64_t id_key_;
  Streams& streams_;
  RouterStats& stats_;
  Rooms rooms_;
  std::map<StreamId, std::set<std::pair<std::string, std::string>>> memberships_;  // room's node, real JID
};

}  // namespace tacoma::router
