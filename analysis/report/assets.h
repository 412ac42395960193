// The files of the page that the binary carries.
#pragma once

#include <string_view>

namespace tacoma::analysis {

struct Assets {
  std::string_view echarts, page, style, charts, topology, links, script;
};
Assets assets();

}  // namespace tacoma::analysis
