// Synthesised speech: enough like a voice that a codec's decisions (voiced or not, pauses, bit rate, DTX) are those of
// a real call.
#pragma once

#include <cstdint>
#include <vector>

namespace tacoma {

/// `seconds` of one voice at 48 kHz mono: phrases of syllables with a falling pitch, fricatives and pauses of 0.25 to
/// 0.8 s over the microphone's own noise. Speech is around -23 dBov. It ends in a pause, so it can be repeated without
/// a click.
std::vector<int16_t> synthesise_speech(uint32_t voice, uint32_t seconds);

/// An open microphone when nobody talks: noise at about -68 dBov.
std::vector<int16_t> synthesise_quiet(uint32_t voice, uint32_t seconds);

/// RFC 6464: the level of the samples in -dBov, 0 (as loud as can be) to 127.
uint8_t audio_level(const int16_t* samples, uint32_t count);

}  // namespace tacoma
