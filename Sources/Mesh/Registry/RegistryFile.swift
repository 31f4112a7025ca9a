import Foundation
import GRDB

/// The file of a ``PeerRegistry``: opened, brought to the current layout, and replaced if it is damaged.
struct RegistryFile {
    let home: String
    private var path: String { "\(home)/mesh.sqlite" }

    /// Whether there is one.
    var exists: Bool { FileManager.default.fileExists(atPath: path) }

    /// The open database, and whether it had to be made anew in place of a damaged one.
    func openPool() throws(MeshError) -> (pool: DatabasePool, wasRebuilt: Bool) {
        do { try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true) } catch {
            throw .storage(reason: "the home folder can't be made")
        }
        // One process at a time: a second one must not move aside what the first has just made. The lock goes with the
        // descriptor, however the process ends.
        let lock = open("\(home)/mesh.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw .storage(reason: "'mesh.lock' can't be opened (error \(errno))") }
        defer { close(lock) }
        while flock(lock, LOCK_EX) != 0 {
            guard errno == EINTR else { throw .storage(reason: "'mesh.lock' can't be locked (error \(errno))") }
        }
        do {
            if let pool = try openIfWhole() { return (pool, false) }
            try moveAside()
            if let pool = try openIfWhole() { return (pool, true) }
        } catch { throw .storage(reason: "mesh.sqlite can't be opened: \(error)") }
        throw .storage(reason: "mesh.sqlite is damaged as soon as it is made")
    }

    /// The open database; `nil` if it is damaged or none.
    private func openIfWhole() throws -> DatabasePool? {
        // SQLite takes a file that is all but empty for a new database. The lock is ours, so nobody is just making one,
        // and one that was made has a page, of 512 bytes at least.
        var status = stat()
        if stat(path, &status) == 0, status.st_size < 512 { return nil }
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        configuration.maximumReaderCount = 2
        do {
            let pool = try DatabasePool(path: path, configuration: configuration)
            let verdict = try pool.read { try String.fetchOne($0, sql: "PRAGMA integrity_check(1)") }
            guard verdict == "ok" else {
                try? pool.close()
                return nil
            }
            try migrator.migrate(pool)
            // A sequence that was taken must not come again, not even after a power cut.
            try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
            return pool
        } catch let error as DatabaseError
            where error.resultCode == .SQLITE_NOTADB || error.resultCode == .SQLITE_CORRUPT
        {
            return nil
        }
    }

    private var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("peers and own sequence") { database in
            try database.execute(
                sql: """
                    CREATE TABLE peers (
                        id TEXT NOT NULL PRIMARY KEY, payload BLOB NOT NULL, signature BLOB NOT NULL, address TEXT,
                        source TEXT NOT NULL, first_seen REAL NOT NULL, last_seen REAL);
                    CREATE TABLE own (one INTEGER PRIMARY KEY CHECK (one = 1), sequence INTEGER NOT NULL);
                    """)
        }
        migrator.registerMigration("removed peers") { database in
            try database.execute(sql: "CREATE TABLE removed (id TEXT NOT NULL PRIMARY KEY, at REAL NOT NULL)")
        }
        return migrator
    }

    /// Moves the file and its companions aside, in the place of older ones.
    private func moveAside() throws {
        for suffix in ["-wal", "-shm", ""] {
            // Of an older one nothing may stay: a log beside a foreign file would be taken for its own.
            try? FileManager.default.removeItem(atPath: "\(path).damaged\(suffix)")
            guard rename("\(path)\(suffix)", "\(path).damaged\(suffix)") == 0 || errno == ENOENT else {
                throw MeshError.storage(reason: "'mesh.sqlite\(suffix)' can't be moved aside (error \(errno))")
            }
        }
    }
}
