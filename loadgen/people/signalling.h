// A person's side of XMPP and Jingle: log in, ask for the conference, join the room, be invited, and stay so through the loss of
// stream, focus or bridge.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/drop.h"
#include "core/base/process.h"
#include "core/base/rng.h"
#include "core/signal/iq_tracker.h"
#include "core/signal/jingle.h"
#include "core/signal/xmpp_stream.h"
#include "loadgen/people/participant.h"

namespace tacoma {

struct SignallingEvent {
  enum class Kind : uint8_t {
    requested,        // the focus is ready for us
    joined,           // we are in the room
    offer,            // a session begins: answer it with accept(); any session before is over
    sources_added,    // `sources`
    sources_removed,
    encryption,       // `text`: an endpoint whose presence has said that it encrypts end to end, or that it does not any more (`encrypted`)
    session_ended,    // by the focus, or by the loss of the stream: `text` is the reason
    trouble,          // `text`: something for the run's log
  };
  Kind kind = Kind::trouble;
  jingle::Jingle offer;
  jingle::ConferenceSources sources;
  std::string text;
  bool encrypted = false;
};

class Signalling {
 public:
  static constexpr size_t kMostEncrypting = 1024;  // others' names that are remembered
  struct Config {
    Jid room;
    std::string nick;      // also the endpoint id
    std::string region;
    ParticipantTimes times;
    const DeploymentPlan* deployment = nullptr;  // nullptr: the servers of the run itself
    std::string display_name;
    bool prefers_vp9 = false;                    // presence says so
    bool uses_ecn = false;                       // announces that it reports by RFC 8888
    bool is_encrypted = false;                   // end to end: presence says so
    bool takes_red = false;                      // redundant audio (RFC 2198): features and answer say so
  };
  Signalling(Config config, Rng rng);

  void begin(Instant now, Outbox& out);
  /// Ends the session, leaves the room, closes the stream. Nothing happens afterwards.
  void leave(Instant now, Outbox& out);

  void on_stream(Instant now, const StreamEvent& event, Outbox& out);
  void on_deadline(Instant now, Outbox& out);
  Instant deadline() const;
  /// Poll until nullopt after each of the calls above.
  std::optional<SignallingEvent> poll();

  /// Answers the offer of the current session.
  void accept(Instant now, const jingle::Jingle& offer, const jingle::IceTransport& transport, const jingle::SourceSet& sources,
              Outbox& out);
  /// A video source comes to our own, or goes: tells focus and room, if there is a session; the next answer must say it by itself.
  void change_video(Instant now, bool is_added, const jingle::MediaSources& sources, Outbox& out);
  /// The media path of the session failed: tells the focus, and asks for a new session if none is offered soon.
  void path_failed(Instant now, Outbox& out);

  ParticipantStats::Stage stage() const { return stage_; }
  const DropCounts& drops() const { return drops_; }

 private:
  enum class Asked : uint8_t { conference, accept, terminate_restart, other };
  void open(Instant now, Outbox& out);
  void flush(Outbox& out);
  void on_event(Instant now, const XmppEvent& event, Outbox& out);
  void on_stanza(Instant now, const Element& stanza, Outbox& out);
  void on_presence(Instant now, const Element& presence);
  void on_answer(Instant now, const Element& answer);
  void on_request(const Element& request);
  void on_jingle(const Element& request);
  void request_conference(Instant now);
  void retry_request(Instant now);
  void decline(const Element& request);
  void join(Instant now);
  void send_presence(bool is_join);
  void stream_lost(Instant now, std::string why, Outbox& out);
  void end_session(std::string why);
  void ask_restart(Instant now);
  void send(const Element& stanza);
  void ask(Instant now, Element iq, const Jid& to, Asked what);
  void raise(SignallingEvent::Kind kind, std::string text = {});
  Jid focus_occupant() const;
  void note_encryption(const Element& presence, const std::string& occupant, bool gone);

  Config config_;
  Rng rng_;
  std::unique_ptr<XmppClient> client_;
  IqTracker<Asked> asked_{"p"};
  StreamId stream_{0};
  ParticipantStats::Stage stage_ = ParticipantStats::Stage::waiting;
  Duration request_wait_, reconnect_wait_;
  Instant retry_at_ = Instant::never();     // conference request, or reconnection
  Instant give_up_at_ = Instant::never();   // of login and room join
  Instant restart_at_ = Instant::never();   // session-terminate with restart
  std::vector<Instant> restarts_;           // that were asked for within the window
  std::string sid_, bridge_session_;
  std::vector<std::string> own_sources_;    // names, once they are announced
  std::vector<std::string> encrypting_;     // others at a deployment
  bool lacks_bridge_ = false;               // the focus says that there is no bridge for the room
  bool can_restart_ = false;                // the focus says that it knows terminate with restart
  std::vector<SignallingEvent> events_;
  size_t next_event_ = 0;
  DropCounts drops_;
};

}  // namespace tacoma
