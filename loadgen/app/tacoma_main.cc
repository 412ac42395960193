// The commands and their options. Boost.Program_options stays in this file.
#include "loadgen/app/tacoma_main.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iostream>

#include <boost/program_options.hpp>
#include <unistd.h>

#include "analysis/compare/compare.h"
#include "analysis/report/report.h"
#include "core/base/host_links.h"
#include "loadgen/app/build_info.h"
#include "loadgen/app/compare_bounds.h"
#include "loadgen/app/deployment.h"
#include "loadgen/app/run.h"
#include "loadgen/app/scenario_files.h"
#include "loadgen/plan/draw_plan.h"
#include "loadgen/plan/text_values.h"

namespace tacoma {
namespace {

namespace po = boost::program_options;
using Words = std::vector<std::string>;

constexpr int kWrong = 2;  // the scenario or the command
constexpr int kFailed = 1;

int wrong(const std::string& message) {
  std::fprintf(stderr, "tacoma: %s\n", message.c_str());
  return kWrong;
}

struct Invocation {
  int argc;
  char** argv;
  const std::vector<WorldFactory>& worlds;
};

/// One command: what it takes and what it does.
struct Command {
  const char* name;
  const char* usage;     // after "tacoma "
  const char* about;
  const char* examples;
  const char* positional;  // the name of what has no option, or nullptr
  int at_least, at_most;   // how many of those
  void (*options)(po::options_description&);
  int (*act)(const Invocation&, const po::variables_map&);
};

Words positionals(const po::variables_map& options) { return options.count("input") ? options["input"].as<Words>() : Words(); }
Words sets_of(const po::variables_map& options) { return options.count("set") ? options["set"].as<Words>() : Words(); }

Result<Scenario, ScenarioErrors> load(const std::string& name, const Words& sets) {
  const Result<std::string> path = find_scenario(name);
  if (!path) return fail(ScenarioErrors{path.error()});
  return read_scenario_file(*path, sets);
}

int report_errors(const ScenarioErrors& errors) {
  for (const std::string& error : errors) std::fprintf(stderr, "%s\n", error.c_str());
  return kWrong;
}

// --- run ---

void run_options(po::options_description& o) {
  o.add_options()
      ("world", po::value<std::string>()->value_name("WORLD"),
          "sockets (real UDP and TCP, real time), ns3 (ns-3, virtual time) or light (own link model, virtual time)")
      ("seed", po::value<std::string>()->value_name("N"), "in place of the scenario's seed")
      ("out", po::value<std::string>()->value_name("DIR"), "the result folder (default: out/SCENARIO/WORLD)")
      ("set", po::value<Words>()->value_name("KEY=VALUE")->composing(),
          "change a value of the scenario, such as duration=20s or conferences.standup.people.far.count=4; may be repeated")
      ("deployment", po::value<std::string>()->value_name("URL"),
          "the people meet in this room of a running deployment, such as https://meet.example.org/load (world: sockets); see docs/load-testing.md")
      ("confirm-load", po::value<Words>()->value_name("HOST")->composing(),
          "this host, which is not this machine, is yours to load; may be repeated")
      ("realtime", "schedule the run before all other work of this machine, so that little makes it late (world: sockets; needs root or CAP_SYS_NICE)")
      ("pcap", "capture what every host sends into DIR/run.pcap")
      ("quiet", "no progress")
      ("no-report", "leave report.html out");
}

/// `tacoma run --world ns3`: the same command line, carried out by the binary that has ns-3.
int hand_over_to_sim(const Invocation& call) {
  const std::string sim = own_folder() + "/tacoma-sim";
  if (::access(sim.c_str(), X_OK) != 0) {
    std::fprintf(stderr,
        "tacoma: the ns3 world needs %s, which is not there: build with -DTACOMA_NS3=ON (it is a binary of its own because ns-3 is GPL-2.0)\n", sim.c_str());
    return kFailed;
  }
  ::execv(sim.c_str(), call.argv);
  std::fprintf(stderr, "tacoma: %s cannot be started: %s\n", sim.c_str(), std::strerror(errno));
  return kFailed;
}

int act_run(const Invocation& call, const po::variables_map& options) {
  if (!options.count("world")) return wrong("--world is missing; it may be sockets, ns3 or light");
  const std::string world = options["world"].as<std::string>();
  const auto factory = std::find_if(call.worlds.begin(), call.worlds.end(), [&](const WorldFactory& f) { return f.name == world; });
  const Words names = {"sockets", "ns3", "light"};
  if (std::find(names.begin(), names.end(), world) == names.end())
    return wrong("--world: unknown world " + in_quotes(world) + did_you_mean(world, names) + "; it may be sockets, ns3 or light");
  Words sets = sets_of(options);
  if (options.count("deployment")) sets.push_back("deployment.url=" + options["deployment"].as<std::string>());
  Result<Scenario, ScenarioErrors> scenario = load(positionals(options)[0], sets);
  if (!scenario) return report_errors(scenario.error());
  if (options.count("seed")) {
    const Result<uint64_t> seed = parse_whole(options["seed"].as<std::string>());
    if (!seed) return wrong("--seed: " + seed.error());
    scenario->seed = *seed;
  }
  if (scenario->deployment && world != "sockets")
    return wrong("a deployment is met over real networks in real time: use --world sockets in place of " + world);
  if (factory == call.worlds.end()) return hand_over_to_sim(call);
  if (scenario->deployment) {
    const Words confirmed = options.count("confirm-load") ? options["confirm-load"].as<Words>() : Words();
    if (const Result<void> known = look_at_deployment(*scenario->deployment, scenario->ip, confirmed); !known) return wrong(known.error());
  }
  RunRequest request;
  request.scenario = *std::move(scenario);
  request.sets = std::move(sets);
  if (options.count("out")) request.out = options["out"].as<std::string>();
  request.realtime = options.count("realtime") != 0;
  if (request.realtime && factory->is_virtual) return wrong("--realtime is for --world sockets: virtual time is never late");
  request.pcap = options.count("pcap") != 0;
  request.quiet = options.count("quiet") != 0;
  request.report = options.count("no-report") == 0;
  return run(request, *factory);
}

// --- validate ---

void validate_options(po::options_description& o) {
  o.add_options()
      ("set", po::value<Words>()->value_name("KEY=VALUE")->composing(), "change a value first, as in run")
      ("plan", "print the whole plan: every host, link, join, utterance and change");
}

int act_validate(const Invocation&, const po::variables_map& options) {
  int code = 0;
  for (const std::string& name : positionals(options)) {
    const Result<Scenario, ScenarioErrors> scenario = load(name, sets_of(options));
    if (!scenario) {
      code = report_errors(scenario.error());
      continue;
    }
    const Plan plan = draw_plan(*scenario);
    if (options.count("plan")) std::cout << describe(plan);
    else
      std::printf("%s: fine%s: %zu %s in %zu room%s, %zu bridge%s, %s, %zu expectation%s\n", name.c_str(), only_in_ns3(plan.network) ? ", in the ns3 world only" : "", plan.people.size(),
          plan.people.size() == 1 ? "person" : "people", plan.conferences.size(),
                  plan.conferences.size() == 1 ? "" : "s", plan.bridges.size(), plan.bridges.size() == 1 ? "" : "s",
                      to_text(plan.length).c_str(),
                  plan.expectations.size(), plan.expectations.size() == 1 ? "" : "s");
  }
  return code;
}

// --- list ---

void no_options(po::options_description&) {}

int act_list(const Invocation&, const po::variables_map&) {
  const std::string folder = scenario_folder();
  if (folder.empty()) {
    std::fprintf(stderr, "tacoma: there is no folder of scenarios here (./scenarios) nor beside this program\n");
    return kFailed;
  }
  for (const std::string& name : scenario_names(folder)) {
    const Result<Scenario, ScenarioErrors> scenario = read_scenario_file(scenario_file(folder, name));
    if (scenario) std::printf("%-23s %s\n", name.c_str(), scenario->about.c_str());
    else std::printf("%-23s (wrong) %s\n", name.c_str(), scenario.error()[0].c_str());
  }
  return 0;
}

// --- report ---

void report_options(po::options_description& o) {
  o.add_options()("out,o", po::value<std::string>()->value_name("FILE"),
      "the page (default: report.html in DIR; of two runs in the folder around the first)");
}

/// Loads result folders; an empty vector after a complaint.
std::vector<analysis::Run> load_runs(const Words& folders) {
  std::vector<analysis::Run> runs;
  for (const std::string& folder : folders) {
    Result<analysis::Run> run = analysis::load_run(folder);
    if (!run) {
      std::fprintf(stderr, "tacoma: %s\n", run.error().c_str());
      return {};
    }
    runs.push_back(*std::move(run));
  }
  return runs;
}

int act_report(const Invocation&, const po::variables_map& options) {
  const Words folders = positionals(options);
  const std::vector<analysis::Run> runs = load_runs(folders);
  if (runs.empty()) return kFailed;
  namespace fs = std::filesystem;
  const fs::path first = fs::path(folders[0] + "/").lexically_normal().parent_path();
  const std::string file = options.count("out") ? options["out"].as<std::string>() :
      ((folders.size() == 1 ? first : first / "..") / "report.html").lexically_normal().string();
  const Result<void> written = analysis::write_report(runs, file);
  if (!written) {
    std::fprintf(stderr, "tacoma: %s\n", written.error().c_str());
    return kFailed;
  }
  std::printf("report in %s\n", file.c_str());
  return 0;
}

// --- compare ---

void compare_options(po::options_description& o) {
  o.add_options()
      ("all", "all metrics, not only the main ones")
      ("assert", po::value<std::string>()->value_name("BOUNDS"),
          "how far the two may differ, such as throughput=5%,delay.audio.p50=8ms,loss.video.mean=1pt; exit code 99 if one does not hold");
}

int act_compare(const Invocation&, const po::variables_map& options) {
  std::vector<CompareBound> bounds;
  if (options.count("assert")) {
    Result<std::vector<CompareBound>> parsed = parse_bounds(options["assert"].as<std::string>());
    if (!parsed) return wrong("--assert: " + parsed.error());
    bounds = *std::move(parsed);
  }
  const std::vector<analysis::Run> runs = load_runs(positionals(options));
  if (runs.empty()) return kFailed;
  const analysis::Comparison comparison = analysis::compare_runs(runs[0], runs[1]);
  std::cout << analysis::comparison_table(comparison, options.count("all") != 0);
  bool all_hold = true;
  for (const BoundResult& result : check_bounds(bounds, comparison)) {
    std::cout << (result.holds ? "  holds  " : "  FAILS  ") << result.bound.text << ": " << result.difference << "\n";
    all_hold = all_hold && result.holds;
  }
  return all_hold ? 0 : 99;
}

// --- The table ---

constexpr Command kCommands[] = {
    {"run", "run SCENARIO --world sockets|ns3|light [options]", "Runs a scenario and writes its result folder.",
     "  tacoma run quickstart --world light\n"
     "  tacoma run scenarios/bad-wifi.yaml --world sockets --out /tmp/wifi --pcap\n"
     "  tacoma run quickstart --world ns3 --seed 7 --set duration=20s --set conferences.standup.people.far.count=4\n"
     "  tacoma run load --world sockets --deployment https://localhost:8443/load\n",
     "SCENARIO: a file, or a name that `tacoma list` shows", 1, 1, run_options, act_run},
    {"report", "report DIR [DIR] [-o FILE.html]", "Writes the report of one run, or of two side by side.",
     "  tacoma report out/quickstart/light\n  tacoma report out/quickstart/sockets out/quickstart/ns3 -o both.html\n",
         "DIR: a result folder", 1, 2, report_options, act_report},
    {"compare", "compare DIR DIR [options]", "Prints two runs' figures and how they differ.",
     "  tacoma compare out/quickstart/sockets out/quickstart/ns3\n"
     "  tacoma compare old new --assert throughput=5%,delay.audio.p50=8ms,loss.video.mean=1pt\n",
     "DIR: a result folder", 2, 2, compare_options, act_compare},
    {"validate", "validate SCENARIO... [options]", "Checks scenarios and tells every mistake with its place.",
     "  tacoma validate scenarios/*.yaml\n  tacoma validate quickstart --set duration=0s\n  tacoma validate quickstart --plan\n",
     "SCENARIO: a file, or a name that `tacoma list` shows", 1, 1000, validate_options, act_validate},
    {"list", "list", "Lists the scenarios of ./scenarios, or those installed with this program.", "  tacoma list\n", nullptr, 0,
        0, no_options, act_list},
};

void print_help() {
  std::printf("Tacoma %s: a simulator, load tester and reference bridge for Jitsi-style group video.\n\n", build_info().version);
  for (const Command& command : kCommands) std::printf("  tacoma %-50s %s\n", command.usage, command.about);
  std::printf("\n  tacoma COMMAND --help    options and examples\n  tacoma --version\n\n"
              "Exit codes: 0 all expectations hold; 99 an expectation failed; 98 the run could not keep its own schedule; 2 the scenario or the\n"
              "command is wrong; 1 anything else.\n\nStart with:\n  tacoma list\n  tacoma run quickstart --world light\n");
}

int print_command_help(const Command& command, const po::options_description& visible) {
  std::cout << "tacoma " << command.usage << "\n\n" << command.about << "\n";
  if (command.positional) std::cout << command.positional << ".\n";
  std::cout << "\n" << visible << "\nExamples:\n" << command.examples;
  return 0;
}

/// The message of a wrong option, with the nearest right one.
std::string explain(const po::error& error, const po::options_description& visible) {
  const auto* unknown = dynamic_cast<const po::unknown_option*>(&error);
  if (!unknown) return error.what();
  Words names;
  for (const auto& option : visible.options()) names.push_back("--" + option->long_name());
  return "unknown option " + in_quotes(unknown->get_option_name()) + did_you_mean(unknown->get_option_name(), names) +
      "; options are: " + list_of(names);
}

int carry_out(const Command& command, const Invocation& call) {
  po::options_description visible("Options", 120);
  command.options(visible);
  visible.add_options()("help", "this text");
  po::options_description all;
  all.add(visible).add_options()("input", po::value<Words>());
  po::positional_options_description positional;
  positional.add("input", -1);
  po::variables_map options;
  try {
    const int style = po::command_line_style::default_style & ~po::command_line_style::allow_guessing;
    po::store(po::command_line_parser(call.argc - 1, call.argv + 1).options(all).positional(positional).style(style).run(),
        options);
    po::notify(options);
  } catch (const po::error& e) {
    return wrong(std::string(command.name) + ": " + explain(e, visible));
  }
  if (options.count("help")) return print_command_help(command, visible);
  const int given = static_cast<int>(positionals(options).size());
  if (given < command.at_least || given > command.at_most)
    return wrong(std::string(command.name) + ": " + (given < command.at_least ? "something is missing" : "too much is given") +
        "; usage: tacoma " + command.usage);
  return command.act(call, options);
}

}  // namespace

int tacoma_main(int argc, char** argv, const std::vector<WorldFactory>& worlds) {
  const std::string name = argc > 1 ? argv[1] : "";
  if (name == "--version") {
    const BuildInfo& build = build_info();
    std::printf("tacoma %s%s%s%s, %s, %s\n", build.version, build.commit[0] ? " " : "", build.commit, build.dirty ?
        " (changed)" : "", build.compiler, build.build);
    return 0;
  }
  if (name.empty() || name == "--help" || name == "-h" || name == "help") {
    print_help();
    return name.empty() ? kWrong : 0;
  }
  Words names;
  for (const Command& command : kCommands) {
    if (name == command.name) return carry_out(command, {argc, argv, worlds});
    names.emplace_back(command.name);
  }
  names.emplace_back("up");  // main.cc starts it: it is no part of the simulator
  return wrong("unknown command " + in_quotes(name) + did_you_mean(name, names) + "; commands are: " + list_of(names));
}

}  // namespace tacoma
