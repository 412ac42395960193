#include "bench/stage.h"

#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <new>

#include "loadgen/media/file_clip_store.h"
#include "loadgen/plan/draw_plan.h"
#include "loadgen/plan/scenario.h"

namespace {
uint64_t g_allocations = 0;
}

void* operator new(size_t size) {
  ++g_allocations;
  if (void* p = std::malloc(size ? size : 1)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }

namespace tacoma::bench {

Plan plan_of(const std::string& scenario_text) {
  auto scenario = read_scenario(scenario_text, "benchmark");
  if (!scenario) {
    for (const std::string& error : scenario.error()) std::fprintf(stderr, "%s\n", error.c_str());
    std::exit(2);
  }
  return draw_plan(*scenario);
}

Clips clips_of(const Plan& plan) {
  const char* home = std::getenv("HOME");
  FileClipStore store(std::string(home ? home : "/tmp") + "/.cache/tacoma");
  ClipLibraryOptions options;
  options.store = &store;
  ClipLibrary library(std::move(options));
  auto clips = load_clips(plan, library);
  if (!clips) {
    std::fprintf(stderr, "%s\n", clips.error().c_str());
    std::exit(1);
  }
  return *std::move(clips);
}

double cpu_seconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

size_t resident_bytes() {
  size_t total = 0, resident = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%zu %zu", &total, &resident) != 2) resident = 0;
    std::fclose(file);
  }
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

uint64_t allocations() { return g_allocations; }

}  // namespace tacoma::bench
