// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>
#include <variant>

namespace beckon {

/// A variant of many types, whose copying, moving, comparing and ending is compiled in one source
/// and not again by whoever holds one: for each of them a compiler writes a function for every
/// type. Use it as any variant; whoever asks for its size or its types says `Variant`.
///
/// With `using Body = CompiledOnce<std::variant<…>>` belongs `extern template class
/// CompiledOnce<std::variant<…>>` beside it and `template class …` in a source.
template <class Variants>
class CompiledOnce : public Variants {
  public:
    using Variant = Variants;

    /// As a variant has it: one of its types becomes the variant by itself.
    template <class Alternative>
    requires(!std::derived_from<std::remove_cvref_t<Alternative>, Variants> &&
             std::constructible_from<Variants, Alternative>)
        // NOLINTNEXTLINE(google-explicit-constructor,bugprone-forwarding-reference-overload)
        CompiledOnce(Alternative&& one)
        : Variants(std::forward<Alternative>(one)) {}

    CompiledOnce();
    CompiledOnce(const CompiledOnce& other);
    CompiledOnce(CompiledOnce&& other) noexcept;
    CompiledOnce& operator=(const CompiledOnce& other);
    CompiledOnce& operator=(CompiledOnce&& other) noexcept;
    ~CompiledOnce();

    bool operator==(const CompiledOnce& other) const;
};

template <class Variants>
CompiledOnce<Variants>::CompiledOnce() = default;
template <class Variants>
CompiledOnce<Variants>::CompiledOnce(const CompiledOnce& other) = default;
template <class Variants>
CompiledOnce<Variants>::CompiledOnce(CompiledOnce&& other) noexcept = default;
template <class Variants>
CompiledOnce<Variants>& CompiledOnce<Variants>::operator=(const CompiledOnce& other) = default;
template <class Variants>
CompiledOnce<Variants>& CompiledOnce<Variants>::operator=(CompiledOnce&& other) noexcept = default;
template <class Variants>
CompiledOnce<Variants>::~CompiledOnce() = default;

template <class Variants>
bool CompiledOnce<Variants>::operator==(const CompiledOnce& other) const {
    return static_cast<const Variants&>(*this) == static_cast<const Variants&>(other);
}

}  // namespace beckon
