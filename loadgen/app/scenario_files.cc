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

std::vector<std::string> scenario_files(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code code;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, code))
    if (entry.path().extension() == ".yaml") files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  return files;
}

Result<std::string> find_scenario(const std::string& name) {
  std::error_code code;
  if (fs::exists(name, code)) return name;
  const std::string folder = scenario_folder();
  if (name.find('/') != std::string::npos || folder.empty()) return fail(name + ": there is no such file");
  std::vector<std::string> names;
  for (const std::string& file : scenario_files(folder)) {
    names.push_back(fs::path(file).stem().string());
    if (names.back() == name) return file;
  }
  return fail(name + ": there is no such file, and no scenario of that name in " + folder + did_you_mean(name, names));
}

}  // namespace tacoma
