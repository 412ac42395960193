// SSRC rewriting: which of the bridge's SSRCs stands for which source, and how a receiver is told, always before the media.
#include "bridge/engine/conference.h"

namespace tacoma::bridge {

namespace {
channel::VideoMapping video_mapping(const SsrcPool::Slot& slot) {
  const Source& source = *slot.holder;
  const auto& types = source.owner->channel.video_types;
  const auto type = types.find(source.description.name);
  channel::VideoMapping mapping;
  mapping.source = source.description.name;
  mapping.owner = source.owner->id;
  mapping.ssrc = slot.stream.ssrc;
  mapping.rtx = slot.stream.rtx;
  if (type != types.end()) mapping.type = type->second;
  return mapping;
}

channel::AudioMapping audio_mapping(const SsrcPool::Slot& slot) {
  return {slot.holder->description.name, slot.holder->owner->id, slot.stream.ssrc, {}};
}
}  // namespace

/// Gives the projection a stream of the receiver's pool, about which the receiver is still to be told. False: none is free, or it
/// cannot be told.
bool Conference::lend_ssrc(Instant now, Source& source, Projection& projection) {
  Endpoint& receiver = projection.receiver();
  if (!receiver.channel.is_open()) return false;
  const bool video = source.description.video;
  SsrcPool& pool = receiver.ssrcs(video);
  pool.refresh([&](Source& holder) {
    const Projection* p = holder.subscriber(receiver);
    return p ? p->last_sent() : Instant();
  });
  SsrcPool::Slot* slot = pool.choose(now, video, [this](Ssrc ssrc) { return find_source(ssrc) != nullptr || ssrc == feedback_video; });
  if (!slot) return false;
  if (slot->holder) take_back_ssrc(*slot->holder, *slot->holder->subscriber(receiver));
  slot->holder = &source;
  slot->last_sent = now;  // it has its second
  slot->is_told = false;
  projection.lend(slot->stream);
  ++counts.ssrcs_lent;
  return true;
}

/// Lends SSRCs to the video that receivers are about to get, and to all voices while there are SSRCs to spare: by the time that a key
/// frame or a word comes, they know whose it is. Those who have not said yet which video they want are not served ahead, or what they
/// will not want would hold their SSRCs.
void Conference::lend_ahead(Instant now, Outbox& out) {
  lacks_ssrcs_ = false;
  for (Endpoint* sender : endpoints) {
    for (const auto& source : sender->receiver.sources) {
      const bool video = source->description.video;
      if (video && !source->started()) continue;
      for (Projection& projection : source->subscribers) {
        Endpoint& receiver = projection.receiver();
        if (!receiver.rewrites_ssrcs() || !receiver.channel.is_open() || !projection.target() || projection.ssrc() != Ssrc()) continue;
        if (video ? !receiver.channel.wants.is_known : !receiver.ssrcs(false).has_room()) continue;
        if (!lend_ssrc(now, *source, projection) && video) lacks_ssrcs_ = true;
      }
    }
  }
  for (Endpoint* receiver : endpoints) {
    if (!receiver->rewrites_ssrcs()) continue;
    tell_new_maps(*receiver, true, out);
    tell_new_maps(*receiver, false, out);
  }
}

/// Whether a key frame for it would find an SSRC: it is not worth asking for otherwise.
bool Conference::has_ssrc_for(const Projection& projection) const {
  Endpoint& receiver = projection.receiver();
  if (!receiver.rewrites_ssrcs() || projection.ssrc() != Ssrc()) return true;
  return receiver.channel.is_open() && !receiver.channel.wants.is_known && receiver.ssrcs(true).has_room();
}

/// What this receiver's SSRCs stand for, where it has not been told yet.
void Conference::tell_new_maps(Endpoint& receiver, bool video, Outbox& out) {
  channel::VideoSourcesMap of_video;
  channel::AudioSourcesMap of_audio;
  for (SsrcPool::Slot& slot : receiver.ssrcs(video).slots()) {
    if (!slot.holder || slot.is_told) continue;
    slot.is_told = true;
    if (video) of_video.mapped.push_back(video_mapping(slot));
    else of_audio.mapped.push_back(audio_mapping(slot));
  }
  if (of_video.mapped.empty() && of_audio.mapped.empty()) return;
  receiver.channel.send(video ? channel::write(of_video) : channel::write(of_audio), out);
  ++counts.channel_messages_out;
}

/// The source gives up its stream to this receiver, if it holds one.
void Conference::take_back_ssrc(const Source& source, Projection& projection) {
  SsrcPool::Slot* slot = projection.receiver().ssrcs(source.description.video).find(source);
  if (!slot) return;
  std::string why;
  slot->stream = projection.give_back(why);
  slot->holder = nullptr;
  note_violation(source, projection, why);
}

/// All that the receiver's SSRCs stand for now: its channel has just come up.
void Conference::tell_source_maps(Endpoint& receiver, Outbox& out) {
  if (!receiver.rewrites_ssrcs()) return;
  lacks_ssrcs_ = true;  // it can be told again
  channel::VideoSourcesMap video;
  channel::AudioSourcesMap audio;
  for (const SsrcPool::Slot& slot : receiver.ssrcs(true).slots())
    if (slot.holder) video.mapped.push_back(video_mapping(slot));
  for (const SsrcPool::Slot& slot : receiver.ssrcs(false).slots())
    if (slot.holder) audio.mapped.push_back(audio_mapping(slot));
  if (!video.mapped.empty()) receiver.channel.send(channel::write(video), out);
  if (!audio.mapped.empty()) receiver.channel.send(channel::write(audio), out);
  counts.channel_messages_out += (video.mapped.empty() ? 0 : 1) + (audio.mapped.empty() ? 0 : 1);
}

/// The owner says that a source is of another type now: its mappings say so, too.
void Conference::tell_video_type(const Endpoint& owner, const std::string& source_name, Outbox& out) {
  for (const auto& source : owner.receiver.sources) {
    if (source->description.name != source_name || !source->description.video) continue;
    for (const Projection& projection : source->subscribers) {
      Endpoint& receiver = projection.receiver();
      const SsrcPool::Slot* slot = receiver.rewrites_ssrcs() ? receiver.ssrcs(true).find(*source) : nullptr;
      if (!slot || !receiver.channel.is_open()) continue;
      receiver.channel.send(channel::write(channel::VideoSourcesMap{{video_mapping(*slot)}}), out);
      ++counts.channel_messages_out;
    }
  }
}

/// What `receiver` gets under this SSRC, and the source it is of; null: nothing.
Projection* Conference::find_projection(Endpoint& receiver, Ssrc ssrc, Source*& source) {
  source = nullptr;
  if (receiver.rewrites_ssrcs()) {
    for (const bool video : {true, false})
      if (SsrcPool::Slot* slot = receiver.ssrcs(video).find(ssrc)) source = slot->holder;
  } else {
    source = find_source(ssrc);
  }
  Projection* projection = source ? source->subscriber(receiver) : nullptr;
  return projection && projection->ssrc() == ssrc ? projection : nullptr;
}

}  // namespace tacoma::bridge
