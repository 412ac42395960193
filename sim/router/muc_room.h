// One multi-user chat room (XEP-0045) as Prosody 0.12 runs it for conferences: public real JIDs, no history, no locking.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/signal/muc.h"
#include "sim/router/streams.h"

namespace tacoma::router {

struct Occupant {
  std::string nick;
  std::string jid;       // room@service/nick
  Jid real;
  std::string address;   // the real JID as text
  StreamId stream;
  muc::Affiliation affiliation = muc::Affiliation::none;
  muc::Role role = muc::Role::none;
  SharedStanza presence;     // as others see it
  size_t said = 0;           // so much of its children is what the occupant said itself
  std::string_view extensions() const { return std::string_view(presence.tail).substr(1, said); }
};

/// Occupants are kept, listed and written to in order of join. Stanzas go out through the streams at once.
class Room {
 public:
  Room(Jid jid, const RouterLimits& limits, uint64_t id_key, Streams& streams, RouterStats& stats);
  ~Room();
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;

  bool empty() const { return occupants_.empty(); }
  const Jid& jid() const { return jid_; }
  const std::vector<std::unique_ptr<Occupant>>& occupants() const { return occupants_; }
  Occupant* by_nick(std::string_view nick);
  Occupant* by_address(std::string_view address);
  muc::Affiliation affiliation(const Jid& bare) const;
  bool has_password() const { return !secret_.empty(); }
  bool is_members_only() const { return members_only_; }
  /// Who left, was removed or vanished since the last call: stream and real JID.
  std::vector<std::pair<StreamId, std::string>> take_departed() { return std::exchange(departed_, {}); }

  /// A presence with <x xmlns='muc'/> of somebody who is not an occupant. `admin`: owner by the server's configuration.
  Result<void, StanzaError> join(StreamId stream, const Jid& real, std::string_view nick, const Element& presence, bool admin, bool created);
  /// A presence of an occupant. `again`: it asks for the whole state anew.
  Result<void, StanzaError> update(Occupant& who, const Element& presence, bool again);
  /// The occupant goes; `said` is its own unavailable presence, null when it just vanished.
  void leave(Occupant& who, const Element* said);
  /// A message to the room, or to one occupant.
  Result<void, StanzaError> message(Occupant& from, const Element& message, std::string_view to_nick);
  /// An iq of an occupant to another: the id is replaced by a token that the answer must echo, as Prosody does.
  Result<void, StanzaError> pass_request(Occupant& from, const Element& iq, std::string_view to_nick);
  /// The answer to such an iq. False when its token is not one of ours for these two.
  bool pass_answer(Occupant& from, const Element& iq, std::string_view to_nick);
  /// muc#owner and muc#admin requests, which it answers itself.
  Result<void, StanzaError> owner_request(StreamId stream, const Jid& from, const Element& iq);
  Result<void, StanzaError> admin_request(StreamId stream, const Jid& from, const Element& iq);

 private:
  /// Makes the presence that others see. `extensions`: what the occupant says, as XML.
  void renew(Occupant& who, std::string_view extensions) const;
  void renew(Occupant& who) const { renew(who, std::string(who.extensions())); }
  Element user_info(const Occupant& who, std::vector<int> statuses, std::string_view reason = {}, std::string_view actor = {}) const;
  void send_list(Occupant& to);
  void announce(Occupant& who, const std::vector<int>& statuses_to_self);
  void remove(Occupant& who, std::vector<int> statuses, std::string_view reason, std::string_view actor, std::string_view extensions);
  void broadcast(const SharedStanza& stanza, const Occupant* except);
  void erase(Occupant& who);
  void configure(const muc::RoomConfig& config);
  void destroy(const Element& query);
  Result<void, StanzaError> apply(const muc::AdminItem& item, const Jid& actor, std::string_view actor_nick);
  Result<void, StanzaError> set_role(const muc::AdminItem& item, std::string_view actor_nick);
  Result<void, StanzaError> set_affiliation(const muc::AdminItem& item, std::string_view actor_nick);
  std::string token(const Occupant& from, const Occupant& to, std::string_view id) const;
  std::string sender_mark(std::string_view address) const;

  Jid jid_;
  std::string jid_text_;
  const RouterLimits& limits_;
  uint64_t id_key_;
  Streams& streams_;
  RouterStats& stats_;
  std::string secret_, subject_;
  bool members_only_ = false;
  std::map<std::string, muc::Affiliation, std::less<>> affiliations_;  // by bare JID; `none` is not kept
  std::vector<std::unique_ptr<Occupant>> occupants_;
  std::map<std::string, Occupant*, std::less<>> by_nick_, by_address_;
  std::vector<std::pair<StreamId, std::string>> departed_;
};

}  // namespace tacoma::router
