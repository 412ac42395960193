#include <catch2/catch.hpp>

#include "core/secure/dcep.h"

using namespace tacoma;

TEST_CASE("a DCEP OPEN is written and read as RFC 8832 draws it") {
  const std::vector<uint8_t> wire = {3, 0, 1, 0, 0, 0, 0, 0, 0, 3, 0, 2, 'J', 'V', 'B', 'p', 'q'};
  const dcep::Open open{0, 256, 0, "JVB", "pq"};
  CHECK(dcep::write(open) == wire);
  CHECK(dcep::parse_open(wire) == open);
  dcep::Open unordered = open;
  unordered.channel_type = 0x82;  // timed, unordered
  unordered.reliability = 500;
  CHECK(dcep::parse_open(dcep::write(unordered)) == unordered);
}

TEST_CASE("a DCEP OPEN that is cut, too long or of no known kind is refused") {
  const std::vector<uint8_t> wire = dcep::write({0, 256, 0, "label", "protocol"});
  for (size_t size = 0; size < wire.size(); ++size) CHECK_FALSE(dcep::parse_open(BytesView(wire.data(), size)));
  auto longer = wire;
  longer.push_back(0);
  CHECK_FALSE(dcep::parse_open(longer));
  auto kind = wire;
  kind[1] = 3;
  CHECK_FALSE(dcep::parse_open(kind));
  auto ack = wire;
  ack[0] = 2;
  CHECK_FALSE(dcep::parse_open(ack));
  CHECK(dcep::parse_open(dcep::write({0, 256, 0, std::string(dcep::kMaxName, 'x'), ""})));
  std::vector<uint8_t> too_long = dcep::write({0, 256, 0, std::string(dcep::kMaxName, 'x'), ""});
  too_long[9] = 1;  // 257
  too_long.push_back('x');
  CHECK_FALSE(dcep::parse_open(too_long));
}

TEST_CASE("a DCEP ACK is one byte") {
  CHECK(dcep::is_ack(dcep::write_ack()));
  CHECK_FALSE(dcep::is_ack(BytesView()));
  const std::vector<uint8_t> two = {2, 0};
  CHECK_FALSE(dcep::is_ack(two));
}
