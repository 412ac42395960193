# A thin face on CMake: the commands that a person types.
BUILD ?= build
.PHONY: build deps clean
build:
	cmake -S . -B $(BUILD) -G Ninja
	ninja -C $(BUILD)
clean:
	rm -rf $(BUILD) build-* out
