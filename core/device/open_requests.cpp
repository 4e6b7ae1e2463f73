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
        if (request.again_at) {
            repeats_.erase({*request.again_at, number});
        }
    } else {
        waiting_.erase(std::find(waiting_.begin(), waiting_.end(), number));
    }
    return std::move(request);
}

void OpenRequests::begin(Number number, std::size_t size, std::optional<Instant> again_at) {
    OpenRequest& request = requests_.at(number);
    if (!request.in_flight) {
        waiting_.erase(std::find(waiting_.begin(), waiting_.end(), number));
        request.in_flight = true;
        ++in_flight_;
    } else if (request.again_at) {
        repeats_.erase({*request.again_at, number});
    }
    request.again_at = again_at;
    if (again_at) {
        repeats_.emplace(*again_at, number);
    }
    request.size = size;
    ++request.sent;
    ++request.tries;
}

void OpenRequests::put_off(Number number, std::optional<Instant> until) {
    OpenRequest& request = requests_.at(number);
    if (request.again_at) {
        repeats_.erase({*request.again_at, number});
    }
    request.in_flight = false;
    request.tries = 0;
    request.again_at = until;
    --in_flight_;
    waiting_.push_front(number);
}

void OpenRequests::wait_again() {
    auto numbers = all();
    // The last first, as each is put before the others.
    std::reverse(numbers.begin(), numbers.end());
    for (const Number number : numbers) {
        if (requests_.at(number).in_flight) {
            put_off(number, std::nullopt);
        }
    }
}

std::optional<OpenRequests::Number> OpenRequests::first_waiting(Instant now) const {
    const auto found = std::find_if(waiting_.begin(), waiting_.end(), [&](Number number) {
        return requests_.at(number).again_at.value_or(now) <= now;
    });
    return found != waiting_.end() ? std::optional(*found) : std::nullopt;
}

std::optional<Instant> OpenRequests::first_waiting_at() const {
    std::optional<Instant> first;
    for (const auto number : waiting_) {
        const auto& at = requests_.at(number).again_at;
        if (!at) {
            return Instant::min();
        }
        first = std::min(first.value_or(*at), *at);
    }
    return first;
}

std::optional<OpenRequests::Number> OpenRequests::due_again(Instant now) const {
    if (repeats_.empty() || repeats_.begin()->first > now) {
        return std::nullopt;
    }
    return repeats_.begin()->second;
}

std::optional<OpenRequests::Number> OpenRequests::largest_in_flight() const {
    std::optional<Number> largest;
    for (const auto& [number, request] : requests_) {
        if (request.in_flight && (!largest || request.size > requests_.at(*largest).size)) {
            largest = number;
        }
    }
    return largest;
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
    std::optional<Instant> next;
    for (const auto* times : {&deadlines_, &repeats_}) {
        if (!times->empty()) {
            next = std::min(next.value_or(never), times->begin()->first);
        }
    }
    return next;
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
