#include "loadgen/people/rtcp_batch.h"

#include <cstring>

namespace tacoma {

void RtcpBatch::begin() {
  if (writer_.size() == 0) writer_.receiver_report(source_, {});
  if (!described_) described_ = writer_.source_description(source_, cname_);
}

void RtcpBatch::flush() {
  if (writer_.size() == 0) return;
  if (!described_) writer_.source_description(source_, cname_);
  const size_t size = writer_.size();
  PacketRef packet = out_->pool().make(size + kMaxSrtpOverhead);
  if (!packet) {
    drops_->count(Drop::pool_exhausted);
  } else {
    std::memcpy(packet.storage().data(), bytes_, size);
    const Result<size_t, Drop> protected_size = path_->protect_rtcp(packet.storage(), size);
    if (protected_size) {
      packet.resize(*protected_size);
      out_->send(path_->remote(), std::move(packet));
    } else {
      drops_->count(protected_size.error());
    }
  }
  writer_ = RtcpWriter(MutableBytes(bytes_, kMaxSize));
  described_ = false;
}

}  // namespace tacoma
