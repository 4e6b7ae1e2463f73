// SPDX-License-Identifier: Apache-2.0
#include "open_requests.hpp"

#include <algorithm>
#include <charconv>

namespace beckon {

OpenRequests::Number OpenRequests::add(OpenRequest request) {
    const Number number = next_number_++;
    deadlines_.emplace(request.deadline, number);
    waiting_.push_back(number);
    requests_.emplace(number, std::move(request));
    return number;
}

OpenRequest OpenRequests::take(Number number) {
    auto node = requests_.extract(number);
    OpenRequest& request = node.mapped();
    deadlines_.erase({request.deadline, number});
    if (request.in_flight) {
        --in_flight_;
    } else {
        waiting_.erase(std::find(waiting_.begin(), waiting_.end(), number));
    }
    return std::move(request);
}

const OpenRequest& OpenRequests::begin(Number number) {
    waiting_.erase(std::find(waiting_.begin(), waiting_.end(), number));
    OpenRequest& request = requests_.at(number);
    request.in_flight = true;
    ++in_flight_;
    ++request.sent;
    return request;
}

void OpenRequests::wait_again() {
    std::vector<Number> again;
    for (auto& [number, request] : requests_) {
        if (std::exchange(request.in_flight, false)) {
            again.push_back(number);
        }
    }
    waiting_.insert(waiting_.begin(), again.begin(), again.end());
    in_flight_ = 0;
}

std::vector<OpenRequests::Number> OpenRequests::all() const {
    std::vector<Number> numbers;
    for (const auto& [number, request] : requests_) {
        numbers.push_back(number);
    }
    return numbers;
}

std::optional<OpenRequests::Number> OpenRequests::due(Instant now) const {
    if (deadlines_.empty() || deadlines_.begin()->first > now) {
        return std::nullopt;
    }
    return deadlines_.begin()->second;
}

std::optional<Instant> OpenRequests::next_deadline() const {
    return deadlines_.empty() ? std::nullopt : std::optional(deadlines_.begin()->first);
}

std::string OpenRequests::req_of(Number number) const {
    return req_prefix_ + ":" + std::to_string(number);
}

std::optional<OpenRequests::Number> OpenRequests::asked_by(const Reply& reply,
                                                           std::string_view correlation) const {
    const auto* text = reply.req ? std::get_if<std::string>(&*reply.req) : nullptr;
    const std::string_view req = text != nullptr ? std::string_view(*text) : correlation;
    const auto prefix = req_prefix_ + ":";
    if (!req.starts_with(prefix)) {
        return std::nullopt;
    }
    Number number = 0;
    const char* end = req.data() + req.size();
    const auto read = std::from_chars(req.data() + prefix.size(), end, number);
    const auto found = requests_.find(number);
    if (read.ec != std::errc{} || read.ptr != end || found == requests_.end() ||
        reply.re != verb_of({.body = found->second.body})) {
        return std::nullopt;
    }
    return number;
}

}  // namespace beckon
