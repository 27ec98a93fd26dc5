// Reads the goldens. Throws std::runtime_error on anything that is no JSON.
#pragma once

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace json {

struct Value {
  enum class Kind { null, boolean, number, string, array, object } kind = Kind::null;
  double number = 0;  // 0 and 1 for booleans
  std::string string;
  std::vector<Value> array;
  std::map<std::string, Value> object;

  bool has(const std::string& key) const { return object.count(key) > 0; }
  const Value& operator[](const std::string& key) const {
    const auto found = object.find(key);
    if (found == object.end()) throw std::runtime_error("no key " + key);
    return found->second;
  }
};

class Parser {
 public:
  explicit Parser(std::string text) : text_(std::move(text)) {}
  Value parse() {
    Value value = parse_value();
    skip_space();
    if (at_ != text_.size()) fail("the end");
    return value;
  }

 private:
  [[noreturn]] void fail(const std::string& wanted) {
    throw std::runtime_error("JSON: no " + wanted + " at " + std::to_string(at_));
  }
  void skip_space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  }
  char peek() {
    skip_space();
    if (at_ >= text_.size()) fail("value");
    return text_[at_];
  }
  bool take(char wanted) {
    if (peek() != wanted) return false;
    ++at_;
    return true;
  }
  void demand(char wanted) {
    if (!take(wanted)) fail(std::string(1, wanted));
  }
  void demand_word(const char* word) {
    for (; *word != '\0'; ++word, ++at_) {
      if (at_ >= text_.size() || text_[at_] != *word) fail("word");
    }
  }
  std::string parse_string() {
    demand('"');
    std::string result;
    for (; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\') ++at_;
      if (at_ < text_.size()) result += text_[at_];
    }
    ++at_;
    return result;
  }
  Value parse_value() {
    Value value;
    switch (peek()) {
      case '{':
        value.kind = Value::Kind::object;
        ++at_;
        while (!take('}')) {
          std::string key = parse_string();
          demand(':');
          value.object[std::move(key)] = parse_value();
          if (!take(',') && peek() != '}') fail("comma");
        }
        return value;
      case '[':
        value.kind = Value::Kind::array;
        ++at_;
        while (!take(']')) {
          value.array.push_back(parse_value());
          if (!take(',') && peek() != ']') fail("comma");
        }
        return value;
      case '"':
        value.kind = Value::Kind::string;
        value.string = parse_string();
        return value;
      case 't':
        return word("true", Value::Kind::boolean, 1);
      case 'f':
        return word("false", Value::Kind::boolean, 0);
      case 'n':
        return word("null", Value::Kind::null, 0);
      default:
        break;
    }
    char* end = nullptr;
    value.kind = Value::Kind::number;
    value.number = std::strtod(text_.c_str() + at_, &end);
    if (end == text_.c_str() + at_) fail("number");
    at_ = static_cast<std::size_t>(end - text_.c_str());
    return value;
  }
  Value word(const char* text, Value::Kind kind, double number) {
    demand_word(text);
    Value value;
    value.kind = kind;
    value.number = number;
    return value;
  }

  std::string text_;
  std::size_t at_ = 0;
};

inline Value read(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::stringstream text;
  text << file.rdbuf();
  return Parser(text.str()).parse();
}

}  // namespace json
