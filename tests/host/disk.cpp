// SPDX-License-Identifier: Apache-2.0
#include "disk.hpp"

#include <sqlite3.h>

#include <cstring>
#include <utility>

namespace beckon {

namespace {

struct OpenFile {
    sqlite3_file base;
    Disk* disk;
    const char* name;  ///< nothing: a temporary file
    sqlite3_file* real;
};

OpenFile& of(sqlite3_file* file) { return *reinterpret_cast<OpenFile*>(file); }
Disk& disk_of(sqlite3_vfs* vfs) { return *static_cast<Disk*>(vfs->pAppData); }
sqlite3_vfs* the_real() { return sqlite3_vfs_find("unix"); }

std::string without_folder(const char* path) {
    const std::string text(path);
    return text.substr(text.rfind('/') + 1);
}

int before(sqlite3_file* file, Disk::Operation operation) {
    if (of(file).name == nullptr) {
        return SQLITE_OK;
    }
    operation.file = without_folder(of(file).name);
    return of(file).disk->before(std::move(operation));
}

using Kind = Disk::Operation::Kind;

int close_file(sqlite3_file* file) { return of(file).real->pMethods->xClose(of(file).real); }
int read_file(sqlite3_file* file, void* to, int size, sqlite3_int64 offset) {
    return of(file).real->pMethods->xRead(of(file).real, to, size, offset);
}
int write_file(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
    const int result = before(file, {.kind = Kind::write,
                                     .offset = offset,
                                     .bytes = std::string(static_cast<const char*>(from),
                                                          static_cast<std::size_t>(size))});
    return result != SQLITE_OK ? result
                               : of(file).real->pMethods->xWrite(of(file).real, from, size, offset);
}
int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
    const int result = before(file, {.kind = Kind::truncate, .offset = size});
    return result != SQLITE_OK ? result : of(file).real->pMethods->xTruncate(of(file).real, size);
}
int sync_file(sqlite3_file* file, int /*flags*/) { return before(file, {.kind = Kind::sync}); }
int file_size(sqlite3_file* file, sqlite3_int64* size) {
    return of(file).real->pMethods->xFileSize(of(file).real, size);
}
int lock_file(sqlite3_file* file, int level) {
    return of(file).real->pMethods->xLock(of(file).real, level);
}
int unlock_file(sqlite3_file* file, int level) {
    return of(file).real->pMethods->xUnlock(of(file).real, level);
}
int check_reserved(sqlite3_file* file, int* reserved) {
    return of(file).real->pMethods->xCheckReservedLock(of(file).real, reserved);
}
int control(sqlite3_file* file, int what, void* with) {
    return of(file).real->pMethods->xFileControl(of(file).real, what, with);
}
int sector_size(sqlite3_file* file) { return of(file).real->pMethods->xSectorSize(of(file).real); }
int characteristics(sqlite3_file* file) {
    return of(file).real->pMethods->xDeviceCharacteristics(of(file).real);
}
int map_shared(sqlite3_file* file, int page, int size, int extend, void volatile** at) {
    return of(file).real->pMethods->xShmMap(of(file).real, page, size, extend, at);
}
int lock_shared(sqlite3_file* file, int offset, int count, int flags) {
    return of(file).real->pMethods->xShmLock(of(file).real, offset, count, flags);
}
void barrier(sqlite3_file* file) { of(file).real->pMethods->xShmBarrier(of(file).real); }
int unmap_shared(sqlite3_file* file, int remove) {
    return of(file).real->pMethods->xShmUnmap(of(file).real, remove);
}

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
        .xShmMap = map_shared,
        .xShmLock = lock_shared,
        .xShmBarrier = barrier,
        .xShmUnmap = unmap_shared,
        .xFetch = nullptr,
        .xUnfetch = nullptr,
    };
}
const sqlite3_io_methods methods = methods_of_version(2);
const sqlite3_io_methods methods_without_shared_memory = methods_of_version(1);

int open_file(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out) {
    OpenFile& opened = of(file);
    opened.base.pMethods = nullptr;
    opened.disk = &disk_of(vfs);
    opened.name = path;
    opened.real = reinterpret_cast<sqlite3_file*>(&opened + 1);
    const int result = the_real()->xOpen(the_real(), path, opened.real, flags, out);
    if (opened.real->pMethods != nullptr) {
        opened.base.pMethods =
            opened.disk->has_shared_memory() ? &methods : &methods_without_shared_memory;
    }
    return result;
}

int remove_file(sqlite3_vfs* vfs, const char* path, int sync_folder) {
    const int result = disk_of(vfs).before({.kind = Kind::remove, .file = without_folder(path)});
    return result != SQLITE_OK ? result : the_real()->xDelete(the_real(), path, sync_folder);
}

}  // namespace

Disk::Disk(Where where) : where_(where) {
    vfs_ = new sqlite3_vfs(*the_real());
    vfs_->pNext = nullptr;
    vfs_->zName = "disk";
    vfs_->pAppData = this;
    vfs_->szOsFile = static_cast<int>(sizeof(OpenFile)) + the_real()->szOsFile;
    vfs_->xOpen = open_file;
    vfs_->xDelete = remove_file;
    sqlite3_vfs_register(vfs_, 1);
}

Disk::~Disk() {
    sqlite3_vfs_unregister(vfs_);
    sqlite3_vfs_register(the_real(), 1);
    delete vfs_;
}

Disk::Operations Disk::operations() const {
    const std::lock_guard lock(mutex_);
    return operations_;
}

void Disk::mark(std::int64_t what) {
    const std::lock_guard lock(mutex_);
    operations_.push_back({.kind = Kind::mark, .offset = what});
}

void Disk::fail(Failing failing) {
    const std::lock_guard lock(mutex_);
    failing_ = std::move(failing);
    asked_ = 0;
}

std::int64_t Disk::asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
}

void Disk::hang(Operation::Kind kind) {
    const std::lock_guard lock(mutex_);
    hanging_ = kind;
}

void Disk::wait_for_hang() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return is_stuck_; });
}

void Disk::go_on() {
    const std::lock_guard lock(mutex_);
    hanging_.reset();
    changed_.notify_all();
}

int Disk::before(Operation operation) {
    std::unique_lock lock(mutex_);
    if (hanging_ == operation.kind) {
        is_stuck_ = true;
        changed_.notify_all();
        changed_.wait(lock, [this] { return !hanging_; });
        is_stuck_ = false;
    }
    const auto nth = asked_++;
    const int result = failing_ ? failing_(operation.kind, nth) : SQLITE_OK;
    if (result == SQLITE_OK) {
        operations_.push_back(std::move(operation));
    }
    return result;
}

void perform(Files& files, const Disk::Operation& operation) {
    switch (operation.kind) {
        case Kind::write: {
            auto& file = files[operation.file];
            const auto from = static_cast<std::size_t>(operation.offset);
            if (file.size() < from + operation.bytes.size()) {
                file.resize(from + operation.bytes.size());
            }
            file.replace(from, operation.bytes.size(), operation.bytes);
            break;
        }
        case Kind::truncate:
            files[operation.file].resize(static_cast<std::size_t>(operation.offset));
            break;
        case Kind::remove:
            files.erase(operation.file);
            break;
        case Kind::sync:
        case Kind::mark:
            break;
    }
}

}  // namespace beckon
