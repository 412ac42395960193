// A scenario's text as a tree that remembers where each part stands. Bounded: no aliases, limited nesting and number of nodes.
// yaml-cpp stays behind this header.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace tacoma {

/// Where something was written: in the text, or in one of the --set options.
struct YamlPlace {
  int line = 0, column = 0;  // from 1
  int set = -1;              // index of the --set option; -1: in the text
};

struct YamlNode {
  enum class Kind { null, scalar, list, map } kind = Kind::null;
  YamlPlace place;
  std::string scalar;
  // Of a list, `items`; of a map, items[i] belongs to keys[i]. Keys may repeat: the reader refuses that.
  std::vector<YamlNode> items;
  std::vector<std::string> keys;
  std::vector<YamlPlace> key_places;

  const YamlNode* find(std::string_view key) const;
};

struct YamlError {
  YamlPlace place;
  std::string message;
};

Result<YamlNode, YamlError> parse_yaml(std::string_view text);

/// Puts "dotted.path=value" into the tree. List items go by number or by their `name`. What it writes has place.set = index.
Result<void, YamlError> apply_set(YamlNode& root, std::string_view assignment, int index);

}  // namespace tacoma
