#include "analysis/report/quality.h"

#include <algorithm>

namespace tacoma::analysis {
namespace {

int rank(char letter) {
  switch (letter) {
    case kGood: return 1;
    case kFair: return 2;
    case kPoor: return 3;
    case kJoining: return 4;
    case kBad: return 5;
    default: return 0;
  }
}

char judged(double frozen, double loss, double mos) {
  auto within = [&](const QualityBounds& b) { return frozen <= b.frozen && loss <= b.loss && mos >= b.mos; };
  return within(kGoodBounds) ? kGood : within(kFairBounds) ? kFair : within(kPoorBounds) ? kPoor : kBad;
}

double after_repair(uint32_t expected, uint32_t lost, uint32_t repaired) {
  return expected > 0 && lost > repaired ? double(lost - repaired) / expected : 0;
}

}  // namespace

char video_quality(const PersonBin& b, Duration sample_every) {
  if (b.watched == 0) return kIdle;
  const double frozen = b.frozen.to_seconds() / (b.watched * sample_every.to_seconds());
  return judged(frozen, after_repair(b.video_expected, b.video_lost, b.video_repaired), 5);
}

char audio_quality(const PersonBin& b) {
  if (b.audio_expected == 0 && b.mos_count == 0) return kIdle;
  return judged(0, after_repair(b.audio_expected, b.audio_lost, b.audio_repaired),
                b.mos_count > 0 ? b.mos_sum / b.mos_count : 5);
}

QualityLine quality_of(const Run& run, size_t person) {
  const Person& p = run.people[person];
  const auto first = p.first_media();
  QualityLine line;
  for (uint32_t k = 0; k < run.bins; ++k) {
    const Duration from = run.bin * k, to = run.bin * (k + 1);
    const PersonBin& b = run.by_person[person][k];
    char video = video_quality(b, run.sample_every), audio = audio_quality(b);
    if (p.joins >= to || (p.leaves && *p.leaves <= from)) {
      video = audio = kAbsent;
    } else if (video == kIdle && audio == kIdle && (!first || *first >= to)) {
      video = audio = kJoining;
    }
    line.video += video;
    line.audio += audio;
  }
  return line;
}

char three_in_four(std::string letters) {
  const bool anybody = std::any_of(letters.begin(), letters.end(), [](char c) { return c != kAbsent; });
  letters.erase(std::remove_if(letters.begin(), letters.end(), [](char c) { return rank(c) == 0; }), letters.end());
  if (letters.empty()) return anybody ? kIdle : kAbsent;
  std::sort(letters.begin(), letters.end(), [](char a, char b) { return rank(a) < rank(b); });
  return letters[(letters.size() * 3 + 3) / 4 - 1];
}

double badness(const QualityLine& line) {
  constexpr double kWeight[] = {0, 0, 0.15, 0.5, 0.5, 1};
  double sum = 0, judged_bins = 0;
  for (size_t k = 0; k < line.video.size(); ++k) {
    const int worse = std::max(rank(line.video[k]), rank(line.audio[k]));
    if (worse == 0) continue;
    sum += kWeight[worse];
    ++judged_bins;
  }
  return judged_bins > 0 ? sum / judged_bins : 0;
}

}  // namespace tacoma::analysis
