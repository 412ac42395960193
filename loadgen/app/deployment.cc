#include "loadgen/app/deployment.h"

#include <algorithm>
#include <random>

#include "host/linux/web_fetch.h"
#include "loadgen/plan/config_js.h"
#include "loadgen/plan/text_values.h"

namespace tacoma {
namespace {

Result<void> check_host(const std::string& host, const std::vector<std::string>& confirmed) {
  if (is_loopback_host(host) || std::find(confirmed.begin(), confirmed.end(), host) != confirmed.end()) return {};
  return fail(host + " is not this machine. If it is yours, or its owner has agreed to the load, say so with --confirm-load " + host);
}

/// config.js writes it whole, or relative to the page: "//host/path", "/path".
std::string whole_address(const std::string& written, const Url& page) {
  const std::string scheme = page.is_secure() ? "wss:" : "ws:";
  if (written.compare(0, 2, "//") == 0) return scheme + written;
  if (written.compare(0, 1, "/") == 0) return scheme + "//" + page.authority() + written;
  return written;
}

Result<void> take_names(DeploymentSpec& spec, bool verify_tls) {
  Url file = spec.url;
  file.target = "/config.js";
  Result<std::string> text = fetch(file, verify_tls, kMaxConfigJs);
  if (!text) return fail(text.error() + " (the names can also be given: deployment.domain, muc, focus, websocket)");
  auto values = read_config_js(*text, spec.url.authority(), spec.url.host);
  const std::string domain = values["hosts.domain"];
  const auto fill = [](std::string& name, const std::string& first, const std::string& second) {
    if (name.empty()) name = first.empty() ? second : first;
  };
  if (domain.empty() && (spec.domain.empty() || spec.muc.empty() || spec.focus.empty()))
    return fail(file.to_string() + " names no hosts.domain: is a Jitsi deployment there? (deployment.domain, muc and focus can be given)");
  fill(spec.domain, values["hosts.anonymousdomain"], domain);
  fill(spec.muc, values["hosts.muc"], "conference." + domain);
  fill(spec.focus, values["hosts.focus"], "focus." + domain);
  fill(spec.websocket, values["websocket"], "/xmpp-websocket");
  return {};
}

}  // namespace

Result<void> look_at_deployment(DeploymentSpec& spec, IpFamily family, const std::vector<std::string>& confirmed) {
  if (const auto fine = check_host(spec.url.host, confirmed); !fine) return fine;
  const bool verify_tls = spec.verify_tls.value_or(!is_loopback_host(spec.url.host));
  if (spec.domain.empty() || spec.muc.empty() || spec.focus.empty() || spec.websocket.empty())
    if (const auto taken = take_names(spec, verify_tls); !taken) return taken;
  spec.websocket = whole_address(spec.websocket, spec.url);
  const auto websocket = Url::parse(spec.websocket);
  if (!websocket || !websocket->is_web_socket()) return fail("the deployment's XMPP is at " + in_quotes(spec.websocket) + ", which is no ws: or wss: address");
  if (const auto fine = check_host(websocket->host, confirmed); !fine) return fine;
  for (const std::string* name : {&spec.domain, &spec.muc, &spec.focus}) {
    const auto as_url = Url::parse("https://" + *name);
    if (!as_url || as_url->host != *name) return fail("the deployment's configuration names " + in_quotes(*name) + ", which is no domain");
  }
  spec.hosts = confirmed;
  const auto local = local_address_towards(websocket->host, family);
  if (!local) return fail(local.error());
  spec.local = *local;
  std::random_device system;
  spec.salt = (uint64_t{system()} << 32 | system()) | 1;
  return {};
}

}  // namespace tacoma
