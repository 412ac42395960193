// XMPP streams without I/O (RFC 6120): bytes in, bytes and events out. TLS belongs to the world.
//
// The way of use is the same for all three:
//   stream.on_bytes(event.data);
//   while (auto e = stream.poll()) { ... stream.send(stanza) ... }
//   while (stream.has_output()) out.write_stream(id, stream.take_output());
// Nothing calls back. After `closed` or `failed` the stream is over: write what is left and close the transport.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/rng.h"
#include "core/signal/scram.h"
#include "core/signal/stanza.h"
#include "core/signal/xml.h"

namespace tacoma {

struct XmppEvent {
  enum class Kind : uint8_t {
    ready,   // authenticated and bound; `jid` is ours (client), the component's domain, or the peer's (server side)
    stanza,  // an iq, message or presence in jabber:client
    closed,  // the peer ended the stream in order
    failed,  // `reason` says why; ours was ended too
  };
  Kind kind = Kind::stanza;
  Jid jid;
  Element stanza;
  std::string reason;
};

namespace ns {
inline constexpr std::string_view kFraming = "urn:ietf:params:xml:ns:xmpp-framing";  // RFC 7395
}

/// How a stream is carried: as one XML document over a byte stream (RFC 6120 section 4), or with one element a message over a
/// WebSocket (RFC 7395).
enum class XmppFraming : uint8_t { document, messages };

/// What the three streams share: parser, output, events.
class XmppStream {
 public:
  /// Events a peer may cause in one on_bytes beyond which the stream fails; a batch of bytes is bounded by the world.
  static constexpr size_t kMaxEvents = 65536;

  virtual ~XmppStream() = default;
  void on_bytes(BytesView bytes);
  /// The next event, in order. Poll until nullopt after each on_bytes.
  std::optional<XmppEvent> poll();
  /// Queues a stanza. False, and nothing is queued, when the stream is not ready, or when the stanza as written breaks the
  /// receiver's XmlLimits: escapes and declarations can make a stanza longer than it came in, and it would end the stream
  /// of somebody who did nothing wrong.
  bool send(const Element& stanza);
  /// Queues a part of a stanza that is XML already, its children written for jabber:client: a room serialises once what
  /// goes to many. Dropped when the stream is not ready or over. Not for streams of messages.
  void send_text(std::string_view xml) {
    if (phase_ == Phase::ready) output_ += xml;
  }
  /// Ends our side in order. The peer's end comes as `closed`.
  void close();
  bool has_output() const { return !output_.empty(); }
  /// All bytes to be written, or the next message.
  std::string take_output();
  bool is_ready() const { return phase_ == Phase::ready; }
  bool is_over() const { return phase_ == Phase::over; }
  /// Valid once ready: see XmppEvent::ready.
  const Jid& jid() const { return jid_; }

 protected:
  enum class Phase : uint8_t { idle, negotiating, ready, closing, over };

  XmppStream(std::string_view content_ns, Rng rng, XmppFraming framing = XmppFraming::document);
  XmppStream(XmppStream&&) = default;
  XmppStream& operator=(XmppStream&&) = default;

  virtual void on_open(const XmlEvent& header) = 0;
  virtual void on_negotiation(Element& element) = 0;  // an element before `ready`
  virtual bool admit(Element& stanza);                // a stanza once ready; false: refused (fail() was called)

  void write(const Element& element);
  void write_raw(std::string_view text) { output_ += text; }
  void become_ready(Jid jid);
  void write_end();
  void end_message();
  void restart();  // the next bytes begin a new stream header
  /// Ends the stream with a stream error (empty condition: without one) and a `failed` event.
  void fail(std::string_view condition, std::string reason);

  std::string content_ns_;
  Rng rng_;
  XmppFraming framing_;
  Phase phase_ = Phase::idle;
  bool header_sent_ = false;
  Jid jid_;

 private:
  void on_event(XmlEvent& event);
  void on_top_level(Element& element);
  void on_closed();
  XmlStreamParser parser_;
  bool restarted_ = false;
  std::string output_;
  std::vector<size_t> messages_;  // of streams of messages: their lengths in output_
  std::vector<XmppEvent> events_;
  size_t next_event_ = 0;
};

enum class SaslMechanism : uint8_t { anonymous, plain, scram_sha_1, scram_sha_256 };
const char* name_of(SaslMechanism mechanism);  // "SCRAM-SHA-1"

/// The client side of a client-to-server stream: header, SASL, bind. Resumption and stream management are not asked for.
class XmppClient final : public XmppStream {
 public:
  struct Config {
    std::string domain;
    SaslMechanism mechanism = SaslMechanism::anonymous;
    std::string user, password;  // of all but anonymous
    std::string resource;        // empty: the server chooses
    XmppFraming framing = XmppFraming::document;
  };
  XmppClient(Config config, Rng rng);
  /// Call when the transport is up: writes the stream header.
  void start();

 private:
  enum class Step : uint8_t { features, sasl, features_again, bind };
  void on_open(const XmlEvent& header) override;
  void on_negotiation(Element& element) override;
  void on_features(const Element& features);
  void on_sasl(const Element& element);
  void send_header();
  Config config_;
  Step step_ = Step::features;
  std::unique_ptr<ScramClient> scram_;
};

/// The component's side of XEP-0114.
class XmppComponent final : public XmppStream {
 public:
  XmppComponent(std::string domain, std::string secret, Rng rng);
  void start();

 private:
  void on_open(const XmlEvent& header) override;
  void on_negotiation(Element& element) override;
  std::string domain_, secret_;
};

/// Who may log in where. Filled at start; streams keep a pointer to it.
class XmppHosts {
 public:
  void allow_anonymous(std::string_view domain);
  /// Keeps only salted keys (RFC 5802 section 3), for SCRAM-SHA-1, SCRAM-SHA-256 and PLAIN.
  void add_account(std::string_view domain, std::string_view user, std::string_view password, Rng& rng, uint32_t iterations = 4096);
  void add_component(std::string_view domain, std::string_view secret);

  bool has_domain(std::string_view domain) const;
  bool allows_anonymous(std::string_view domain) const;
  bool has_accounts(std::string_view domain) const;
  /// nullptr when there is no such account.
  const ScramKeys* find_keys(std::string_view domain, std::string_view user, ScramHash hash) const;
  const std::string* find_component_secret(std::string_view domain) const;

 private:
  struct Account { ScramKeys sha1, sha256; };
  struct Domain { bool anonymous = false; std::map<std::string, Account, std::less<>> accounts; };
  std::map<std::string, Domain, std::less<>> domains_;
  std::map<std::string, std::string, std::less<>> components_;
};

/// The accepting side, for clients and for components (they come in on different services). For a client every stanza's
/// `from` is set to its full JID (RFC 6120 section 8.1.2.1); a component's `from` must lie in its domain.
class XmppServerStream final : public XmppStream {
 public:
  enum class Kind : uint8_t { client, component };
  static constexpr int kMaxSaslAttempts = 3;
  /// `hosts` must outlive the stream.
  XmppServerStream(Kind kind, const XmppHosts& hosts, Rng rng);

 private:
  enum class Step : uint8_t { sasl, bind, handshake };
  void on_open(const XmlEvent& header) override;
  void on_negotiation(Element& element) override;
  bool admit(Element& stanza) override;
  void send_header(std::string_view id);
  void send_features();
  void on_sasl(const Element& element);
  void on_auth(const Element& element);
  void on_plain(std::string_view message);
  void refuse_sasl(std::string_view condition);
  void accept_sasl(std::string user, std::string_view data);
  void on_bind(const Element& iq);
  void on_handshake(const Element& element);
  Kind kind_;
  Step step_ = Step::sasl;
  const XmppHosts* hosts_;
  std::string domain_, user_, stream_id_;
  int attempts_ = 0;
  std::unique_ptr<ScramServer> scram_;
};

}  // namespace tacoma
