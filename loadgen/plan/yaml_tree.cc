#include "loadgen/plan/yaml_tree.h"

#include <sstream>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "loadgen/plan/scenario.h"
#include "loadgen/plan/text_values.h"

namespace tacoma {
namespace {

YamlPlace place_of(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1, -1}; }

/// Thrown through yaml-cpp and caught in parse_yaml: its event interface knows no other way to stop.
struct Stop {
  YamlError error;
};

class Builder : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(mark, anchor, YamlNode::Kind::null); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuse_alias(mark); }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, const std::string& value) override {
    if (expects_key()) {
      check(mark, anchor);
      open_.back()->keys.push_back(value);
      open_.back()->key_places.push_back(place_of(mark));
      return;
    }
    add(mark, anchor, YamlNode::Kind::scalar).scalar = value;
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(mark, anchor, YamlNode::Kind::list);
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(mark, anchor, YamlNode::Kind::map);
  }
  void OnMapEnd() override { open_.pop_back(); }

  YamlNode root;

 private:
  [[noreturn]] static void stop(const YAML::Mark& mark, std::string message) { throw Stop{{place_of(mark), std::move(message)}}; }
  [[noreturn]] static void refuse_alias(const YAML::Mark& mark) { stop(mark,
      "anchors and aliases (&, *) are not part of the language"); }
  void check(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0) refuse_alias(mark);
    if (++nodes_ > kMaxScenarioNodes) stop(mark, "more than " + std::to_string(kMaxScenarioNodes) + " values");
  }
  bool expects_key() const {
    return !open_.empty() && open_.back()->kind == YamlNode::Kind::map && open_.back()->keys.size() == open_.back()->items.size();
  }
  YamlNode& add(const YAML::Mark& mark, YAML::anchor_t anchor, YamlNode::Kind kind) {
    check(mark, anchor);
    if (expects_key()) stop(mark, "a key must be a plain word");
    YamlNode node;
    node.kind = kind;
    node.place = place_of(mark);
    if (open_.empty()) {
      root = std::move(node);
      return root;
    }
    open_.back()->items.push_back(std::move(node));
    return open_.back()->items.back();
  }
  void open(const YAML::Mark& mark, YAML::anchor_t anchor, YamlNode::Kind kind) {
    // Only the innermost open node grows, so the pointers to those around it stay true.
    YamlNode& node = add(mark, anchor, kind);
    if (static_cast<int>(open_.size()) >= kMaxScenarioNesting)
      stop(mark, "nested deeper than " + std::to_string(kMaxScenarioNesting) + " levels");
    open_.push_back(&node);
  }

  std::vector<YamlNode*> open_;
  size_t nodes_ = 0;
};

void mark_as_set(YamlNode& node, int index) {
  node.place = {0, 0, index};
  for (YamlPlace& place : node.key_places) place = node.place;
  for (YamlNode& item : node.items) mark_as_set(item, index);
}

/// What a list's items are called: their `name`, or their number.
std::vector<std::string> item_names(const YamlNode& list) {
  std::vector<std::string> names;
  for (size_t i = 0; i < list.items.size(); ++i) {
    const YamlNode* name = list.items[i].find("name");
    names.push_back(name && name->kind == YamlNode::Kind::scalar ? name->scalar : std::to_string(i));
  }
  return names;
}

/// The list item that a part of a path means, or nullptr.
YamlNode* item_of(YamlNode& list, const std::string& part) {
  const std::vector<std::string> names = item_names(list);
  for (size_t i = 0; i < names.size(); ++i)
    if (names[i] == part) return &list.items[i];
  const Result<uint64_t> number = parse_whole(part);
  return number && *number < list.items.size() ? &list.items[*number] : nullptr;
}

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  for (size_t i = 0; i < keys.size() && i < items.size(); ++i)
    if (keys[i] == key) return &items[i];
  return nullptr;
}

Result<YamlNode, YamlError> parse_yaml(std::string_view text) {
  if (text.size() > kMaxScenarioBytes)
    return fail(YamlError{{1, 1, -1}, "longer than " + std::to_string(kMaxScenarioBytes / 1024) + " KiB"});
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    Builder builder;
    if (!parser.HandleNextDocument(builder)) return YamlNode{YamlNode::Kind::null, {1, 1, -1}, {}, {}, {}, {}};
    Builder second;
    if (parser.HandleNextDocument(second))
      return fail(YamlError{second.root.place, "a second document ('---') begins here; one file is one scenario"});
    return std::move(builder.root);
  } catch (const Stop& stop) {
    return fail(stop.error);
  } catch (const YAML::Exception& e) {
    return fail(YamlError{place_of(e.mark), "not YAML: " + e.msg});
  } catch (const std::exception& e) {
    return fail(YamlError{{1, 1, -1}, std::string("not YAML: ") + e.what()});
  }
}

Result<void, YamlError> apply_set(YamlNode& root, std::string_view assignment, int index) {
  const YamlPlace here{0, 0, index};
  const size_t equals = assignment.find('=');
  if (equals == std::string_view::npos || equals == 0) return fail(YamlError{here, "write it as key=value, such as duration=20s"});
  Result<YamlNode, YamlError> value = parse_yaml(assignment.substr(equals + 1));
  if (!value) return fail(YamlError{here, value.error().message});
  mark_as_set(*value, index);

  YamlNode* node = &root;
  std::string_view path = assignment.substr(0, equals);
  std::string walked;
  for (;;) {
    const size_t dot = path.find('.');
    const std::string part(path.substr(0, dot));
    const bool is_last = dot == std::string_view::npos;
    if (part.empty()) return fail(YamlError{here, "the path has an empty part"});
    if (node->kind == YamlNode::Kind::null) { node->kind = YamlNode::Kind::map; node->place = here; }
    YamlNode* next = nullptr;
    if (node->kind == YamlNode::Kind::list) {
      next = item_of(*node, part);
      if (!next)
        return fail(YamlError{here, in_quotes(walked) + " has no item " + in_quotes(part) + " (" +
            (node->items.empty() ? "it is empty" : "its items: " + list_of(item_names(*node))) + ")"});
    } else if (node->kind == YamlNode::Kind::map) {
      next = const_cast<YamlNode*>(node->find(part));
      if (!next) {
        node->keys.push_back(part);
        node->key_places.push_back(here);
        node->items.emplace_back();
        node->items.back().place = here;
        next = &node->items.back();
      }
    } else {
      return fail(YamlError{here, in_quotes(walked) + " is a single value, so it has no " + in_quotes(part)});
    }
    node = next;
    walked += (walked.empty() ? "" : ".") + part;
    if (is_last) break;
    path.remove_prefix(dot + 1);
  }
  *node = std::move(*value);
  return {};
}

}  // namespace tacoma
