// SPDX-License-Identifier: Apache-2.0
#include "guarded_vfs.hpp"

#include <sqlite3.h>

#include <cstddef>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "guarded_memory.hpp"

namespace beckon {

namespace {

/// What a file is to us; `OpenFile`, in SQLite's memory, refers to it.
struct Guarded {
    std::vector<std::max_align_t> memory_of_real{};
    sqlite3_file* real = nullptr;
    /// Of a database and its log, which have one index.
    std::shared_ptr<GuardedMemory> index{};
    /// The parts of it that this connection has.
    std::map<int, volatile void*> parts{};

    [[nodiscard]] bool is_lost() const { return index && index->is_lost(); }
};

struct OpenFile {
    sqlite3_file base;
    Guarded* guarded;
};

Guarded& of(sqlite3_file* file) { return *reinterpret_cast<OpenFile*>(file)->guarded; }
sqlite3_file* real(sqlite3_file* file) { return of(file).real; }
const sqlite3_io_methods& methods_of(sqlite3_file* file) { return *real(file)->pMethods; }
sqlite3_vfs* default_vfs() { return sqlite3_vfs_find(nullptr); }

/// By the database's path.
std::shared_ptr<GuardedMemory> index_of(const std::string& path) {
    static std::mutex mutex;
    static std::map<std::string, std::weak_ptr<GuardedMemory>> known;
    const std::lock_guard lock(mutex);
    auto& entry = known[path];
    auto index = entry.lock();
    if (!index) {
        index = std::make_shared<GuardedMemory>();
        entry = index;
    }
    return index;
}

// ------------------------------------------------------------- what needs whole memory

int read_file(sqlite3_file* file, void* to, int size, sqlite3_int64 offset) {
    return of(file).is_lost() ? SQLITE_IOERR_READ
                              : methods_of(file).xRead(real(file), to, size, offset);
}
int write_file(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
    return of(file).is_lost() ? SQLITE_IOERR_WRITE
                              : methods_of(file).xWrite(real(file), from, size, offset);
}
int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
    return of(file).is_lost() ? SQLITE_IOERR_TRUNCATE
                              : methods_of(file).xTruncate(real(file), size);
}
int sync_file(sqlite3_file* file, int flags) {
    return of(file).is_lost() ? SQLITE_IOERR_FSYNC : methods_of(file).xSync(real(file), flags);
}

int map_index(sqlite3_file* file, int part, int size, int extend, void volatile** at) noexcept {
    try {
        Guarded& guarded = of(file);
        if (guarded.is_lost()) {
            return SQLITE_IOERR_SHMMAP;
        }
        const int result = methods_of(file).xShmMap(real(file), part, size, extend, at);
        if (result != SQLITE_OK || *at == nullptr || guarded.parts.contains(part)) {
            return result;
        }
        const auto added = guarded.parts.emplace(part, *at).first;
        if (!guarded.index->guard(*at, static_cast<std::size_t>(size))) {
            guarded.parts.erase(added);
            return SQLITE_IOERR_SHMMAP;
        }
        return guarded.is_lost() ? SQLITE_IOERR_SHMMAP : SQLITE_OK;
    } catch (const std::exception& /*error*/) {
        return SQLITE_IOERR_NOMEM;
    }
}

int lock_index(sqlite3_file* file, int offset, int count, int flags) {
    const bool locks = (flags & SQLITE_SHM_LOCK) != 0;
    return locks && of(file).is_lost()
               ? SQLITE_IOERR_SHMLOCK
               : methods_of(file).xShmLock(real(file), offset, count, flags);
}

int unmap_index(sqlite3_file* file, int remove) {
    for (const auto& [part, at] : std::exchange(of(file).parts, {})) {
        of(file).index->let_go(at);
    }
    return methods_of(file).xShmUnmap(real(file), remove);
}

// ------------------------------------------------------------- the rest

int close_file(sqlite3_file* file) {
    const std::unique_ptr<Guarded> guarded(&of(file));
    return guarded->real->pMethods->xClose(guarded->real);
}
int file_size(sqlite3_file* file, sqlite3_int64* size) {
    return methods_of(file).xFileSize(real(file), size);
}
int lock_file(sqlite3_file* file, int level) { return methods_of(file).xLock(real(file), level); }
int unlock_file(sqlite3_file* file, int level) {
    return methods_of(file).xUnlock(real(file), level);
}
int check_reserved(sqlite3_file* file, int* reserved) {
    return methods_of(file).xCheckReservedLock(real(file), reserved);
}
int control(sqlite3_file* file, int what, void* with) {
    return methods_of(file).xFileControl(real(file), what, with);
}
int sector_size(sqlite3_file* file) { return methods_of(file).xSectorSize(real(file)); }
int characteristics(sqlite3_file* file) {
    return methods_of(file).xDeviceCharacteristics(real(file));
}
void barrier(sqlite3_file* file) { methods_of(file).xShmBarrier(real(file)); }

constexpr sqlite3_io_methods methods_of_version(int version) {
    return {
        .iVersion = version,
        .xClose = close_file,
        .xRead = read_file,
        .xWrite = write_file,
        .xTruncate = truncate_file,
        .xSync = sync_file,
        .xFileSize = file_size,
        .xLock = lock_file,
        .xUnlock = unlock_file,
        .xCheckReservedLock = check_reserved,
        .xFileControl = control,
        .xSectorSize = sector_size,
        .xDeviceCharacteristics = characteristics,
        .xShmMap = map_index,
        .xShmLock = lock_index,
        .xShmBarrier = barrier,
        .xShmUnmap = unmap_index,
        .xFetch = nullptr,
        .xUnfetch = nullptr,
    };
}
constexpr sqlite3_io_methods with_index = methods_of_version(2);
constexpr sqlite3_io_methods without_index = methods_of_version(1);

int open_file(sqlite3_vfs* /*vfs*/, const char* path, sqlite3_file* file, int flags,
              int* out) noexcept {
    try {
        sqlite3_vfs* const below = default_vfs();
        file->pMethods = nullptr;
        auto guarded = std::make_unique<Guarded>();
        guarded->memory_of_real.resize(
            static_cast<std::size_t>(below->szOsFile) / sizeof(std::max_align_t) + 1);
        guarded->real = reinterpret_cast<sqlite3_file*>(guarded->memory_of_real.data());
        if (path != nullptr && (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) != 0) {
            guarded->index = index_of(sqlite3_filename_database(path));
        }
        const int result = below->xOpen(below, path, guarded->real, flags, out);
        if (guarded->real->pMethods != nullptr) {
            file->pMethods = guarded->real->pMethods->iVersion >= 2 ? &with_index : &without_index;
            reinterpret_cast<OpenFile*>(file)->guarded = guarded.release();
        }
        return result;
    } catch (const std::exception& /*error*/) {
        return SQLITE_NOMEM;
    }
}

int remove_file(sqlite3_vfs* /*vfs*/, const char* path, int sync_folder) {
    return default_vfs()->xDelete(default_vfs(), path, sync_folder);
}

}  // namespace

const char* guarded_vfs() {
    static const char* const name = [] {
        // All that is not about open files is the default's.
        static sqlite3_vfs vfs = *sqlite3_vfs_find("unix");
        vfs.pNext = nullptr;
        vfs.zName = "beckon-guarded";
        vfs.szOsFile = sizeof(OpenFile);
        vfs.xOpen = open_file;
        vfs.xDelete = remove_file;
        sqlite3_vfs_register(&vfs, 0);
        return vfs.zName;
    }();
    return name;
}

bool has_lost_memory(sqlite3* database) {
    sqlite3_file* file = nullptr;
    sqlite3_file_control(database, "main", SQLITE_FCNTL_FILE_POINTER, static_cast<void*>(&file));
    return file != nullptr && (file->pMethods == &with_index || file->pMethods == &without_index) &&
           of(file).is_lost();
}

}  // namespace beckon
