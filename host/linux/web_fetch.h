// What has to be known of a deployment before a run: a file of its web server, and the way to it.
#pragma once

#include <cstddef>
#include <string>

#include "core/base/address.h"
#include "core/base/result.h"
#include "core/base/url.h"

namespace tacoma {

/// GETs an http: or https: URL, within 10 s; redirects are not followed. Waits. Errors are sentences: no answer, another status than
/// 200, over `most` bytes, a certificate that is not valid for the host.
Result<std::string> fetch(const Url& url, bool verify_tls, size_t most);

/// The address of this machine from which packets to `host` leave. Nothing is sent but a question for the name.
Result<IpAddress> local_address_towards(const std::string& host, IpFamily family);

}  // namespace tacoma
