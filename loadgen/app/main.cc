#include "loadgen/app/tacoma_main.h"

int main(int argc, char** argv) { return tacoma::tacoma_main(argc, argv, tacoma::own_worlds()); }
