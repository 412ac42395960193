#include "analysis/report/assets.h"

// The assembler copies a file into the object as it is: a megabyte of JavaScript as a C++ string would cost the
// compiler seconds.
#define TACOMA_CARRY(name, file)                                                          \
  __asm__(".section .rodata\n.balign 16\n.global " #name "\n" #name ":\n.incbin \"" file \
          "\"\n.global " #name "_end\n" #name "_end:\n.byte 0\n.previous\n");             \
  extern "C" const char name[];                                                           \
  extern "C" const char name##_end[];

TACOMA_CARRY(tacoma_asset_echarts, TACOMA_ECHARTS)
TACOMA_CARRY(tacoma_asset_page, TACOMA_PAGE "/page.html")
TACOMA_CARRY(tacoma_asset_style, TACOMA_PAGE "/style.css")
TACOMA_CARRY(tacoma_asset_charts, TACOMA_PAGE "/charts.js")
TACOMA_CARRY(tacoma_asset_topology, TACOMA_PAGE "/topology.js")
TACOMA_CARRY(tacoma_asset_links, TACOMA_PAGE "/links.js")
TACOMA_CARRY(tacoma_asset_script, TACOMA_PAGE "/report.js")

namespace tacoma::analysis {

Assets assets() {
  auto view = [](const char* from, const char* to) { return std::string_view(from, static_cast<size_t>(to - from)); };
  return {view(tacoma_asset_echarts, tacoma_asset_echarts_end), view(tacoma_asset_page, tacoma_asset_page_end),
          view(tacoma_asset_style, tacoma_asset_style_end), view(tacoma_asset_charts, tacoma_asset_charts_end),
          view(tacoma_asset_topology, tacoma_asset_topology_end), view(tacoma_asset_links, tacoma_asset_links_end),
          view(tacoma_asset_script, tacoma_asset_script_end)};
}

}  // namespace tacoma::analysis
