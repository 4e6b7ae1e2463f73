// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "device/device.hpp"

namespace beckon {

/// The client's half in a world: the C++ client's, or another's with what that has.
class AnyDevice {
  public:
    AnyDevice() = default;
    AnyDevice(const AnyDevice&) = delete;
    AnyDevice& operator=(const AnyDevice&) = delete;
    virtual ~AnyDevice() = default;

    virtual Device::Effects call(Device::CallId call, RequestBody body, Device::Offline offline,
                                 Instant now) = 0;
    virtual void set_busy(std::optional<Reject> as) = 0;
    virtual Device::Effects connected(Instant now) = 0;
    virtual Device::Effects disconnected(Instant now) = 0;
    virtual Device::Effects receive_event(std::string_view payload, Instant now) = 0;
    virtual Device::Effects receive_reply(std::string_view payload, Instant now) = 0;
    virtual Device::Effects advance(Instant now) = 0;
    virtual Device::Effects close() = 0;
    [[nodiscard]] virtual std::optional<Instant> next_deadline() const = 0;
    [[nodiscard]] virtual Device::Link link() const = 0;
    [[nodiscard]] virtual std::vector<InvitationInfo> open(Instant now) const = 0;
};

using MakeDevice = std::function<std::unique_ptr<AnyDevice>(const Device::Options&)>;

template <class Client>
class DeviceOf : public AnyDevice {
  public:
    explicit DeviceOf(Device::Options options) : client_(std::move(options)) {}

    Device::Effects call(Device::CallId call, RequestBody body, Device::Offline offline,
                         Instant now) override {
        return client_.call(call, std::move(body), offline, now);
    }
    void set_busy(std::optional<Reject> as) override { client_.set_busy(std::move(as)); }
    Device::Effects connected(Instant now) override { return client_.connected(now); }
    Device::Effects disconnected(Instant now) override { return client_.disconnected(now); }
    Device::Effects receive_event(std::string_view payload, Instant now) override {
        return client_.receive_event(payload, now);
    }
    Device::Effects receive_reply(std::string_view payload, Instant now) override {
        return client_.receive_reply(payload, now);
    }
    Device::Effects advance(Instant now) override { return client_.advance(now); }
    Device::Effects close() override { return client_.close(); }
    [[nodiscard]] std::optional<Instant> next_deadline() const override {
        return client_.next_deadline();
    }
    [[nodiscard]] Device::Link link() const override { return client_.link(); }
    [[nodiscard]] std::vector<InvitationInfo> open(Instant now) const override {
        return client_.open(now);
    }

  private:
    Client client_;
};

template <class Client>
std::unique_ptr<AnyDevice> make_device(const Device::Options& options) {
    return std::make_unique<DeviceOf<Client>>(options);
}

}  // namespace beckon
