#include "loadgen/app/scenario_files.h"

#include <algorithm>
#include <filesystem>

#include "loadgen/plan/text_values.h"

namespace tacoma {

namespace fs = std::filesystem;

std::string own_folder() {
  std::error_code code;
  const fs::path exe = fs::read_symlink("/proc/self/exe", code);
  return code ? "" : exe.parent_path().string();
}

std::string scenario_folder() {
  const std::string own = own_folder();
  for (const std::string& folder : {std::string("scenarios"), own + "/../share/tacoma/scenarios", own + "/../scenarios"}) {
    std::error_code code;
    if (fs::is_directory(folder, code)) return folder == "scenarios" ? folder : fs::weakly_canonical(folder, code).string();
  }
  return "";
}

std::vector<std::string> scenario_names(const std::string& folder) {
  std::vector<std::string> own, deeper;
  std::error_code code;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, code)) {
    if (entry.path().extension() == ".yaml") own.push_back(entry.path().stem().string());
    if (!entry.is_directory(code)) continue;
    for (const fs::directory_entry& inner : fs::directory_iterator(entry.path(), code))
      if (inner.path().extension() == ".yaml") deeper.push_back(entry.path().filename().string() + "/" + inner.path().stem().string());
  }
  std::sort(own.begin(), own.end());
  std::sort(deeper.begin(), deeper.end());
  own.insert(own.end(), deeper.begin(), deeper.end());
  return own;
}

std::string scenario_file(const std::string& folder, const std::string& name) { return folder + "/" + name + ".yaml"; }

Result<std::string> find_scenario(const std::string& name) {
  std::error_code code;
  if (fs::exists(name, code)) return name;
  const std::string folder = scenario_folder();
  if (folder.empty() || name.empty() || name.front() == '/' || name.front() == '.') return fail(name + ": there is no such file");
  const std::vector<std::string> names = scenario_names(folder);
  if (std::find(names.begin(), names.end(), name) != names.end()) return scenario_file(folder, name);
  return fail(name + ": there is no such file, and no scenario of that name in " + folder + did_you_mean(name, names));
}

}  // namespace tacoma
