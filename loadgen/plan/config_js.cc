#include "loadgen/plan/config_js.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace tacoma {

namespace {

struct Token {
  enum class Kind : uint8_t { end, word, text, sign } kind = Kind::end;
  std::string value;        // of a sign one character; a word may hold dots: "config.hosts.domain"
  bool newline_before = false;
  bool is(char sign) const { return kind == Kind::sign && value[0] == sign; }
};

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$'; }

class Tokens {
 public:
  explicit Tokens(std::string_view text) : text_(text) {}

  Token next() {
    Token token;
    token.newline_before = skip_blank();
    if (at_ >= text_.size()) return token;
    const char c = text_[at_];
    if (is_word(c)) {
      token.kind = Token::Kind::word;
      while (at_ < text_.size() && (is_word(text_[at_]) || (text_[at_] == '.' && at_ + 1 < text_.size() && is_word(text_[at_ + 1]))))
        token.value += text_[at_++];
    } else if (c == '\'' || c == '"' || c == '`') {
      token.kind = Token::Kind::text;
      token.value = string(c);
    } else {
      token.kind = Token::Kind::sign;
      token.value = c;
      ++at_;
    }
    return token;
  }

 private:
  /// Blanks and comments; true if a line ended within.
  bool skip_blank() {
    bool newline = false;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        newline = newline || c == '\n';
        ++at_;
      } else if (text_.substr(at_, 2) == "//") {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (text_.substr(at_, 2) == "/*") {
        const size_t end = text_.find("*/", at_ + 2);
        at_ = end == std::string_view::npos ? text_.size() : end + 2;
      } else {
        break;
      }
    }
    return newline;
  }
  std::string string(char quote) {
    std::string out;
    for (++at_; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == quote) {
        ++at_;
        break;
      }
      if (c == '\n' && quote != '`') break;  // not closed: the line ends it
      if (c != '\\') out += c;
      else if (++at_ < text_.size()) out += text_[at_];
    }
    return out;
  }
  std::string_view text_;
  size_t at_ = 0;
};

class Reader {
 public:
  Reader(std::string_view text, std::string_view host, std::string_view hostname) : tokens_(text), host_(host), hostname_(hostname) { step(); }

  std::map<std::string, std::string> read() {
    while (token_.kind != Token::Kind::end) {
      const Token name = token_;
      step();
      if (name.is('{')) open({});
      else if (name.is('}')) close();
      else if ((name.kind == Token::Kind::word || name.kind == Token::Kind::text) && (token_.is(':') || token_.is('=')))
        assign(name);
    }
    return std::move(values_);
  }

 private:
  void step() { token_ = tokens_.next(); }

  void open(std::string path) {
    if (nested_.size() < kMaxConfigNesting) nested_.push_back(std::move(path));
    else ++too_deep_;
  }
  void close() {
    if (too_deep_ > 0) --too_deep_;
    else if (!nested_.empty()) nested_.pop_back();
  }

  /// `name: value` of the object that is open, or `name = value`.
  void assign(const Token& name) {
    const bool is_member = token_.is(':');
    step();
    if (token_.is('=')) return;  // a comparison
    std::string path = name.value;
    if (is_member) {
      if (nested_.empty() || too_deep_ > 0) return;
      if (!nested_.back().empty()) path = nested_.back() + "." + path;
    }
    if (path.size() > 256) path.clear();
    if (token_.is('{')) {
      step();
      return open(std::move(path));
    }
    if (const auto value = expression(); value && values_.size() < kMaxConfigValues) {
      constexpr std::string_view kRoot = "config.";
      if (path.compare(0, kRoot.size(), kRoot) == 0) path.erase(0, kRoot.size());
      values_[path] = *value;
    }
  }

  /// Text, or texts joined by '+'. nullopt, with the rest left to the reader, when it is anything else.
  std::optional<std::string> expression() {
    std::string all;
    for (;;) {
      const auto term = this->term();
      if (!term || all.size() + term->size() > 4096) return std::nullopt;
      all += *term;
      if (!token_.is('+')) break;
      step();
    }
    const bool is_over = token_.kind == Token::Kind::end || token_.is(',') || token_.is(';') || token_.is('}') || token_.newline_before;
    return is_over ? std::optional(all) : std::nullopt;
  }
  std::optional<std::string> term() {
    std::string value = token_.value;
    if (token_.kind == Token::Kind::text) {
      step();
      // What a server should have put in and did not is empty, as in the files that distributions ship.
      return value.compare(0, 5, "<!--#") == 0 ? std::string() : value;
    }
    if (token_.kind != Token::Kind::word) return std::nullopt;
    for (const std::string_view root : {"window.", "document."})
      if (value.compare(0, root.size(), root) == 0) value.erase(0, root.size());
    if (value == "location.host" || value == "location.hostname") {
      step();
      return std::string(value == "location.host" ? host_ : hostname_);
    }
    const auto known = values_.find(value);
    if (known == values_.end()) return std::nullopt;
    step();
    return known->second;
  }

  Tokens tokens_;
  Token token_;
  const std::string_view host_, hostname_;
  std::vector<std::string> nested_;  // path of each open object; empty: of no name
  size_t too_deep_ = 0;
  std::map<std::string, std::string> values_;
};

}  // namespace

std::map<std::string, std::string> read_config_js(std::string_view text, std::string_view host, std::string_view hostname) {
  return Reader(text.substr(0, kMaxConfigJs), host, hostname).read();
}

}  // namespace tacoma
