// `tacoma up`: a whole deployment on one machine with one command.
#pragma once

namespace tacoma::up {

/// The command with its own arguments (argv[0] is "up"). Returns the exit code: 0 stopped by its user; 2 a wrong command; 1 anything else.
int up_main(int argc, char** argv);

}  // namespace tacoma::up
