// SPDX-License-Identifier: Apache-2.0
#include "tls_failure.hpp"

#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string_view>

namespace beckon::cli {

namespace {

template <auto release>
struct Releases {
    void operator()(auto* held) const { release(held); }
};
using Context = std::unique_ptr<SSL_CTX, Releases<SSL_CTX_free>>;
using Channel = std::unique_ptr<SSL, Releases<SSL_free>>;
using Addresses = std::unique_ptr<addrinfo, Releases<freeaddrinfo>>;

struct Place {
    std::string host;
    std::string port;
};

/// Of a URL that the client has taken.
Place place_of(const std::string& url) {
    const auto begin = url.find("://") + 3;
    const std::string rest = url.substr(begin, url.find('/', begin) - begin);
    const auto bracket = rest.rfind(']');
    const auto colon = rest.rfind(':');
    const bool has_port =
        colon != std::string::npos && (bracket == std::string::npos || colon > bracket);
    Place place{.host = rest.substr(0, has_port ? colon : std::string::npos),
                .port = has_port                 ? rest.substr(colon + 1)
                        : url.starts_with("wss") ? "443"
                                                 : "8883"};
    if (place.host.starts_with('[')) {
        place.host = place.host.substr(1, place.host.size() - 2);
    }
    return place;
}

/// A connection, which is closed with this; `descriptor` is -1 if there is none.
class Socket {
  public:
    Socket(const Place& place, std::chrono::milliseconds patience) {
        addrinfo* found = nullptr;
        addrinfo wanted{};
        wanted.ai_socktype = SOCK_STREAM;
        if (getaddrinfo(place.host.c_str(), place.port.c_str(), &wanted, &found) != 0) {
            return;
        }
        const Addresses addresses(found);
        for (const addrinfo* at = found; at != nullptr && descriptor_ < 0; at = at->ai_next) {
            try_to_connect(*at, patience);
        }
    }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    ~Socket() { let_go(); }

    [[nodiscard]] int descriptor() const { return descriptor_; }

  private:
    void try_to_connect(const addrinfo& address, std::chrono::milliseconds patience) {
        descriptor_ = socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC, 0);
        const timeval most{.tv_sec = patience.count() / 1000,
                           .tv_usec = patience.count() % 1000 * 1000};
        setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
        setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
        if (connect(descriptor_, address.ai_addr, address.ai_addrlen) != 0) {
            let_go();
        }
    }
    void let_go() {
        if (descriptor_ >= 0) {
            close(descriptor_);
            descriptor_ = -1;
        }
    }

    int descriptor_ = -1;
};

/// The oldest that OpenSSL has to say, which it forgets then.
std::string said_by_openssl() {
    const unsigned long error = ERR_get_error();
    ERR_clear_error();
    const char* const reason = error == 0 ? nullptr : ERR_reason_error_string(error);
    return reason == nullptr ? "" : reason;
}

/// As OpenSSL asks for a password, without asking at the terminal.
int tell_password(char* to, int most, int /*writes*/, void* password) {
    const auto& known = *static_cast<const std::string*>(password);
    const auto length = std::min(known.size(), static_cast<std::size_t>(most));
    std::copy_n(known.begin(), length, to);
    return static_cast<int>(length);
}

/// What is wrong with the files; empty: nothing.
std::string take_files(SSL_CTX& context, TlsOptions& tls) {
    const bool trusts = tls.caFile.empty() ? SSL_CTX_set_default_verify_paths(&context) == 1
                                           : SSL_CTX_load_verify_locations(
                                                 &context, tls.caFile.c_str(), nullptr) == 1;
    if (!trusts) {
        return tls.caFile + " has no certificate (" + said_by_openssl() + ")";
    }
    if (tls.certFile.empty()) {
        return {};
    }
    SSL_CTX_set_default_passwd_cb(&context, tell_password);
    SSL_CTX_set_default_passwd_cb_userdata(&context, &tls.keyPassword);
    if (SSL_CTX_use_certificate_chain_file(&context, tls.certFile.c_str()) != 1) {
        return tls.certFile + " has no certificate (" + said_by_openssl() + ")";
    }
    const std::string& key = tls.keyFile.empty() ? tls.certFile : tls.keyFile;
    if (SSL_CTX_use_PrivateKey_file(&context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
        return key + " has no key that can be used (" + said_by_openssl() + ")";
    }
    return {};
}

/// What is left behind of a handshake, or of what came after it; empty: it does not say.
std::string why_not(const SSL& channel) {
    const long verified = SSL_get_verify_result(&channel);
    if (verified == X509_V_ERR_HOSTNAME_MISMATCH || verified == X509_V_ERR_IP_ADDRESS_MISMATCH) {
        return "its certificate names another host";
    }
    if (verified != X509_V_OK) {
        return std::string("its certificate is not trusted (") +
               X509_verify_cert_error_string(verified) + ")";
    }
    const std::string said = said_by_openssl();
    if (said.find("alert") != std::string::npos) {
        return "it refuses the handshake (" + said + ")";
    }
    const bool foreign = said == "wrong version number" || said.starts_with("unexpected eof");
    return foreign ? "" : said;
}

}  // namespace

bool uses_tls(const ClientOptions& options) {
    const auto& url = options.server;
    return url.starts_with("mqtts://") || url.starts_with("ssl://") || url.starts_with("wss://");
}

std::string why_tls_fails(const ClientOptions& options, std::chrono::milliseconds patience) {
    const Place place = place_of(options.server);
    const Socket socket(place, patience);
    const Context context(SSL_CTX_new(TLS_client_method()));
    if (socket.descriptor() < 0 || !context) {
        return {};
    }
    TlsOptions tls = options.tls;
    if (std::string wrong = take_files(*context, tls); !wrong.empty()) {
        return wrong;
    }
    SSL_CTX_set_verify(context.get(), tls.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    const Channel channel(SSL_new(context.get()));
    if (!channel || SSL_set_fd(channel.get(), socket.descriptor()) != 1) {
        return {};
    }
    // A host that is an address is compared as one, and is not told.
    X509_VERIFY_PARAM* const expected = SSL_get0_param(channel.get());
    if (X509_VERIFY_PARAM_set1_ip_asc(expected, place.host.c_str()) != 1) {
        SSL_set_tlsext_host_name(channel.get(), place.host.c_str());
        SSL_set1_host(channel.get(), place.host.c_str());
    }
    ERR_clear_error();
    if (SSL_connect(channel.get()) != 1) {
        const std::string why = why_not(*channel);
        return why.empty() ? "it does not answer as one that speaks TLS" : why;
    }
    // In TLS 1.3, what the other end thinks of our certificate comes after the handshake, and from
    // a broker nothing else does.
    char nothing = 0;
    static_cast<void>(SSL_read(channel.get(), &nothing, 1));
    return why_not(*channel);
}

}  // namespace beckon::cli
