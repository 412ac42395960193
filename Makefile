# A thin face on CMake, ninja and ctest: the commands that a person types. `make help` lists them.
BUILD ?= build
JOBS ?= $(shell nproc)
CMAKE_FLAGS ?=

.PHONY: help deps build test demo bench bench-join rfc8867 rfc8869 fuzz sanitize clean
help:
	@echo "make demo      build, run scenarios/quickstart.yaml on sockets and in ns-3, write out/quickstart/report.html"
	@echo "make build     install what is missing and build everything into build/"
	@echo "make test      build, then run every test"
	@echo "make bench     build optimised, run the benchmarks, write bench.json"
	@echo "make bench-join  20 joins of a real browser, step by step; fails where the p95 is over 1.5 s"
	@echo "make rfc8867   the cases of RFC 8867, direct and through the bridge, 10 seeds each; out/rfc8867/report.html (ARGS: tools/rfc8867 --help)"
	@echo "make rfc8869   the Wi-Fi cases 3.1 and 3.2 a-c of RFC 8869, in ns-3; out/rfc8869/report.html"
	@echo "make fuzz      20 seconds of libFuzzer for each parser"
	@echo "make sanitize  the tests under ASan and UBSan, the sockets world under TSan"
	@echo "make clean     remove what these made"

deps:
	@tools/deps

build: deps
	@cmake -S . -B $(BUILD) -G Ninja -DTACOMA_TESTS=ON -DTACOMA_BENCH=ON $(CMAKE_FLAGS)
	@ninja -C $(BUILD) -j $(JOBS)

test: build
	@ctest --test-dir $(BUILD) --output-on-failure --no-tests=error -j $(JOBS)

demo:
	@tools/deps demo
	@cmake -S . -B $(BUILD) -G Ninja -DTACOMA_TESTS=OFF -DTACOMA_BENCH=OFF $(CMAKE_FLAGS) >/dev/null
	@ninja -C $(BUILD) -j $(JOBS) tacoma tacoma-sim
	$(BUILD)/tacoma run scenarios/quickstart.yaml --world sockets --out out/quickstart/sockets || test $$? -eq 98
	$(BUILD)/tacoma run scenarios/quickstart.yaml --world ns3 --out out/quickstart/ns3
	$(BUILD)/tacoma compare out/quickstart/sockets out/quickstart/ns3
	$(BUILD)/tacoma report out/quickstart/sockets out/quickstart/ns3 -o out/quickstart/report.html
	@echo
	@echo "The report: out/quickstart/report.html"

bench: build
	@tools/bench $(BUILD)

bench-join: deps
	@cmake -S . -B $(BUILD) -G Ninja $(CMAKE_FLAGS) >/dev/null
	@ninja -C $(BUILD) -j $(JOBS) tacoma tacoma-focus tacoma-bridge tacoma_web
	@tests/e2e/run $(BUILD) join_bench.mjs

rfc8869: deps
	@cmake -S . -B $(BUILD) -G Ninja $(CMAKE_FLAGS) >/dev/null
	@ninja -C $(BUILD) -j $(JOBS) tacoma tacoma-sim
	@tools/rfc8867 --suite rfc8869 --build $(BUILD) $(ARGS)

rfc8867: deps
	@cmake -S . -B $(BUILD) -G Ninja $(CMAKE_FLAGS) >/dev/null
	@ninja -C $(BUILD) -j $(JOBS) tacoma
	@tools/rfc8867 --build $(BUILD) $(ARGS)

fuzz: deps
	@tools/fuzz $(SECONDS)

sanitize: deps
	@tools/sanitize

clean:
	rm -rf build build-* out bench.json
