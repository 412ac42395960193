// What sees every datagram and stream byte of a run: the digest and the packet capture.
#pragma once

#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/base/world.h"

namespace tacoma {

/// The digest of a run: XXH3 (128 bits) over time, host, addresses and bytes of each sent datagram, time, host, stream and bytes of
/// each stream write, and time, host and size of each delivery, in the order in which they happened. For virtual worlds only: one
/// thread calls it.
class DigestTap final : public Tap {
 public:
  DigestTap();
  ~DigestTap() override;
  void sent(Instant now, HostId host, const SocketAddress& from, const SocketAddress& to, BytesView payload) override;
  void delivered(Instant now, HostId host, const SocketAddress& from, const SocketAddress& to, BytesView payload) override;
  void stream_written(Instant now, HostId host, StreamId id, BytesView bytes) override;
  /// 32 hex digits.
  std::string result() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A capture of every datagram as its host sent it (not streams): pcap with nanoseconds, LINKTYPE_RAW, IP and UDP headers made up
/// around the payload. Time zero of the run is 2026-01-01 00:00:00 UTC, as in the NTP times of the run.
class PcapTap final : public Tap {
 public:
  static Result<std::unique_ptr<PcapTap>> create(const std::string& path);
  ~PcapTap() override;
  void sent(Instant now, HostId host, const SocketAddress& from, const SocketAddress& to, BytesView payload) override;
  void delivered(Instant, HostId, const SocketAddress&, const SocketAddress&, BytesView) override {}
  void stream_written(Instant, HostId, StreamId, BytesView) override {}
  /// Writes out what is buffered; the error is a sentence (a full disk).
  Result<void> close();

 private:
  PcapTap(std::string path, std::FILE* file) : path_(std::move(path)), file_(file) {}
  void write(const void* bytes, size_t size);
  const std::string path_;
  std::mutex mutex_;  // the sockets world calls from several threads
  std::FILE* file_;
  int error_ = 0;
};

/// Calls all of its taps in turn.
class Taps final : public Tap {
 public:
  void add(Tap* tap) { taps_.push_back(tap); }
  bool empty() const { return taps_.empty(); }
  void sent(Instant now, HostId host, const SocketAddress& from, const SocketAddress& to, BytesView payload) override {
    for (Tap* tap : taps_) tap->sent(now, host, from, to, payload);
  }
  void delivered(Instant now, HostId host, const SocketAddress& from, const SocketAddress& to, BytesView payload) override {
    for (Tap* tap : taps_) tap->delivered(now, host, from, to, payload);
  }
  void stream_written(Instant now, HostId host, StreamId id, BytesView bytes) override {
    for (Tap* tap : taps_) tap->stream_written(now, host, id, bytes);
  }

 private:
  std::vector<Tap*> taps_;
};

}  // namespace tacoma
