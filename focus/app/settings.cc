#include "focus/app/settings.h"

namespace tacoma::focus {

Settings read_settings(host::ConfigFile& file) {
  Settings settings;
  host::ConfigSection& root = file.root();
  FocusConfig& focus = settings.focus;
  focus.domain = root.text("domain", "");
  if (focus.domain.empty()) root.complain("domain", "is missing");
  host::ConfigSection xmpp = root.section("xmpp");
  settings.server.host = xmpp.text("host", "127.0.0.1");
  settings.server.port = static_cast<uint16_t>(xmpp.number("port", 1, 65535, 5347));
  focus.component = xmpp.text("component", "focus." + focus.domain);
  focus.secret = xmpp.secret("secret");
  if (focus.secret.empty()) xmpp.complain("secret", "is missing (or give secret_file)");
  focus.muc_domain = xmpp.text("rooms", "conference." + focus.domain);
  const auto brewery = Jid::parse(xmpp.text("brewery", "jvbbrewery@internal.auth." + focus.domain));
  if (!brewery || !brewery->is_bare() || brewery->node.empty()) {
    xmpp.complain("brewery", "is no room, such as jvbbrewery@internal.auth.example.org");
  } else {
    focus.brewery = brewery->node;
    focus.brewery_domain = brewery->domain;
  }
  settings.http = root.section("http").address("bind", "127.0.0.1:8888");
  settings.rooms_file = root.text("rooms_file", "");
  host::ConfigSection conference = root.section("conference");
  focus.min_participants = static_cast<size_t>(conference.number("min_participants", 1, 100, 2));
  focus.max_participants_per_bridge = static_cast<size_t>(conference.number("max_participants_per_bridge", 1, 100'000, 500));
  focus.use_sctp = conference.flag("use_sctp", focus.use_sctp);
  focus.use_ssrc_rewriting = conference.flag("use_ssrc_rewriting", focus.use_ssrc_rewriting);
  focus.times.single_participant = Duration::seconds(conference.number("alone_seconds", 1, 86'400, 20));
  focus.times.empty_room = Duration::seconds(conference.number("empty_room_seconds", 1, 86'400, 15));
  host::ConfigSection limits = root.section("limits");
  focus.limits.conferences = static_cast<size_t>(limits.number("conferences", 1, 1'000'000, 10'000));
  focus.limits.members_per_conference = static_cast<size_t>(limits.number("members_per_conference", 1, 100'000, 2'000));
  return settings;
}

}  // namespace tacoma::focus
