// How good the call was for somebody at a time, in one letter. The page explains the same bounds to its reader.
#pragma once

#include <string>

#include "analysis/read/run.h"

namespace tacoma::analysis {

/// One letter a bin: what a heat map shows.
constexpr char kAbsent = '.';   // not in the room
constexpr char kJoining = 'j';  // should be in the room, but nothing has arrived yet
constexpr char kIdle = '-';     // in the room, nothing to judge: nobody sent
constexpr char kGood = 'g', kFair = 'f', kPoor = 'p', kBad = 'b';

/// What must hold to be good, fair or poor; what is worse is bad. MOS bounds are the user-satisfaction limits of ITU-T
/// G.109 (R of 80, 70 and 60) in MOS by ITU-T G.107 annex B.
struct QualityBounds { double frozen, loss, mos; };
constexpr QualityBounds kGoodBounds{0.01, 0.01, 4.03}, kFairBounds{0.05, 0.03, 3.60}, kPoorBounds{0.20, 0.10, 3.10};

char video_quality(const PersonBin& bin, Duration sample_every);
char audio_quality(const PersonBin& bin);

/// The letters of one person over time.
struct QualityLine {
  std::string video, audio;
};
QualityLine quality_of(const Run& run, size_t person);

/// The letter that three in four reach: the quality of a group in a bin.
char three_in_four(std::string letters);

/// 0 (all good) to 1 (all bad) over the time in the room; the worse of video and audio counts.
double badness(const QualityLine& line);

}  // namespace tacoma::analysis
