// Typed identifiers: an SSRC cannot be passed where a host index is wanted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace tacoma {

/// An integer of one meaning. `Tag` is any type, usually declared in place: `using HostId = Id<struct HostTag>`.
template <typename Tag, typename Rep = uint32_t>
class Id {
 public:
  using rep = Rep;
  constexpr Id() = default;
  explicit constexpr Id(Rep v) : value_(v) {}
  constexpr Rep value() const { return value_; }
  constexpr bool operator==(Id o) const { return value_ == o.value_; }
  constexpr bool operator!=(Id o) const { return value_ != o.value_; }
  constexpr bool operator<(Id o) const { return value_ < o.value_; }

 private:
  Rep value_ = 0;
};

/// Synchronisation source of an RTP stream (RFC 3550 section 3).
using Ssrc = Id<struct SsrcTag, uint32_t>;
/// A host of the network plan: its index in NetworkPlan::hosts.
using HostId = Id<struct HostTag, uint32_t>;
/// A byte or message stream of one process. The process chooses ids below 0x80000000 for those it opens; the world
/// gives ids from 0x80000000 to those it accepts for the process.
using StreamId = Id<struct StreamTag, uint32_t>;

}  // namespace tacoma

template <typename Tag, typename Rep>
struct std::hash<tacoma::Id<Tag, Rep>> {
  size_t operator()(tacoma::Id<Tag, Rep> id) const noexcept {
    return static_cast<size_t>(static_cast<uint64_t>(id.value()) * 0x9e3779b97f4a7c15ull >> 16);
  }
};
