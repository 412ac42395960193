// The binary as a person meets it: what it prints and its exit codes.
#include <catch2/catch.hpp>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include "tests/support/files.h"

namespace fs = std::filesystem;

namespace {

struct Outcome {
  int code = -1;
  std::string out, err;
};

using tacoma::test::TempFolder;
using tacoma::test::text_of;

/// Starts the binary with its output in files of `folder`; the clip cache is shared by all tests of one machine user, unless a
/// test wants its own.
pid_t start(const TempFolder& folder, const std::vector<std::string>& arguments, const std::string& cache = "") {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child != 0) return child;
  if (!std::freopen((folder.path + "/out").c_str(), "w", stdout) || !std::freopen((folder.path + "/err").c_str(), "w", stderr))
    ::_exit(120);
  if (!cache.empty()) ::setenv("XDG_CACHE_HOME", cache.c_str(), 1);
  std::vector<char*> argv;
  std::string binary = TACOMA_BINARY;
  argv.push_back(binary.data());
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  ::execv(binary.c_str(), argv.data());
  ::_exit(121);
}

Outcome finish(const TempFolder& folder, pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status), text_of(folder.path + "/out"),
      text_of(folder.path + "/err")};
}

Outcome run_tacoma(const std::vector<std::string>& arguments) {
  const TempFolder folder;
  return finish(folder, start(folder, arguments));
}

nlohmann::json json_of(const std::string& folder) { return nlohmann::json::parse(text_of(folder + "/run.json")); }

/// Small enough for a test: three people, four seconds.
const std::vector<std::string> kSmall = {"--set", "duration=4s", "--set", "events=[]", "--set", "expect=[]", "--quiet"};

std::vector<std::string> small_run(const std::string& world, const std::string& out, const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {"run", "one-on-one", "--world", world, "--out", out};
  arguments.insert(arguments.end(), kSmall.begin(), kSmall.end());
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

}  // namespace

TEST_CASE("a wrong command ends with 2 and says what is right") {
  const auto wrong = [](const std::vector<std::string>& arguments) {
    const Outcome o = run_tacoma(arguments);
    CHECK(o.code == 2);
    CHECK(o.out.empty());
    return o.err;
  };
  CHECK(wrong({"rum"}).find("tacoma: unknown command 'rum' (did you mean 'run'?); commands are: run, report, compare, validate, list, up\n") == 0);
  CHECK(wrong({"run"}) == "tacoma: run: something is missing; usage: tacoma run SCENARIO --world sockets|ns3|light [options]\n");
  CHECK(wrong({"run", "quickstart"}) == "tacoma: --world is missing; it may be sockets, ns3 or light\n");
  CHECK(wrong({"run", "quickstart", "--world", "lihgt"}) ==
        "tacoma: --world: unknown world 'lihgt' (did you mean 'light'?); it may be sockets, ns3 or light\n");
  CHECK(wrong({"run", "quickstart", "--world", "light", "--sed", "3"}) ==
        "tacoma: run: unknown option '--sed' (did you mean '--seed'?); options are: --world, --seed, --out, --set, --deployment, --confirm-load, --realtime, --pcap, --quiet, --no-report, --help\n");
  CHECK(wrong({"run", "quickstart", "--world", "light", "--seed", "x"}) == "tacoma: --seed: 'x' is not a whole number\n");
  CHECK(wrong({"run", "quickstart", "--world", "light", "--realtime"}) == "tacoma: --realtime is for --world sockets: virtual time is never late\n");
  CHECK(wrong({"run", "nosuch.yaml", "--world",
      "light"}) == "nosuch.yaml: there is no such file, and no scenario of that name in scenarios\n");
  CHECK(wrong({"run", "quikstart", "--world", "light"}) ==
        "quikstart: there is no such file, and no scenario of that name in scenarios (did you mean 'quickstart'?)\n");
  CHECK(wrong({"run", "meetings/tne", "--world", "light"}) ==
        "meetings/tne: there is no such file, and no scenario of that name in scenarios (did you mean 'meetings/ten'?)\n");
  CHECK(wrong({"run", "/nonexistent/x.yaml", "--world", "light"}) == "/nonexistent/x.yaml: there is no such file\n");
  CHECK(wrong({"run", "quickstart", "--world", "light", "--set", "duration=0s"}) ==
        "--set 'duration=0s': duration: a run of no length measures nothing\n");
  CHECK(wrong({"validate", "quickstart", "--set",
      "durations=3s"}) == "--set 'durations=3s': unknown key 'durations' (did you mean 'duration'?)\n");
}

TEST_CASE("a wrong scenario ends with 2 and tells all mistakes") {
  const TempFolder folder;
  const std::string file = folder.path + "/wrong.yaml";
  std::ofstream(file) << "scenario: wrong\nduration: 10\nconferences:\n  - people:\n      - { acces: dsl, region: mars }\n";
  const Outcome o = run_tacoma({"run", file, "--world", "light", "--out", folder.path + "/run"});
  CHECK(o.code == 2);
  CHECK(o.err == file + ":2:11: duration: '10' has no unit (write '10ms', '10s', '10min')\n" + file +
      ":5:11: unknown key 'acces' (did you mean 'access'?)\n" +
                     file + ":5:31: room.people[0].region: no region is called 'mars'; regions are: here\n");
  CHECK_FALSE(fs::exists(folder.path + "/run"));
}

TEST_CASE("help, version, list and validate end with 0") {
  for (const char* help : {"--help", "help"}) {
    const Outcome o = run_tacoma({help});
    CHECK(o.code == 0);
    CHECK(o.out.find("tacoma run quickstart") != std::string::npos);
  }
  for (const std::string command : {"run", "report", "compare", "validate", "list"}) {
    const Outcome o = run_tacoma({command, "--help"});
    CHECK(o.code == 0);
    CHECK(o.out.find("\nExamples:\n  tacoma " + command) != std::string::npos);
  }
  CHECK(run_tacoma({}).code == 2);
  CHECK(run_tacoma({"--version"}).out.rfind("tacoma 0.", 0) == 0);
  const Outcome list = run_tacoma({"list"});
  CHECK(list.code == 0);
  for (const char* name : {"quickstart ", "one-on-one ", "all-hands-30 ", "bad-wifi ",
      "flash-join ", "meetings/ten ", "rfc8867/5-1 ", "studies/drop-uplink "}) CHECK(list.out.find(name) != std::string::npos);
  const Outcome valid = run_tacoma({"validate", "quickstart", "one-on-one", "meetings/ten"});
  CHECK(valid.code == 0);
  CHECK(valid.out.find("quickstart: fine: 8 people in 1 room, 1 bridge, ") == 0);
  CHECK(run_tacoma({"validate", "one-on-one", "--set", "conferences=[{people: [{count: 1}]}]", "--set", "events=[]", "--set",
      "expect=[]"}).out.find("one-on-one: fine: 1 person in 1 room, ") == 0);
  CHECK(run_tacoma({"validate", "one-on-one", "--plan"}).out.find("\nperson call/ana group call/ana ") != std::string::npos);
}

TEST_CASE("a run writes its folder; the same seed gives the same digest, another seed another") {
  const TempFolder folder;
  for (const char* name : {"a", "b", "c"}) {
    const Outcome o = run_tacoma(small_run("light", folder.path + "/" + name, name[0] == 'c' ?
        std::vector<std::string>{"--seed", "2"} : std::vector<std::string>{}));
    CAPTURE(o.err, o.out);
    REQUIRE(o.code == 0);
    CHECK(o.out.find("result in " + folder.path + "/" + name) != std::string::npos);
    CHECK(o.err.empty());
  }
  const auto a = json_of(folder.path + "/a"), b = json_of(folder.path + "/b"), c = json_of(folder.path + "/c");
  CHECK(a["state"] == "complete");
  CHECK(a["verdict"] == "none");
  CHECK(a["conservation"]["holds"] == true);
  CHECK(a["digest"].get<std::string>().size() == 32);
  CHECK(a["digest"] == b["digest"]);
  CHECK(a["digest"] != c["digest"]);
  CHECK(c["seed"] == 2);
}

TEST_CASE("an expectation that fails ends with 99, one that holds with 0") {
  const TempFolder folder;
  CHECK(run_tacoma(small_run("light", folder.path + "/run", {"--set", "expect=[ join_time.max < 1ms ]"})).code == 99);
  CHECK(json_of(folder.path + "/run")["verdict"] == "fail");
  CHECK(run_tacoma(small_run("light", folder.path + "/run", {"--set", "expect=[ joined >= 100% ]"})).code == 0);
  CHECK(json_of(folder.path + "/run")["verdict"] == "pass");
}

TEST_CASE("an output folder that cannot be used ends with 1 and a sentence") {
  const Outcome o = run_tacoma(small_run("light", "/dev/null/x"));
  CHECK(o.code == 1);
  CHECK(o.err == "tacoma: /dev/null/x: cannot be made: Not a directory\n");
}

TEST_CASE("Ctrl-C ends a run cleanly, keeps the partial result and says so") {
  const TempFolder folder;
  const std::string run = folder.path + "/run";
  const pid_t child = start(folder, {"run", "one-on-one", "--world", "sockets", "--out", run, "--quiet"});
  // Until rows are there, which is after clips are made and the first second is over.
  for (int i = 0; i < 1200 && !(fs::exists(run + "/run.sqlite-wal") &&
      fs::file_size(run + "/run.sqlite-wal") > 150'000); ++i) ::usleep(50'000);
  ::kill(child, SIGINT);
  const Outcome o = finish(folder, child);
  CAPTURE(o.err, o.out);
  CHECK(o.code == 1);
  CHECK(o.out.find("interrupted after ") != std::string::npos);
  const auto json = json_of(run);
  CHECK(json["state"] == "interrupted");
  CHECK(json["verdict"] == "no-verdict");
  CHECK(json["reached_s"] > 0.4);
}

TEST_CASE("Ctrl-C ends a run in virtual time cleanly, too") {
  const TempFolder folder;
  const std::string run = folder.path + "/run";
  const pid_t child = start(folder, {"run", "one-on-one", "--world", "light", "--out", run, "--quiet", "--set", "duration=20h", "--set",
      "expect=[]", "--set", "conferences.call.talk={model: everyone}"});
  // Until more rows are there than the plan's own.
  for (int i = 0; i < 1200 && !(fs::exists(run + "/run.sqlite-wal") &&
      fs::file_size(run + "/run.sqlite-wal") > 150'000); ++i) ::usleep(50'000);
  ::kill(child, SIGINT);
  const Outcome o = finish(folder, child);
  CAPTURE(o.err, o.out);
  CHECK(o.code == 1);
  CHECK(o.out.find("interrupted after ") != std::string::npos);
  CHECK(json_of(run)["state"] == "interrupted");
  CHECK(json_of(run)["exit_code"] == 1);
  CHECK(json_of(run)["reached_s"] > 0.4);
}

TEST_CASE("Ctrl-C while clips are encoded ends the run cleanly before it began") {
  const TempFolder folder;
  const std::string run = folder.path + "/run";
  // An empty cache, so that there is something to encode.
  const pid_t child = start(folder, {"run", "one-on-one", "--world", "light", "--out", run, "--quiet"}, folder.path + "/cache");
  // The first clips are there, and others are not yet.
  for (int i = 0; i < 3000 && !fs::exists(folder.path + "/cache/tacoma"); ++i) ::usleep(10'000);
  ::kill(child, SIGINT);
  const Outcome o = finish(folder, child);
  CAPTURE(o.err, o.out);
  CHECK(o.code == 1);
  CHECK(o.out.find("interrupted after 0s") != std::string::npos);
  const auto json = json_of(run);
  CHECK(json["state"] == "interrupted");
  CHECK(json["verdict"] == "no-verdict");
  CHECK(json["exit_code"] == 1);
  CHECK(json["reached_s"] == 0);
}

TEST_CASE("a report that cannot be written ends with 1, and run.json says the same") {
  const TempFolder folder;
  const std::string run = folder.path + "/run";
  const pid_t child = start(folder, small_run("light", run));
  for (int i = 0; i < 3000 && !fs::exists(run + "/run.json"); ++i) ::usleep(10'000);
  fs::create_directories(run + "/report.html/in-the-way");
  const Outcome o = finish(folder, child);
  CAPTURE(o.err, o.out);
  CHECK(o.code == 1);
  CHECK(o.err.find("report.html") != std::string::npos);
  CHECK(json_of(run)["state"] == "complete");
  CHECK(json_of(run)["exit_code"] == 1);
}

TEST_CASE("a run that could not keep its own schedule ends with 98 and no verdict") {
  const TempFolder folder;
  const std::string run = folder.path + "/run";
  const pid_t child = start(folder, small_run("sockets", run, {"--set", "duration=10s"}));  // long enough to be stopped in its middle
  for (int i = 0; i < 1200 && !(fs::exists(run + "/run.sqlite-wal") &&
      fs::file_size(run + "/run.sqlite-wal") > 150'000); ++i) ::usleep(50'000);
  ::kill(child, SIGSTOP);  // the machine is busy elsewhere for a second
  ::usleep(1'000'000);
  ::kill(child, SIGCONT);
  const Outcome o = finish(folder, child);
  CAPTURE(o.err, o.out);
  CHECK(o.code == 98);
  CHECK(o.out.find("this machine did not keep the schedule: ") != std::string::npos);
  CHECK(json_of(run)["verdict"] == "no-verdict");
  CHECK(json_of(run)["schedule"]["late"] > 0);
}

TEST_CASE("a run leaves a report; report and compare read result folders") {
  const TempFolder folder;
  const std::string a = folder.path + "/a", b = folder.path + "/b";
  REQUIRE(run_tacoma(small_run("light", a)).code == 0);
  REQUIRE(run_tacoma(small_run("light", b, {"--seed", "2"})).code == 0);
  CHECK(text_of(a + "/report.html").find("</html>") != std::string::npos);
  const Outcome both = run_tacoma({"report", a, b});
  CHECK(both.code == 0);
  CHECK(both.out == "report in " + folder.path + "/report.html\n");
  CHECK(fs::file_size(folder.path + "/report.html") > 100'000);
  CHECK(run_tacoma({"report", a, "-o", folder.path + "/one.html"}).code == 0);
  CHECK(fs::exists(folder.path + "/one.html"));

  const Outcome same = run_tacoma({"compare", a, a, "--assert", "throughput=0%,delay.audio.p50=0ms,loss.video.mean=0pt"});
  CHECK(same.code == 0);
  CHECK(same.out.find("throughput") != std::string::npos);
  const Outcome differs = run_tacoma({"compare", a, b, "--assert", "throughput=0%"});
  CHECK(differs.code == 99);
  CHECK(differs.out.find("  FAILS  throughput=0%: ") != std::string::npos);
  CHECK(run_tacoma({"compare", a, b, "--assert",
      "trougput=5%"}).err == "tacoma: --assert: unknown metric 'trougput' (did you mean 'throughput'?)\n");
  CHECK(run_tacoma({"compare", a, b, "--assert", "trougput=5%"}).code == 2);
  CHECK(run_tacoma({"compare", a, folder.path}).code == 1);
  CHECK(run_tacoma({"report", "/nonexistent"}).code == 1);
  CHECK(run_tacoma({"report", a, a, a}).code == 2);
}

TEST_CASE("a capture of a run is there when it was asked for") {
  const TempFolder folder;
  REQUIRE(run_tacoma(small_run("light", folder.path + "/run", {"--pcap"})).code == 0);
  CHECK(fs::file_size(folder.path + "/run/run.pcap") > 100'000);
}
