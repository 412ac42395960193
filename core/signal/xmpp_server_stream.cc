// The accepting side of client and component streams, and who may log in.
#include "core/signal/xmpp_stream.h"

namespace tacoma {

void XmppHosts::allow_anonymous(std::string_view domain) { domains_[std::string(domain)].anonymous = true; }

void XmppHosts::add_account(std::string_view domain, std::string_view user, std::string_view password, Rng& rng, uint32_t iterations) {
  std::string salt(16, '\0');
  rng.fill(reinterpret_cast<uint8_t*>(salt.data()), salt.size());
  domains_[std::string(domain)].accounts[std::string(user)] = {derive_scram_keys(ScramHash::sha1, password, salt, iterations),
                                                              derive_scram_keys(ScramHash::sha256, password, salt, iterations)};
}

void XmppHosts::add_component(std::string_view domain, std::string_view secret) { components_[std::string(domain)] = secret; }

bool XmppHosts::has_domain(std::string_view domain) const { return domains_.find(domain) != domains_.end(); }

bool XmppHosts::allows_anonymous(std::string_view domain) const {
  const auto found = domains_.find(domain);
  return found != domains_.end() && found->second.anonymous;
}

bool XmppHosts::has_accounts(std::string_view domain) const {
  const auto found = domains_.find(domain);
  return found != domains_.end() && !found->second.accounts.empty();
}

const ScramKeys* XmppHosts::find_keys(std::string_view domain, std::string_view user, ScramHash hash) const {
  const auto found = domains_.find(domain);
  if (found == domains_.end()) return nullptr;
  const auto account = found->second.accounts.find(user);
  if (account == found->second.accounts.end()) return nullptr;
  return hash == ScramHash::sha1 ? &account->second.sha1 : &account->second.sha256;
}

const std::string* XmppHosts::find_component_secret(std::string_view domain) const {
  const auto found = components_.find(domain);
  return found == components_.end() ? nullptr : &found->second;
}

XmppServerStream::XmppServerStream(Kind kind, const XmppHosts& hosts, Rng rng)
    : XmppStream(kind == Kind::client ? ns::kClient : ns::kComponent, rng), kind_(kind), hosts_(&hosts) {}

void XmppServerStream::on_open(const XmlEvent& header) {
  const std::string to(header.element.attr("to"));
  const bool again = step_ == Step::bind;
  phase_ = Phase::negotiating;
  stream_id_ = make_hex(rng_, 20);
  send_header(to);
  if (again && to != domain_) return fail("host-unknown", "the stream began again for another domain");
  domain_ = to;
  if (kind_ == Kind::component) {
    if (!hosts_->find_component_secret(domain_)) return fail("host-unknown", "no component '" + domain_ + "'");
    step_ = Step::handshake;
    return;
  }
  if (!hosts_->has_domain(domain_)) return fail("host-unknown", "no domain '" + domain_ + "'");
  send_features();
}

void XmppServerStream::send_header(std::string_view from) {
  std::string header = "<?xml version='1.0'?><stream:stream xmlns='";
  write_escaped(content_ns_, header);
  header += "' xmlns:stream='http://etherx.jabber.org/streams' from='";
  write_escaped(from, header);
  header += "' id='" + stream_id_ + (kind_ == Kind::client ? "' version='1.0' xml:lang='en'>" : "'>");
  write_raw(header);
  header_sent_ = true;
}

void XmppServerStream::send_features() {
  Element features("features", ns::kStream);
  if (step_ == Step::bind) {
    features.add("bind", ns::kBind);
    return write(features);
  }
  Element& mechanisms = features.add("mechanisms", ns::kSasl);
  const auto offer = [&](SaslMechanism m) { mechanisms.add_text("mechanism", ns::kSasl, name_of(m)); };
  if (hosts_->has_accounts(domain_)) {
    offer(SaslMechanism::scram_sha_256);
    offer(SaslMechanism::scram_sha_1);
    offer(SaslMechanism::plain);
  }
  if (hosts_->allows_anonymous(domain_)) offer(SaslMechanism::anonymous);
  write(features);
}

void XmppServerStream::on_negotiation(Element& element) {
  switch (step_) {
    case Step::sasl:
      if (element.ns == ns::kSasl) return on_sasl(element);
      return fail("not-authorized", "<" + element.name + "/> before login");
    case Step::bind:
      if (is_iq(element) && element.attr("type") == "set" && element.child("bind", ns::kBind)) return on_bind(element);
      return fail("not-authorized", "<" + element.name + "/> before binding");
    case Step::handshake: return on_handshake(element);
  }
}

void XmppServerStream::on_sasl(const Element& element) {
  if (element.name == "auth") return on_auth(element);
  if (element.name == "abort") {
    scram_.reset();
    return refuse_sasl("aborted");
  }
  if (element.name != "response" || !scram_) return refuse_sasl("malformed-request");
  const auto message = base64_decode(element.text);
  if (!message) return refuse_sasl("incorrect-encoding");
  const auto signature = scram_->on_final(*message);
  scram_.reset();
  if (!signature) return refuse_sasl("not-authorized");
  accept_sasl(user_, *signature);
}

void XmppServerStream::on_auth(const Element& element) {
  const std::string_view mechanism = element.attr("mechanism");
  scram_.reset();
  if (mechanism == name_of(SaslMechanism::anonymous) && hosts_->allows_anonymous(domain_)) return accept_sasl(make_uuid(rng_), {});
  const auto message = base64_decode(element.text == "=" ? std::string_view() : std::string_view(element.text));
  if (!message) return refuse_sasl("incorrect-encoding");
  if (!hosts_->has_accounts(domain_)) return refuse_sasl("invalid-mechanism");
  if (mechanism == name_of(SaslMechanism::plain)) return on_plain(*message);
  const bool sha1 = mechanism == name_of(SaslMechanism::scram_sha_1);
  if (!sha1 && mechanism != name_of(SaslMechanism::scram_sha_256)) return refuse_sasl("invalid-mechanism");
  const auto user = ScramServer::user_of(*message);
  if (!user) return refuse_sasl("malformed-request");
  const ScramKeys* keys = hosts_->find_keys(domain_, *user, sha1 ? ScramHash::sha1 : ScramHash::sha256);
  if (!keys) return refuse_sasl("not-authorized");
  user_ = *user;
  scram_ = std::make_unique<ScramServer>(*keys, make_hex(rng_, 32));
  Element challenge("challenge", ns::kSasl);
  challenge.text = base64_encode(*scram_->on_first(*message));
  write(challenge);
}

void XmppServerStream::on_plain(std::string_view message) {  // RFC 4616: authzid NUL authcid NUL password
  const size_t first = message.find('\0');
  const size_t second = first == std::string_view::npos ? first : message.find('\0', first + 1);
  if (second == std::string_view::npos) return refuse_sasl("malformed-request");
  const std::string_view authzid = message.substr(0, first), user = message.substr(first + 1, second - first - 1);
  if (!authzid.empty() && authzid != user) return refuse_sasl("invalid-authzid");
  const ScramKeys* keys = hosts_->find_keys(domain_, user, ScramHash::sha256);
  if (!keys || !verify_password(*keys, message.substr(second + 1))) return refuse_sasl("not-authorized");
  accept_sasl(std::string(user), {});
}

void XmppServerStream::refuse_sasl(std::string_view condition) {
  Element failure("failure", ns::kSasl);
  failure.add(condition, ns::kSasl);
  write(failure);
  if (++attempts_ >= kMaxSaslAttempts) fail("policy-violation", "too many failed logins");
}

void XmppServerStream::accept_sasl(std::string user, std::string_view data) {
  Element success("success", ns::kSasl);
  success.text = base64_encode(data);
  write(success);
  user_ = std::move(user);
  step_ = Step::bind;
  restart();
}

void XmppServerStream::on_bind(const Element& iq) {
  std::string resource(iq.child("bind", ns::kBind)->child_text("resource", ns::kBind));
  if (resource.empty()) resource = make_hex(rng_, 12);
  auto full = Jid::parse(user_ + "@" + domain_ + "/" + resource);
  if (!full) return write(make_error(iq, Condition::bad_request, "not a resource"));
  Element result = make_result(iq);
  result.add("bind", ns::kBind).add_text("jid", ns::kBind, full->to_string());
  write(result);
  become_ready(std::move(*full));
}

void XmppServerStream::on_handshake(const Element& element) {
  const std::string* secret = hosts_->find_component_secret(domain_);
  if (!element.is("handshake", ns::kClient)) return fail("not-authorized", "<" + element.name + "/> before the handshake");
  if (!secret || !equal_constant_time(element.text, hex_encode(sha1(stream_id_ + *secret))))
    return fail("not-authorized", "wrong secret of component '" + domain_ + "'");
  write(Element("handshake", ns::kClient));
  become_ready(Jid{{}, domain_, {}});
}

bool XmppServerStream::admit(Element& stanza) {
  if (kind_ == Kind::client) {
    stanza.set("from", jid_.to_string());
    return true;
  }
  if (from_of(stanza).domain != domain_) {
    fail("invalid-from", "'" + std::string(stanza.attr("from")) + "' does not lie in " + domain_);
    return false;
  }
  if (to_of(stanza).empty()) {
    fail("improper-addressing", "a component's stanza needs a receiver");
    return false;
  }
  return true;
}

}  // namespace tacoma
