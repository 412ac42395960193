#include <cstdio>
#include <string_view>

#include "loadgen/app/tacoma_main.h"
#ifdef TACOMA_HAS_UP
#include "up/up.h"
#endif

int main(int argc, char** argv) {
  const std::string_view command = argc > 1 ? argv[1] : "";
#ifdef TACOMA_HAS_UP
  if (command == "up") return tacoma::up::up_main(argc - 1, argv + 1);
#endif
  const int exit_code = tacoma::tacoma_main(argc, argv, tacoma::own_worlds());
#ifdef TACOMA_HAS_UP
  if (command == "--help" || command == "-h" || command == "help")
    std::printf("\nA deployment for people with browsers, on this machine:\n  tacoma up [options]      see tacoma up --help\n");
#endif
  return exit_code;
}
