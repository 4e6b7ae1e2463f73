// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "device/device.hpp"

struct beckon_device;
struct beckon_options;
struct beckon_news;
struct beckon_result;

namespace beckon {

/// libbeckon-c behind what the C++ client's half has, so that one world takes both. What it cannot
/// ask (groups, `add`, `modify`, `get`) is refused by an exception.
class CDevice {
  public:
    using CallId = Device::CallId;
    using Effects = Device::Effects;

    explicit CDevice(Device::Options options);
    ~CDevice();
    CDevice(const CDevice&) = delete;
    CDevice& operator=(const CDevice&) = delete;

    Effects call(CallId call, const RequestBody& body, Device::Offline offline, Instant now);
    void set_busy(std::optional<Reject> as);
    Effects connected(Instant now, std::optional<std::size_t> max_packet = {});
    Effects disconnected(Instant now, bool too_large = false);
    Effects receive_event(std::string_view payload, Instant now);
    Effects receive_reply(std::string_view payload, Instant now, std::string_view correlation = {});
    Effects advance(Instant now);
    Effects close();
    [[nodiscard]] std::optional<Instant> next_deadline() const;
    [[nodiscard]] Device::Link link() const noexcept;
    [[nodiscard]] std::vector<InvitationInfo> open(Instant now) const;

    /// Whether this C device can ask that.
    static bool can_ask(const RequestBody& body);

  private:
    struct Callbacks;
    Effects done();
    int ask(const RequestBody& body, std::uint32_t now);
    std::uint32_t at(Instant now);

    Device::Options options_;
    std::unique_ptr<beckon_options> c_options_;
    std::unique_ptr<beckon_device> device_;
    Instant now_{};
    std::map<int, CallId> calls_{};
    std::set<CallId> cancels_{};
    std::string busy_data_{};
    std::string received_{};
    std::uint32_t random_ = 1;
    Effects effects_{};
};

}  // namespace beckon
