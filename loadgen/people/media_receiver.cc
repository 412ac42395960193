#include "loadgen/people/media_receiver.h"

#include <algorithm>

#include "core/rtp/rtx.h"
#include "loadgen/media/clip_library.h"

namespace tacoma {

MediaReceiver::MediaReceiver(uint32_t person, const Plan& plan, ResultSink& results)
    : person_(person), plan_(&plan), results_(&results) {}
MediaReceiver::~MediaReceiver() = default;

void MediaReceiver::add_source(std::string_view owner, Media media, Ssrc ssrc, Ssrc rtx, std::string_view name) {
  if (routes_.find(ssrc)) return;
  if (remotes_.size() >= kMostSources) {
    drops_.count(Drop::signalling_limit);
    return;
  }
  Remote remote;
  remote.ssrc = ssrc;
  remote.rtx = rtx;
  remote.person = kUnknown;
  remote.media = media;
  remote.name = name;
  const PersonPlan& self = plan_->people[person_];
  for (uint32_t i : plan_->conferences[self.conference].people) {
    if (plan_->people[i].endpoint_id == owner) remote.person = i;
  }
  const bool is_guest = remote.person == kUnknown;
  if (is_guest) remote.person = results_->guest(self.conference, owner).value_or(kUnknown);
  remote.encrypted = cipher_ || (!is_guest && plan_->people[remote.person].key != PersonPlan::kNoKey);
  if (Guest* known = is_guest ? guest(owner) : nullptr) {
    known->ssrcs.push_back(ssrc);
    remote.encrypted |= known->encrypted;
  }
  if (media == Media::audio) {
    remote.audio = std::make_unique<AudioReceiver>(self.decodes);
    if (is_guest) remote.audio->set_foreign_clock();
  } else {
    remote.video = std::make_unique<VideoReceiver>();
    if (remote.encrypted) remote.video->decrypt(cipher_);
    if (is_guest) remote.video->set_foreign_clock();
    if (self.decodes && !is_guest)
      remote.video->decode_for_real(plan_->people[remote.person].clip % ClipLibrary::kVariants,
                                    media == Media::screen ? plan_->people[remote.person].screen.value_or(VideoFormat()) : plan_->people[remote.person].video);
  }
  remotes_.push_back(std::move(remote));
  route(static_cast<uint32_t>(remotes_.size() - 1));
}

/// Null when there are too many.
MediaReceiver::Guest* MediaReceiver::guest(std::string_view endpoint) {
  const auto at = std::find_if(guests_.begin(), guests_.end(), [&](const Guest& g) { return g.endpoint == endpoint; });
  if (at != guests_.end()) return &*at;
  if (guests_.size() == kMostSources) {
    drops_.count(Drop::signalling_limit);
    return nullptr;
  }
  guests_.push_back({std::string(endpoint), false, {}});
  return &guests_.back();
}

const char* MediaReceiver::set_encrypted(std::string_view endpoint, bool encrypted) {
  for (uint32_t i : plan_->conferences[plan_->people[person_].conference].people)
    if (plan_->people[i].endpoint_id == endpoint) return nullptr;
  Guest* known = guest(endpoint);
  if (!known) return nullptr;
  known->encrypted = encrypted;
  for (Remote& remote : remotes_) {
    if (cipher_ || std::find(known->ssrcs.begin(), known->ssrcs.end(), remote.ssrc) == known->ssrcs.end()) continue;
    remote.encrypted = encrypted;
    if (remote.video) encrypted ? remote.video->decrypt(nullptr) : remote.video->take_plain();
  }
  if (!encrypted) return cipher_ ? " does not encrypt: it is not heard or seen here" : " does not encrypt any more";
  return cipher_ ? " encrypts" : " encrypts, and the password is not known here: it is not heard or seen";
}

void MediaReceiver::remove_source(Instant now, Ssrc ssrc) {
  const auto at = std::find_if(remotes_.begin(), remotes_.end(), [&](const Remote& r) { return r.ssrc == ssrc; });
  if (at == remotes_.end()) return;
  if (has_run_) sample(now, *at);
  for (Guest& guest : guests_) std::erase(guest.ssrcs, ssrc);
  count(gone_, *at);
  remotes_.erase(at);
  routes_.clear();
  for (uint32_t i = 0; i < remotes_.size(); ++i) route(i);
}

void MediaReceiver::route(uint32_t index) {
  routes_.set(remotes_[index].ssrc, {index, false});
  if (remotes_[index].rtx != Ssrc(0)) routes_.set(remotes_[index].rtx, {index, true});
}

std::vector<Ssrc> MediaReceiver::ssrcs() const {
  std::vector<Ssrc> all;
  for (const Remote& remote : remotes_) all.push_back(remote.ssrc);
  return all;
}

void MediaReceiver::start(Instant now, const ReceiveFormats& formats) {
  formats_ = formats;
  for (Remote& remote : remotes_) {
    if (remote.audio) remote.audio->restart();
    if (remote.video) {
      remote.video->restart();
      remote.video->set_forwarded(now, true);
    }
    remote.forwarded = true;
  }
  transport_ = TwccRecorder();
  arrivals_ = formats_.ccfb ? std::make_unique<CcfbRecorder>() : nullptr;
  repair_due_ = Instant::never();
  report_due_ = now + kReportInterval;
  running_ = has_run_ = true;
}

void MediaReceiver::rtp(Instant now, Datagram& datagram) {
  const std::optional<RtpView> view = RtpView::parse(datagram.packet.bytes());
  if (!view) return drops_.count(Drop::rtp_malformed);
  if (arrivals_) arrivals_->on_packet(view->ssrc(), view->sequence(), datagram.arrived, datagram.ecn);
  else if (const auto transport = read_transport_sequence(*view, formats_.transport_cc))
    transport_.on_packet(*transport, datagram.arrived);
  const Route* route = routes_.find(view->ssrc());
  if (!route) return drops_.count(Drop::rtp_unknown_ssrc);
  Remote& remote = remotes_[route->remote];
  any_source_ = remote.ssrc;
  if (remote.audio) on_audio(datagram, *view, remote);
  else on_video(now, datagram, *view, remote, route->is_rtx);
}

void MediaReceiver::on_audio(Datagram& datagram, const RtpView& view, Remote& remote) {
  const bool is_red = formats_.red && view.payload_type() == *formats_.red;
  if (!is_red && view.payload_type() != formats_.opus) return drops_.count(Drop::rtp_unknown_payload_type);
  if (view.payload().empty()) return drops_.count(Drop::padding_only);
  const auto level = read_audio_level(view, formats_.audio_level);
  BytesView sound = view.payload();
  if (remote.encrypted) {
    const auto at = static_cast<size_t>(sound.data() - datagram.packet.bytes().data());
    const auto size = cipher_ ? cipher_->open(FrameCipher::Kind::audio, datagram.packet.mutable_bytes().subspan(at, sound.size())) : std::nullopt;
    if (!size) drops_.count(Drop::frame_undecryptable);
    sound = sound.subspan(0, size.value_or(0));
  }
  // Frames are sealed whole, copies and all: lib-jitsi-meet's transform gets them from the encoder so.
  std::optional<RedPayload> red;
  if (is_red && !sound.empty()) {
    red = parse_red(sound);
    if (!red || red->primary_type != formats_.opus) return drops_.count(Drop::red_malformed);
    sound = red->primary;
  }
  if (!remote.audio->packet(datagram.arrived, view, sound, red ? &*red : nullptr, level && level->voice, audio_delays_)) return drops_.count(Drop::rtp_duplicate);
  repair_due_ = std::min(repair_due_, remote.audio->next_due());
  ++gone_.packets;
  if (sound.empty()) return;
  if (!heard_) {
    heard_ = true;
    results_->join_step(person_, JoinStep::first_audio, datagram.arrived);
  }
}

void MediaReceiver::on_video(Instant now, Datagram& datagram, const RtpView& first, Remote& remote, bool is_rtx) {
  std::optional<RtpView> view = first;
  if (is_rtx) {
    const bool is_vp9 = view->payload_type() == formats_.rtx_of_vp9;
    if (view->payload_type() != formats_.rtx && !is_vp9) return drops_.count(Drop::rtp_unknown_payload_type);
    if (view->payload().empty()) return drops_.count(Drop::padding_only);  // a bandwidth probe
    const size_t size = unwrap_rtx(datagram.packet.mutable_bytes(), *view, remote.ssrc, is_vp9 ? formats_.vp9 : formats_.vp8);
    if (size == 0) return drops_.count(Drop::rtx_malformed);
    datagram.packet.resize(size);
    view = RtpView::parse(datagram.packet.bytes());
    if (!view) return drops_.count(Drop::rtx_malformed);
  }
  const VideoCodec codec = view->payload_type() == formats_.vp9 ? VideoCodec::vp9 : VideoCodec::vp8;
  if (codec == VideoCodec::vp8 && view->payload_type() != formats_.vp8) return drops_.count(Drop::rtp_unknown_payload_type);
  VideoReceiver& video = *remote.video;
  const bool had_picture = video.has_picture();
  switch (video.packet(now, datagram.arrived, codec, *view, datagram.packet, is_rtx, video_delays_)) {
    case VideoReceiver::Outcome::used: break;
    case VideoReceiver::Outcome::duplicate: return drops_.count(is_rtx ? Drop::rtx_unneeded : Drop::rtp_duplicate);
    case VideoReceiver::Outcome::malformed: return drops_.count(Drop::descriptor_malformed);
  }
  repair_due_ = std::min(repair_due_, video.next_due());
  if (const uint32_t closed = video.take_undecryptable()) drops_.count(Drop::frame_undecryptable, closed);
  if (!is_rtx) ++gone_.packets;
  if (!seen_ && !had_picture && video.has_picture()) {
    seen_ = true;
    results_->join_step(person_, JoinStep::first_video, now);
  }
  if (const auto seen = video.take_seen())
    results_->decoded(now, DecodedFrame{person_, remote.person, seen->frame, seen->psnr_db});
}

void MediaReceiver::sender_report(Ssrc ssrc, const SenderInfo& info, Instant arrived) {
  const Route* route = routes_.find(ssrc);
  if (!route || route->is_rtx) return;
  Remote& remote = remotes_[route->remote];
  if (remote.audio) remote.audio->sender_report(info, arrived);
  else remote.video->sender_report(info, arrived);
}

void MediaReceiver::set_forwarded(Instant now, const std::vector<std::string>& names) {
  for (Remote& remote : remotes_) {
    if (!remote.video || remote.name.empty()) continue;
    remote.forwarded = std::find(names.begin(), names.end(), remote.name) != names.end();
    remote.video->set_forwarded(now, remote.forwarded);
  }
}

void MediaReceiver::set_wanted(const Viewer& viewer) {
  for (Remote& remote : remotes_)
    if (remote.video) remote.wanted = viewer.wanted(remote.name);
}

uint32_t MediaReceiver::wanted() const {
  return static_cast<uint32_t>(std::count_if(remotes_.begin(), remotes_.end(), [](const Remote& r) { return r.video && r.wanted != 0; }));
}
uint32_t MediaReceiver::forwarded() const {
  return static_cast<uint32_t>(std::count_if(remotes_.begin(), remotes_.end(), [](const Remote& r) { return r.video && r.forwarded; }));
}

Instant MediaReceiver::next_due() const {
  if (!running_) return Instant::never();
  return std::min({repair_due_, report_due_, transport_.deadline(), arrivals_ ? arrivals_->deadline() : Instant::never()});
}

void MediaReceiver::write_due(Instant now, Duration round_trip, Ssrc source, RtcpBatch& rtcp) {
  if (!running_) return;
  if (now >= report_due_) write_reports(now, source, rtcp);
  if (now >= repair_due_) write_repairs(now, round_trip, source, rtcp);
  if (now >= transport_.deadline()) {
    // A datagram holds some 500 of them; more than that in one interval wait for the next report.
    rtcp.feedback([&](RtcpWriter& out) { return transport_.build(source, any_source_, out); });
    transport_.reported(now);
  }
  if (arrivals_ && now >= arrivals_->deadline()) {
    rtcp.feedback([&](RtcpWriter& out) { return arrivals_->build(now, source, out); });
    arrivals_->reported(now);
  }
}

void MediaReceiver::write_repairs(Instant now, Duration round_trip, Ssrc source, RtcpBatch& rtcp) {
  repair_due_ = Instant::never();
  for (Remote& remote : remotes_) {
    if (remote.audio) {
      if (now >= remote.audio->next_due()) remote.audio->due(now);
      repair_due_ = std::min(repair_due_, remote.audio->next_due());
      continue;
    }
    VideoReceiver& video = *remote.video;
    if (now >= video.next_due()) {
      ask_.clear();
      const bool wants_key_frame = video.due(now, round_trip, ask_);
      if (!ask_.empty()) {
        rtcp.feedback([&](RtcpWriter& out) { return out.nack(source, remote.ssrc, Span<const uint16_t>(ask_)); });
        ++gone_.nacks;
      }
      if (wants_key_frame) {
        rtcp.feedback([&](RtcpWriter& out) { return out.pli(source, remote.ssrc); });
        ++gone_.plis;
      }
    }
    repair_due_ = std::min(repair_due_, video.next_due());
  }
}

void MediaReceiver::write_reports(Instant now, Ssrc source, RtcpBatch& rtcp) {
  report_due_ = now + kReportInterval;
  blocks_.clear();
  const auto write = [&] {
    rtcp.report([&](RtcpWriter& out) { return out.receiver_report(source, Span<const ReportBlock>(blocks_)); });
    blocks_.clear();
  };
  for (Remote& remote : remotes_) {
    Reception& reception = remote.audio ? remote.audio->reception() : remote.video->reception();
    if (!reception.started()) continue;
    blocks_.push_back(reception.report(remote.ssrc, now));
    if (blocks_.size() == kMaxReportBlocks) write();
  }
  if (!blocks_.empty()) write();
}

void MediaReceiver::sample(Instant at, Remote& remote) {
  ReceiveSample row;
  if (remote.audio) remote.audio->take(row);
  else remote.video->take(at, at - sampled_, row);
  if (remote.person == kUnknown) return;
  row.media = remote.media;
  row.wanted_height = remote.wanted;
  row.person = person_;
  row.from = remote.person;
  results_->received(at, row);
}

void MediaReceiver::sample(Instant at) {
  for (Remote& remote : remotes_) sample(at, remote);
  sampled_ = at;
}

void MediaReceiver::write_delays() {
  if (audio_delays_.total() > 0) results_->delays(person_, Media::audio, false, audio_delays_);
  if (video_delays_.packets.total() > 0) results_->delays(person_, Media::video, false, video_delays_.packets);
  if (video_delays_.frames.total() > 0) results_->delays(person_, Media::video, true, video_delays_.frames);
}

void MediaReceiver::count(Totals& totals, const Remote& remote) const {
  if (remote.audio) {
    totals.audio.packets += remote.audio->decoded().packets;
    totals.audio.damaged += remote.audio->decoded().damaged;
    totals.audio.concealed += remote.audio->decoded().concealed;
    totals.audio.voiced += remote.audio->decoded().voiced;
    return;
  }
  totals.frames_rendered += remote.video->frames_rendered();
  totals.repaired += remote.video->repaired();
  if (const PictureCheck* check = remote.video->check()) {
    totals.frames_decoded += check->decoded();
    totals.frames_damaged += check->damaged();
  }
}

MediaReceiver::Totals MediaReceiver::totals() const {
  Totals totals = gone_;
  for (const Remote& remote : remotes_) count(totals, remote);
  return totals;
}

}  // namespace tacoma
