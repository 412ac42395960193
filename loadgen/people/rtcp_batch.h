// RTCP packets of one moment, put together into as few datagrams as they need.
#pragma once

#include <string_view>

#include "core/base/drop.h"
#include "core/base/process.h"
#include "core/rtp/rtcp_writer.h"
#include "core/secure/secure_path.h"

namespace tacoma {

/// Each datagram is a compound packet of RFC 3550 section 6.1: it begins with a report (an empty one where none is due) and names
/// its source. Nothing is sent when nothing was added. flush() at the end.
class RtcpBatch {
 public:
  static constexpr size_t kMaxSize = 1200;  // before protection

  RtcpBatch(SecurePath& path, Outbox& out, Ssrc source, std::string_view cname, DropCounts& drops)
      : path_(&path), out_(&out), source_(source), cname_(cname), drops_(&drops), writer_(MutableBytes(bytes_, kMaxSize)) {}
  RtcpBatch(const RtcpBatch&) = delete;
  RtcpBatch& operator=(const RtcpBatch&) = delete;

  /// A sender or receiver report: may begin a datagram. `write(RtcpWriter&)` returns false when there is no room.
  template <typename Write>
  void report(Write write) {
    if (write(writer_)) return;
    flush();
    write(writer_);
  }
  /// Feedback of any kind.
  template <typename Write>
  void feedback(Write write) {
    begin();
    if (write(writer_)) return;
    flush();
    begin();
    write(writer_);
  }
  void flush();

 private:
  void begin();

  SecurePath* path_;
  Outbox* out_;
  Ssrc source_;
  std::string_view cname_;
  DropCounts* drops_;
  uint8_t bytes_[kMaxSize + kMaxSrtpOverhead];
  RtcpWriter writer_;
  bool described_ = false;
};

}  // namespace tacoma
