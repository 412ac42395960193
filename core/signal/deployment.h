// Names of the embedded deployment: the stanza router, the focus, the bridges and the people of a run agree on them.
#pragma once

#include <string_view>

namespace tacoma::deployment {

inline constexpr std::string_view kDomain = "tacoma.test";                      // people, SASL ANONYMOUS
inline constexpr std::string_view kAuthDomain = "auth.tacoma.test";             // accounts of bridges, SCRAM-SHA-1
inline constexpr std::string_view kMucDomain = "conference.tacoma.test";        // rooms of people
inline constexpr std::string_view kBreweryDomain = "internal.auth.tacoma.test"; // rooms of bridges
inline constexpr std::string_view kBreweryRoom = "jvbbrewery@internal.auth.tacoma.test";
inline constexpr std::string_view kFocusDomain = "focus.tacoma.test";           // the focus's component (XEP-0114)
inline constexpr std::string_view kFocusJid = "focus@focus.tacoma.test";        // `focusjid` of the conference answer
inline constexpr std::string_view kFocusFullJid = "focus@focus.tacoma.test/focus";  // joins the rooms
inline constexpr std::string_view kFocusNick = "focus";

// An embedded run is closed to the outside: these secrets keep its parts apart, they guard nothing.
inline constexpr std::string_view kBridgeUser = "jvb";
inline constexpr std::string_view kBridgePassword = "narrows";
inline constexpr std::string_view kComponentSecret = "gallopinggertie";

// Stream services of the run's network (Outbox::open_stream).
inline constexpr std::string_view kClientService = "xmpp";
inline constexpr std::string_view kComponentService = "xmpp-component";

}  // namespace tacoma::deployment
