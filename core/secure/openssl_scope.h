// OpenSSL takes time and randomness from the process; we pass both as arguments. This is the one place that joins the two.
#pragma once

#include "core/base/rng.h"
#include "core/base/time.h"
#include "core/secure/credentials.h"

namespace tacoma {

/// While one exists, OpenSSL calls of this thread see `now` as the time of day (DTLS retransmission timers read it) and,
/// when seeded, draw all randomness from `rng`. Without one, both come from the system: a server's own TLS is not touched.
/// Scopes do not nest.
class OpenSslScope {
 public:
  OpenSslScope(Instant now, Rng& rng, SecureRandomness randomness);
  ~OpenSslScope();
  OpenSslScope(const OpenSslScope&) = delete;
  OpenSslScope& operator=(const OpenSslScope&) = delete;
};

}  // namespace tacoma
