// The part of multi-user chat (XEP-0045) that conferences use, for the router's side and the occupants' side alike.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/signal/stanza.h"

namespace tacoma::muc {

enum class Affiliation : uint8_t { none, outcast, member, admin, owner };
enum class Role : uint8_t { none, visitor, participant, moderator };
const char* name_of(Affiliation affiliation);
const char* name_of(Role role);
std::optional<Affiliation> affiliation_of(std::string_view name);
std::optional<Role> role_of(std::string_view name);

// Status codes (XEP-0045 section 15.6).
inline constexpr int kStatusNonAnonymous = 100;  // the room shows real JIDs
inline constexpr int kStatusConfigChanged = 104;
inline constexpr int kStatusSelf = 110;
inline constexpr int kStatusCreated = 201;
inline constexpr int kStatusBanned = 301;
inline constexpr int kStatusKicked = 307;

struct Item {
  Affiliation affiliation = Affiliation::none;
  Role role = Role::none;
  std::optional<Jid> jid;  // the real one, where the room shows it
  std::string nick;        // in muc#admin requests
  std::string reason;
  std::string actor_nick;  // who kicked
};

/// <x xmlns='muc#user'/> of a presence that a room sends.
struct UserInfo {
  Item item;
  std::vector<int> statuses;
  bool destroyed = false;
  bool has_status(int code) const;
};

// Occupant's side.
/// Presence that joins `occupant` (room@service/nick); the password may be empty. Add extensions to it before sending.
Element make_join(const Jid& occupant, std::string_view password = {});
/// Presence that leaves.
Element make_leave(const Jid& occupant);
/// muc#owner set that submits only whois=anyone, as a focus does, plus the room secret if it is not empty.
Element make_config(const Jid& room, std::string_view id, std::string_view secret = {});
/// muc#owner get: asks for the form.
Element make_config_query(const Jid& room, std::string_view id);
/// muc#admin set: role=none for a nick.
Element make_kick(const Jid& room, std::string_view id, std::string_view nick, std::string_view reason = {});
/// muc#admin set: an affiliation for a bare JID.
Element make_grant(const Jid& room, std::string_view id, const Jid& who, Affiliation affiliation);

// Room's side.
/// Whether a presence is a join: it holds <x xmlns='muc'/>.
bool is_join(const Element& presence);
/// The password of a join, empty when none is given.
std::string_view join_password(const Element& presence);
/// Adds <x xmlns='muc#user'/>.
void add_user_info(Element& presence, const UserInfo& info);
/// nullopt when there is none or an unknown affiliation or role stands in it.
std::optional<UserInfo> parse_user_info(const Element& presence);

/// The fields of a submitted or offered configuration that we know.
struct RoomConfig {
  std::optional<bool> whois_anyone;
  std::optional<std::string> secret;
  std::optional<bool> members_only;
};
/// The form of a muc#owner iq; nullopt when it holds no form of type submit, form or result.
std::optional<RoomConfig> parse_config(const Element& iq);
/// True for a muc#owner set whose form cancels (XEP-0045 section 10.2).
bool is_config_cancel(const Element& iq);
/// The result that offers the form: current values.
Element make_config_form(const Element& request, const RoomConfig& config);
/// The items of a muc#admin set; error for none, over 64, or an unknown affiliation or role.
struct AdminItem {
  std::optional<Affiliation> affiliation;
  std::optional<Role> role;
  std::string nick, reason;
  std::optional<Jid> jid;
};
Result<std::vector<AdminItem>> parse_admin(const Element& iq);

}  // namespace tacoma::muc
