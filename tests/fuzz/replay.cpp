// SPDX-License-Identifier: Apache-2.0
// Runs a fuzzer's inputs once each, without libFuzzer: replay FILE_OR_FOLDER...
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace fs = std::filesystem;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

/// The one that is run, for whoever finds that it was the last.
std::string present;

void name_present() { std::fprintf(stderr, "in %s\n", present.c_str()); }

std::vector<fs::path> files_of(const fs::path& place) {
    if (!fs::is_directory(place)) {
        return {place};
    }
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(place)) {
        if (entry.is_regular_file()) {
            files.push_back(entry.path());
        }
    }
    std::sort(files.begin(), files.end());
    return files;
}

void run(const fs::path& path) {
    present = path.string();
    std::ifstream file(path, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

}  // namespace

int main(int count, char** arguments) {
    std::signal(SIGABRT, [](int) { name_present(); });
    std::size_t runs = 0;
    for (int n = 1; n < count; ++n) {
        for (const auto& file : files_of(arguments[n])) {
            run(file);
            ++runs;
        }
    }
    std::printf("%zu inputs\n", runs);
    // A corpus that is not found proves nothing.
    return runs > 0 ? 0 : 1;
}
