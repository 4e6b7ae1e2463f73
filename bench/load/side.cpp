// SPDX-License-Identifier: Apache-2.0
#include "side.hpp"

#include <unistd.h>

#include <ctime>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace beckon::bench {

namespace {

constexpr double patience = 20;  // seconds

double read(clockid_t clock) {
    timespec now{};
    return clock_gettime(clock, &now) == 0 ? double(now.tv_sec) + double(now.tv_nsec) * 1e-9 : 0;
}

std::mt19937& dice() {
    static std::mt19937 all{std::random_device{}()};
    return all;
}

Speech speech_of(const std::string& word) {
    for (const auto& [name, speech] : {std::pair{"json", Speech::json},
                                       {"msgpack", Speech::msgpack},
                                       {"bare", Speech::bare},
                                       {"plain", Speech::plain}}) {
        if (word == name) {
            return speech;
        }
    }
    throw std::runtime_error("a side speaks json, msgpack, bare or plain, not " + word);
}

void write_msgpack(std::string& out, std::string_view text) {
    if (text.size() < 32) {
        out += static_cast<char>(0xa0U | text.size());
    } else {
        out += '\xd9';
        out += static_cast<char>(text.size());
    }
    out += text;
}

}  // namespace

Side::Side(const std::string& described, char its_letter) : letter(its_letter) {
    std::istringstream parts(described);
    std::string speaks;
    char colon = 0;
    if (!std::getline(parts, name, ':') || !std::getline(parts, speaks, ':') ||
        !(parts >> port >> colon >> pid)) {
        throw std::runtime_error("a side is NAME:SPEECH:PORT:PID, not " + described);
    }
    speech = speech_of(speaks);
}

void Side::connect(const std::vector<std::string>& users, const Options& options,
                   const std::function<std::vector<std::string>(const Connection&)>& filters) {
    for (const auto& user : users) {
        auto& connection = connections.emplace_back(poller, user, connections.size(), hear);
        connection.open(port, options.version, options.qos);
        connection.subscribe(filters(connection));
        connection.send();
        await([&] { return connection.ready(); }, "a connection");
    }
}

void Side::await(const std::function<bool()>& over, const char* what) const {
    const auto start = Clock::now();
    while (!over()) {
        if (seconds_since(start) > patience) {
            throw std::runtime_error(name + ": waited 20 s for " + what);
        }
        poller.poll(20);
    }
}

void Side::settle() const {
    for (auto before = cpu();;) {
        std::this_thread::sleep_for(std::chrono::milliseconds(15));
        poller.poll(0);
        const auto now = cpu();
        if (now - before < 0.0003) {
            return;
        }
        before = now;
    }
}

double Side::cpu() const {
    clockid_t clock{};
    return clock_getcpuclockid(pid, &clock) == 0 ? read(clock) : 0;
}

std::int64_t Side::resident() const {
    std::ifstream statm("/proc/" + std::to_string(pid) + "/statm");
    std::int64_t total = 0;
    std::int64_t resident = 0;
    statm >> total >> resident;
    return resident * sysconf(_SC_PAGESIZE);
}

double own_cpu() { return read(CLOCK_PROCESS_CPUTIME_ID); }

void pause(double mean_ms) {
    std::uniform_real_distribution<double> around(0.5 * mean_ms, 1.5 * mean_ms);
    std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(around(dice())));
}

void ask(const Options& options, const char* what, const Side& side) {
    if (!options.ask) {
        return;
    }
    std::cout << nlohmann::json{{"asks", what}, {"side", side.name}}.dump() << std::endl;
    if (std::string line; !std::getline(std::cin, line)) {
        throw std::runtime_error("nobody answers");
    }
}

std::string user_name(std::string_view role, char letter, std::size_t number) {
    auto digits = std::to_string(number);
    std::string name(role);
    name.append({'-', letter, '-'});
    name.append(16 - name.size() - digits.size(), '0');
    return name + digits;
}

std::string invitation_id(char letter, std::size_t pair, std::size_t number) {
    static const auto run = std::random_device{}();
    std::ostringstream id;
    id << std::hex;
    const auto field = [&](std::size_t value, int width) {
        id.width(width);
        id.fill('0');
        id << value;
    };
    field(run, 8);
    field(std::size_t(letter), 2);
    field(pair, 8);
    field(number, 14);
    return id.str();
}

std::string inbox(std::string_view user, std::string_view level) {
    return "beckon/v1/inbox/" + std::string(user) + "/" + std::string(level);
}

std::string invite_body(Speech speech, const std::string& id, std::uint32_t timeout_ms) {
    const std::string data(32, 'd');
    if (speech == Speech::json) {
        return R"({"id":")" + id + R"(","data":")" + data + "\"" +
               (timeout_ms > 0 ? R"(,"timeout_ms":)" + std::to_string(timeout_ms) : "") + "}";
    }
    std::string body(1, timeout_ms > 0 ? '\x83' : '\x82');
    write_msgpack(body, "id");
    write_msgpack(body, id);
    write_msgpack(body, "data");
    write_msgpack(body, data);
    if (timeout_ms > 0) {
        write_msgpack(body, "timeout_ms");
        body += '\xce';
        for (const auto shift : {24U, 16U, 8U, 0U}) {
            body += static_cast<char>(timeout_ms >> shift);
        }
    }
    return body;
}

std::string_view empty_body(Speech speech) { return speech == Speech::json ? "{}" : "\x80"; }

std::vector<std::string> inbox_filters(Speech speech, std::string_view user) {
    return {inbox(user, speech == Speech::json ? "json" : "event"), inbox(user, "reply")};
}

}  // namespace beckon::bench
