import Foundation

/// The API key that is made when the server is opened to others without one: kept in the home, readable by its owner only,
/// printed once.
struct KeyFile {
    let home: String
    private var path: String { "\(home)/api_key" }

    /// The key that an earlier start has made.
    var storedKey: String? {
        (try? String(contentsOfFile: path, encoding: .utf8))?.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// The stored key, or a new one.
    func keyForExposure() throws -> String {
        if let key = storedKey {
            guard key.utf8.count >= 16 else {
                throw ConfigurationError.malformed(file: "api_key", reason: "the key is too short")
            }
            return key
        }
        let alphabet = Array("abcdefghijkmnpqrstuvwxyz23456789")
        let key = "hy-" + String((0..<40).map { _ in alphabet[Int.random(in: 0..<alphabet.count)] })
        try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
        guard
            FileManager.default.createFile(
                atPath: path, contents: Data("\(key)\n".utf8), attributes: [.posixPermissions: 0o600])
        else { throw ConfigurationError.unreadable(file: path) }
        FileHandle.standardError.write(
            Data(
                "The server is open to other machines, so requests need this key (kept in api_key, shown only now):\n  \(key)\n"
                    .utf8))
        return key
    }
}
