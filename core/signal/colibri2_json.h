// The JSON form of colibri2, as REST speaks it (Jitsi Videobridge, doc/rest-colibri2.md): XML names as keys, lists in plural, parameters an
// object. It is turned into the elements of the XML form and back, so that both pass the same checks.
#pragma once

#include <string>
#include <string_view>

#include "core/signal/colibri2.h"

namespace tacoma::colibri2 {

/// Reads {"meeting-id":..,"endpoints":[..]}; `meeting_id`, when given, stands in place of the body's. Errors: no JSON object, nested too deeply, or what the XML form refuses.
Result<ConferenceModify> parse_json_request(std::string_view text, std::string_view meeting_id = {});
std::string write_json(const ConferenceModified& answer);

}  // namespace tacoma::colibri2
