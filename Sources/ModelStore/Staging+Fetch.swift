import Foundation

extension Staging {
    /// Bytes of `files` that an earlier attempt left.
    func bytesPresent(of files: [Hub.RemoteFile]) throws(StoreError) -> Int {
        var sum = 0
        for file in files { sum += min(try store.disk.size(of: "\(folder)/\(file.name)") ?? 0, file.bytes) }
        return sum
    }

    /// Completes one file and checks it: what is here is hashed again, and only the rest is fetched.
    /// - Throws: ``StoreError``, ``HubError``, or what the transport throws.
    func fetch(_ file: Hub.RemoteFile, from hub: Hub, progress: (Int) -> Void) async throws {
        let disk = store.disk
        let path = "\(folder)/\(file.name)"
        // A link in this place would write somewhere else.
        let whole = try disk.openFile(path, O_RDONLY | O_CREAT | O_NOFOLLOW)
        var received = Received(file)
        while true {
            let piece = try disk.readBytes(whole, at: received.bytes, upTo: 4 << 20)
            if piece.isEmpty { break }
            received.add(piece)
        }
        if received.bytes != file.bytes {
            if received.bytes > file.bytes { received = Received(file) }
            // A complete file is read-only, and a disk that lost part of it leaves it so.
            try disk.setMode(whole, 0o600)
            received = try await grow(file, at: path, after: received, from: hub, progress: progress)
        }
        guard received.bytes == file.bytes else {
            throw HubError.badAnswer(
                what: file.name, reason: "it ended after \(received.bytes) of \(file.bytes) bytes; pull again to go on")
        }
        guard received.digest.matches() else {
            try disk.delete(path)
            throw HubError.damaged(file: file.name)
        }
        try complete(whole)
        progress(received.bytes)
    }

    /// Appends what the hub sends.
    private func grow(
        _ file: Hub.RemoteFile, at path: String, after present: Received, from hub: Hub, progress: (Int) -> Void
    ) async throws -> Received {
        let disk = store.disk
        let (body, resumes) = try await hub.body(of: file, from: present.bytes)
        var received = resumes ? present : Received(file)
        let growing = try disk.openFile(path, O_WRONLY | O_NOFOLLOW)
        try disk.cut(growing, to: received.bytes)
        for try await piece in body {
            guard received.bytes + piece.count <= file.bytes else { break }
            try disk.write(piece, to: growing, at: received.bytes)
            received.add(piece)
            progress(received.bytes)
        }
        return received
    }
}

/// How much of a file is on the disk, and its digest so far.
private struct Received {
    private(set) var bytes = 0
    private(set) var digest: FileDigest

    init(_ file: Hub.RemoteFile) { digest = FileDigest(file) }

    mutating func add(_ piece: [UInt8]) {
        digest.update(piece)
        bytes += piece.count
    }
}
