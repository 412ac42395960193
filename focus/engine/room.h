// One conference: its members, their Jingle sessions, and its session on a bridge.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/rng.h"
#include "core/signal/conference_request.h"
#include "core/signal/presence.h"
#include "focus/engine/colibri_session.h"
#include "focus/engine/line.h"
#include "focus/engine/member.h"
#include "focus/engine/sources.h"

namespace tacoma::focus {

/// The text of sources in one stanza, as longest_text() counts: more go into further stanzas. XMPP servers and clients take
/// stanzas of up to 256 KiB.
inline constexpr size_t kSourcesBudget = 160 * 1024;
/// A source change that is longer, because of one owner's excesses, is not passed on.
inline constexpr size_t kMaxSourcesText = 192 * 1024;

/// What all rooms share.
struct Shared {
  const FocusConfig& config;
  Line& line;
  BridgeSelector& bridges;
  FocusStats& stats;
  std::map<std::string, Features, std::less<>>& features;  // by caps node#ver, where the answer matched the hash
};

class Room {
 public:
  /// `number` is unique among all rooms of the focus, past ones too.
  Room(Shared shared, uint64_t number, Jid room, Rng rng);
  ~Room();
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;

  uint64_t number() const { return number_; }
  const Jid& jid() const { return jid_; }
  /// Enters the room; requests are answered once it is configured.
  /// The password is known only when the room was found locked.
  void join(Instant now, std::string_view password = {});
  void on_request(Instant now, const Element& iq, const ConferenceRequest& request);
  /// A stanza from the room or one of its occupants that is no answer to a request of ours.
  void on_presence(Instant now, const Jid& from, const Element& presence);
  void on_iq(Instant now, const Jid& from, const Element& iq);
  /// `answer` is null when the time is over.
  void on_answer(Instant now, const Pending& pending, const Element* answer);
  void on_deadline(Instant now);
  Instant deadline() const;

  /// The bridge is gone or ill: whoever is on it is invited on another.
  void on_bridge_lost(Instant now, BridgeId bridge);
  /// A bridge became usable: who waits for one is invited.
  void on_bridge_available(Instant now);
  bool waits_for_bridge() const { return waits_for_bridge_; }
  /// True when it has left or could not join: the owner forgets it.
  bool is_over() const { return phase_ == Phase::over; }

 private:
  enum class Phase : uint8_t { joining, configuring, ready, over };
  using State = Member::State;

  // Entering and leaving.
  void on_own_presence(Instant now, const Element& presence);
  /// Asks for the room's configuration form.
  void ask_config(Instant now);
  void become_ready(Instant now);
  void answer(const Element& iq, const ConferenceRequest& request);
  /// Answers who waits with the error, and leaves.
  void give_up(Condition condition, std::string_view text);
  /// Ends all sessions and is over. `is_inside`: the room does not know it yet.
  void stop(bool is_inside);
  FocusPresence presence() const;
  void publish();
  // Members.
  void on_member_presence(Instant now, const Jid& from, const Element& presence);
  void on_member_left(Instant now, Member& member);
  void discover(Instant now, Member& member);
  void on_features(Instant now, Member& member, const Element* answer);
  void elect_owner();
  void watch_numbers(Instant now);
  Member* find(uint32_t number);
  Member* by_nick(std::string_view nick);
  // Invitations.
  void invite_waiting(Instant now);
  bool ensure_session(Instant now);
  std::string_view preferred_region() const;
  void allocate(Instant now, Member& member);
  void on_allocated(Instant now, Member& member, const Element* answer);
  void send_offer(Instant now, Member& member, const colibri2::Transport& bridge);
  void on_offer_answered(Instant now, Member& member, const Element* answer);
  /// Ends its Jingle session if it has one (with a session-terminate when `reason` is given), frees its endpoint and its
  /// sources. The caller sets the state.
  void withdraw(Instant now, Member& member, const jingle::Reason* reason);
  void lose_session(Instant now);
  void drop_session();
  void end_jingle(Member& member, const jingle::Reason* reason);
  void on_update_answered(Instant now, const Element* answer);
  void on_ice_restarted(Instant now, Member& member, const Element* answer);
  /// The bridge, not we, tells it of others' sources.
  bool rewrites_for(const Member& member) const { return shared_.config.use_ssrc_rewriting && member.features.ssrc_rewriting; }
  void refused(Instant now, Verdict verdict, Member* member);
  // Jingle from members.
  void on_jingle(Instant now, Member& member, const Element& iq);
  void on_accept(Instant now, Member& member, const Element& iq, const jingle::Jingle& message);
  void on_terminate(Instant now, Member& member, const Element& iq, const jingle::Jingle& message);
  void on_info(Instant now, Member& member, const Element& iq, const jingle::Jingle& message);
  void on_transport(Instant now, Member& member, const Element& iq, const jingle::Jingle& message);
  void on_sources(Instant now, Member& member, const Element& iq, const jingle::Jingle& message);
  Result<jingle::SourceSet, StanzaError> own_sources(const Member& member, const jingle::Jingle& message) const;
  void on_mute(Member& sender, const Element& iq, const Element& mute);
  // Sources.
  void tell_others(const std::string& owner, const jingle::SourceSet& before);
  void tell_untold(Member& member);
  void send_sources(jingle::Action action, const jingle::ConferenceSources& sources, const std::vector<Member*>& to);
  void update_bridge(Instant now, const colibri2::ConferenceModify& modify);
  void refuse(const Element& iq, const StanzaError& error);
  void refuse(const Element& iq, Condition condition, std::string_view text = {});

  Shared shared_;
  uint64_t number_;
  Jid jid_, own_;              // room@service, room@service/focus
  Rng rng_;
  Phase phase_ = Phase::joining;
  bool was_locked_out_ = false;
  Instant give_up_at_ = Instant::never();   // joining takes too long
  Instant leave_at_ = Instant::never();     // nobody is here
  Instant alone_at_ = Instant::never();     // one is left alone
  Instant retry_at_ = Instant::never();     // requests did not fit: try to invite again
  std::vector<std::pair<Element, ConferenceRequest>> requests_;  // that wait for us to join
  std::map<uint32_t, std::unique_ptr<Member>> members_;          // by number: in order of join
  std::map<std::string, Member*, std::less<>> nicks_;
  uint32_t next_member_ = 1;
  uint32_t granted_to_ = 0;    // the member that was made owner last and has not shown it yet
  SourceMap sources_;
  std::optional<ColibriSession> session_;
  uint64_t session_number_ = 0;
  uint32_t sessions_lost_ = 0;  // in a row, without an endpoint allocated
  bool waits_for_bridge_ = false;
  size_t owners_ = 0;           // members whose affiliation is owner
  FocusPresence published_;
  std::optional<uint64_t> audio_muted_beyond_, video_muted_beyond_;  // who comes when so many are there starts muted
};

}  // namespace tacoma::focus
