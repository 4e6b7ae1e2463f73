// SPDX-License-Identifier: Apache-2.0
#include "judge/sharded_map.hpp"

#include <string>
#include <string_view>

#include "catch.hpp"

namespace {

/// Ids that libstdc++'s `std::hash<std::string>` cannot tell apart: its seed is the same
/// everywhere, and it can be computed backwards, so anybody makes thousands of them a second.
constexpr std::string_view colliding[] = {
    "AAAAAAAABBBBBBBB", ":UAAAAAAFFV0vXvk", "IUCAAAAAeaV3PQa_", "AzEAAAAA7GnagG7:",
    "a4IAAAAAEkr0fK5q", "ysLAAAAAt9gw.T:.", "vQRAAAAAV-AH07jm", "qFWAAAAAw3cO8ayH",
    "sZXAAAAALDsuXz:b", "LOfAAAAAgirkdPwI", "gw8AAAAARq1KcEa-", "kgABAAAAoi7sdTAl",
    "THaBAAAAO4Q-YGbG", "KtlBAAAA-fCGlZci", "fzwBAAAA-MgO.UVL", "Ug-BAAAA1oNrJKVh",
    "1vCCAAAATv9doBoB", "uxNCAAAAYd9ws_F9", "72kCAAAAqUx78R-I", "WPvCAAAAjgBTXAK4",
    "hO3CAAAAA@LrnLJV", "ru8CAAAAqXNTF25c", "ct.CAAAANAf2Jj-_", "EOnDAAAAIPxw5Z:-",
    "bMsDAAAAcRHc_w_f", "APwDAAAAGdlpqESy", "C8wDAAAAfb_1Nugj", "OZ-DAAAAyImNQOHA",
    "AmMEAAAAoAFLECfg", "l_QEAAAAIi_9-4Mc", "NdUEAAAANFjNkQdD", ":gVEAAAAIcxvjXGs",
    "4CgEAAAALLSMoEmh", "IxkEAAAAPrrtL@6u", "SZpEAAAAst1tiB_o", "dtuEAAAA49Ui95PA",
    "yl.EAAAA12BEqVL5", "3GHFAAAAa:btS_6T", "KuzFAAAAAoJB7qzB", "D37FAAAAlDf@2QHM",
    "R0IGAAAADpJZiSvh", "IGXGAAAAXxtcc9dy", "03XGAAAAlZLlGz.o", "W5cGAAAA8ieTnI@l",
    "73fGAAAA@k4aIzNI", "GkwGAAAASAxbSY0u", "4H8GAAAAdDchWSg:", "5VVHAAAA:J2FCB@Z",
};

int comparisons = 0;

/// An id that counts how often it is compared.
class CountedId {
  public:
    explicit CountedId(std::string_view text) : text_(text) {}
    [[nodiscard]] const std::string& text() const { return text_; }
    bool operator==(const CountedId& other) const {
        ++comparisons;
        return text_ == other.text_;
    }

  private:
    std::string text_;
};

}  // namespace

TEST_CASE("siphash is SipHash-2-4") {
    // The key, the text and the result of the paper's appendix.
    const beckon::SipKey key{0x0706050403020100U, 0x0f0e0d0c0b0a0908U};
    std::string text;
    for (char c = 0; c < 15; ++c) {
        text += c;
    }
    CHECK(beckon::siphash(key, text) == 0xa129ca6149be45e5U);
    CHECK(beckon::siphash<1, 3>(key, "") == 0xabac0158050fc4dcU);
}

TEST_CASE("nobody can choose ids that collide") {
    for (const std::uint64_t secret : {1U, 2U, 3U}) {
        beckon::ShardedMap<CountedId, int> map({secret, 0});
        for (const auto& text : colliding) {
            map.obtain(CountedId(text));
        }
        for (const auto& text : colliding) {
            comparisons = 0;
            CHECK(map.find(CountedId(text)) != nullptr);
            CHECK(comparisons <= 10);
        }
    }
}

TEST_CASE("what is in the map stays where it is while the map grows") {
    beckon::ShardedMap<CountedId, int> map({7, 7});
    auto* first = map.obtain(CountedId("first")).first;
    for (int i = 0; i < 10'000; ++i) {
        CHECK(map.obtain(CountedId(std::to_string(i))).second);
    }
    CHECK(map.size() == 10'001);
    CHECK(map.obtain(CountedId("first")).first == first);
    map.erase(first->first.key);
    CHECK(map.find(CountedId("first")) == nullptr);
    CHECK(map.size() == 10'000);
}
