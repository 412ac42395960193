// One person in one conference, as the focus knows it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/signal/disco.h"
#include "core/signal/jingle.h"
#include "core/signal/muc.h"
#include "focus/engine/focus.h"

namespace tacoma::focus {

/// What a client can do, by its disco#info.
struct Features {
  bool audio = true, video = true, sctp = true;   // a client that does not answer is taken to do these and no more
  bool rtx = false, tcc = false, remb = false, json_sources = false;
  bool ssrc_rewriting = false, opus_red = false, ccfb = false;
};
Features features_of(const DiscoInfo& info);
/// The formats offered to a client that can do so much. The bridge gets the same.
jingle::MediaFormats offer(jingle::Media media, const Features& features);

/// How often a client may have itself invited again.
class RestartLimit {
 public:
  /// Counts one restart if it is allowed now.
  bool accept(Instant now, const FocusTimes& times);

 private:
  std::vector<Instant> recent_;  // at most FocusTimes::restarts_per_window
};

struct Member {
  enum class State : uint8_t {
    discovering,  // disco#info is under way
    waiting,      // may be invited once there are enough people, and a bridge
    allocating,   // the bridge was asked for an endpoint
    invited,      // session-initiate was sent
    active,       // it accepted
    apart,        // no invitation any more: it hung up, refused, or cannot be served
  };
  uint32_t number = 0;          // in order of join
  std::string nick;             // the endpoint id
  Jid jid;                      // room@service/nick
  std::string address;          // the same as text
  Jid real;
  muc::Affiliation affiliation = muc::Affiliation::none;
  muc::Role role = muc::Role::none;
  std::string region, stats_id;
  State state = State::discovering;
  Features features;
  std::string caps;             // node#ver, empty when not said
  uint32_t invite = 0;          // counts invitations, also those that came to nothing
  bool was_offered = false;     // ever
  bool is_moved = false;        // the next invitation is because a bridge was lost
  std::string sid;              // of the Jingle session; empty: none
  RestartLimit restarts, ice_restarts;
  uint32_t ice_generation = 0;  // of the bridge's side, as it was told last in this session
  /// While invited: owners whose sources have changed since the offer, each with what the offer said of it. Told once it
  /// accepts; bounded by the number of owners.
  std::map<std::string, jingle::SourceSet> untold;

  bool has_session() const { return state == State::invited || state == State::active; }
};

}  // namespace tacoma::focus
