// The initiating side: client and component.
#include "core/signal/xmpp_stream.h"

namespace tacoma {

namespace {
constexpr std::string_view kBindId = "bind";

std::string stream_header(std::string_view content_ns, std::string_view to, bool with_version) {
  std::string out = "<?xml version='1.0'?><stream:stream xmlns='";
  write_escaped(content_ns, out);
  out += "' xmlns:stream='http://etherx.jabber.org/streams' to='";
  write_escaped(to, out);
  out += with_version ? "' version='1.0' xml:lang='en'>" : "'>";
  return out;
}
ScramHash hash_of(SaslMechanism mechanism) {
  return mechanism == SaslMechanism::scram_sha_256 ? ScramHash::sha256 : ScramHash::sha1;
}
}  // namespace

XmppClient::XmppClient(Config config, Rng rng) : XmppStream(ns::kClient, rng, config.framing), config_(std::move(config)) {}

void XmppClient::start() {
  if (phase_ != Phase::idle) return;
  phase_ = Phase::negotiating;
  send_header();
}

void XmppClient::send_header() {
  if (framing_ == XmppFraming::messages) {
    Element open("open", ns::kFraming);
    open.set("to", config_.domain).set("version", "1.0").set("xml:lang", "en");
    write(open);
  } else {
    write_raw(stream_header(ns::kClient, config_.domain, true));
  }
  header_sent_ = true;
}

void XmppClient::on_open(const XmlEvent&) {}

void XmppClient::on_negotiation(Element& element) {
  switch (step_) {
    case Step::features:
    case Step::features_again:
      if (!element.is("features", ns::kStream)) return fail("bad-format", "<" + element.name + "/> in place of stream features");
      return on_features(element);
    case Step::sasl: return on_sasl(element);
    case Step::bind: break;
  }
  if (!is_answer(element) || element.attr("id") != kBindId) return fail("bad-format", "<" + element.name + "/> in place of the bind result");
  if (element.attr("type") == "error") return fail({}, std::string("bind refused: ") + name_of(parse_error(element).condition));
  const Element* bind = element.child("bind", ns::kBind);
  auto bound = bind ? Jid::parse(bind->child_text("jid", ns::kBind)) : std::nullopt;
  if (!bound || bound->is_bare()) return fail("bad-format", "the bind result holds no full JID");
  become_ready(std::move(*bound));
}

void XmppClient::on_features(const Element& features) {
  if (step_ == Step::features_again) {
    if (!features.child("bind", ns::kBind)) return fail({}, "server offers no resource binding");
    Element iq = make_iq("set", {}, kBindId);
    Element& bind = iq.add("bind", ns::kBind);
    if (!config_.resource.empty()) bind.add_text("resource", ns::kBind, config_.resource);
    write(iq);
    step_ = Step::bind;
    return;
  }
  const char* wanted = name_of(config_.mechanism);
  bool offered = false;
  if (const Element* mechanisms = features.child("mechanisms", ns::kSasl))
    for (const Element& m : mechanisms->children) offered = offered || m.text == wanted;
  if (!offered) return fail({}, std::string("server does not offer ") + wanted);
  Element auth("auth", ns::kSasl);
  auth.set("mechanism", wanted);
  switch (config_.mechanism) {
    case SaslMechanism::anonymous: break;
    case SaslMechanism::plain: auth.text = base64_encode(std::string(1, '\0') + config_.user + std::string(1, '\0') + config_.password); break;
    case SaslMechanism::scram_sha_1:
    case SaslMechanism::scram_sha_256:
      scram_ = std::make_unique<ScramClient>(hash_of(config_.mechanism), config_.user, config_.password, make_hex(rng_, 32));
      auth.text = base64_encode(scram_->first());
      break;
  }
  write(auth);
  step_ = Step::sasl;
}

void XmppClient::on_sasl(const Element& element) {
  if (element.ns != ns::kSasl) return fail("bad-format", "<" + element.name + "/> in the middle of the login");
  if (element.name == "failure") {
    return fail({}, "login refused: " + (element.children.empty() ? std::string("no reason given") : element.children[0].name));
  }
  const auto data = base64_decode(element.text == "=" ? std::string_view() : std::string_view(element.text));
  if (!data) return fail({}, "login data is not base64");
  if (element.name == "challenge" && scram_) {
    const auto answer = scram_->on_challenge(*data);
    if (!answer) return fail({}, "login stopped: " + answer.error());
    Element response("response", ns::kSasl);
    response.text = base64_encode(*answer);
    return write(response);
  }
  if (element.name != "success") return fail("bad-format", "<" + element.name + "/> is no step of the login");
  if (scram_) {
    const auto verified = scram_->on_success(*data);
    if (!verified) return fail({}, "login stopped: " + verified.error());
    scram_.reset();
  }
  restart();
  step_ = Step::features_again;
  send_header();
}

XmppComponent::XmppComponent(std::string domain, std::string secret, Rng rng)
    : XmppStream(ns::kComponent, rng), domain_(std::move(domain)), secret_(std::move(secret)) {}

void XmppComponent::start() {
  if (phase_ != Phase::idle) return;
  phase_ = Phase::negotiating;
  write_raw(stream_header(ns::kComponent, domain_, false));
  header_sent_ = true;
}

void XmppComponent::on_open(const XmlEvent& header) {
  Element handshake("handshake", ns::kClient);
  handshake.text = hex_encode(sha1(std::string(header.element.attr("id")) + secret_));  // XEP-0114 section 3
  write(handshake);
}

void XmppComponent::on_negotiation(Element& element) {
  if (!element.is("handshake", ns::kClient)) return fail("bad-format", "<" + element.name + "/> in place of the handshake");
  become_ready(Jid{{}, domain_, {}});
}

}  // namespace tacoma
