// The section of a scenario that names a deployment.
#include <algorithm>
#include <cctype>

#include "loadgen/plan/scenario_reader.h"

namespace tacoma {

namespace {
bool is_room_name(std::string_view text) {
  if (text.empty() || text.size() > 80) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'; });
}
bool is_domain(std::string_view text) {
  const auto url = Url::parse("https://" + std::string(text));
  return url && url->target == "/" && url->fragment.empty() && url->authority() == text;
}
}  // namespace

void ScenarioReader::read_deployment(const YamlNode& root) {
  const YamlNode* node = root.find("deployment");
  if (!node || node->kind == YamlNode::Kind::null) return;
  const bool is_map_form = node->kind == YamlNode::Kind::map;
  if (is_map_form && !is_map(*node, "deployment", keys_of("deployment"))) return;
  const YamlNode* url_node = is_map_form ? node->find("url") : node;
  DeploymentSpec spec;
  std::string text;
  if (!url_node) return error(node->place, "deployment: 'url' is missing: the room's address, such as https://meet.example.org/load");
  if (!scalar(*url_node, "deployment.url", text)) return;
  const auto url = Url::parse(text);
  std::string room = url ? url->target.substr(1) : "";
  std::transform(room.begin(), room.end(), room.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (!url || url->is_web_socket() || !url->fragment.empty() || !is_room_name(room)) {
    return error(url_node->place, "deployment.url: " + in_quotes(text) +
                                      " is not a room's address (write 'https://meet.example.org/load', a room that nobody else uses)");
  }
  spec.url = *url;
  spec.room = room;
  scenario_.deployment = std::move(spec);
  scenario_.bridges.clear();
  if (!is_map_form) return;
  DeploymentSpec& d = *scenario_.deployment;
  if (const YamlNode* password = node->find("password")) scalar(*password, "deployment.password", d.password);
  std::string word;
  if (one_of(node->find("tls"), "deployment.tls", {"verify", "insecure"}, word)) d.verify_tls = word == "verify";
  const YamlNode* joins = node->find("joins");
  if (value<double>(joins, "deployment.joins", parse_per_second, d.joins) && d.joins > kMaxDeploymentJoins)
    error(joins->place, "deployment.joins: at most 100/s");
  if (const YamlNode* websocket = node->find("websocket"); websocket && scalar(*websocket, "deployment.websocket", d.websocket)) {
    const auto parsed = Url::parse(d.websocket);
    if (!parsed || !parsed->is_web_socket()) error(websocket->place, "deployment.websocket: " + in_quotes(d.websocket) + " is no ws: or wss: address");
  }
  const std::pair<const char*, std::string*> domains[] = {{"domain", &d.domain}, {"muc", &d.muc}, {"focus", &d.focus}};
  for (const auto& [key, target] : domains) {
    const YamlNode* domain = node->find(key);
    const std::string what = std::string("deployment.") + key;
    if (domain && scalar(*domain, what, *target) && !is_domain(*target)) error(domain->place, what + ": " + in_quotes(*target) + " is no domain");
  }
}

/// What belongs to servers of the run has no meaning where there are none.
void ScenarioReader::check_deployment(const YamlNode& root) {
  for (const char* key : {"bridges", "signalling", "regions", "sites", "traffic"})
    if (const YamlNode* node = root.find(key); node && !(key == std::string_view("signalling") && is_prosody(node)))
      error(node->place, std::string(key) + ": network and servers are the deployment's, so a scenario with 'deployment' has no " + in_quotes(key));
  if (scenario_.crypto == Crypto::null)
    error(root.find("crypto")->place, "crypto: nothing is left unencrypted on the way to a deployment; leave the key out");
  const YamlNode* conferences = root.find("conferences");
  if (!conferences) return;
  uint64_t people = 0;
  for (const ConferenceSpec& conference : scenario_.conferences) {
    if (conference.direct) error(conferences->place, conference.name + ".direct: at a deployment media goes by its bridges");
    for (const GroupSpec& group : conference.people) people += uint64_t{conference.count} * group.count;
  }
  const double seconds = static_cast<double>(people) / scenario_.deployment->joins;
  if (people <= kMaxDeploymentPeople && has_duration_ && Duration::from_seconds(seconds) >= scenario_.duration)
    error(conferences->place, "conferences: " + std::to_string(people) + " people need " + to_text(Duration::from_seconds(seconds)) +
                                  " to join a deployment at deployment.joins, which is not less than the run's duration");
  if (people > kMaxDeploymentPeople)
    error(conferences->place, "conferences: " + std::to_string(people) + " people; at most " + std::to_string(kMaxDeploymentPeople) + " go to a deployment from one run");
}

}  // namespace tacoma
