import Foundation
import ModelStore
import Synchronization

/// A disk on which one call goes wrong, counted from 1.
final class FailingDisk: Sendable {
    /// How it goes wrong.
    enum Fault: Sendable {
        /// The process is killed just before the call: nothing happens any more.
        case kill
        /// It is killed in the middle of the call: half of a write is done.
        case killInside
        /// This call fails, the next ones work.
        case error(Int32)
        /// This call fails and all after it.
        case lastingError(Int32)
    }

    private let fault: Fault
    private let call: Int
    /// What the files will hold, by name.
    private let contents: [String: [UInt8]]
    private let state = Mutex((calls: 0, struck: (operation: Disk.Operation, name: String)?.none))

    init(_ fault: Fault, at call: Int, contents: [String: [UInt8]] = [:]) {
        self.fault = fault
        self.call = call
        self.contents = contents
    }

    var disk: Disk { Disk { [self] operation, path in next(operation, path) } }
    /// The call that went wrong; none if there were fewer.
    var struck: (operation: Disk.Operation, name: String)? { state.withLock { $0.struck } }

    /// Whether `error` says which call went wrong, on what, and what helps.
    func isNamed(by error: any Error, advising advice: String) -> Bool {
        guard let struck, case .failed(let operation, let name, let reason)? = error as? StoreError else {
            return false
        }
        return operation == struck.operation.rawValue && name == struck.name && reason.contains(advice)
    }

    private func next(_ operation: Disk.Operation, _ path: String) -> Int32? {
        let calls = state.withLock { state in
            state.calls += 1
            if state.calls == call { state.struck = (operation, (path as NSString).lastPathComponent) }
            return state.calls
        }
        guard calls >= call else { return nil }
        switch fault {
        case .kill: return ECANCELED
        case .killInside:
            if calls == call, operation == .write { tear(path) }
            return ECANCELED
        case .error(let code): return calls == call ? code : nil
        case .lastingError(let code): return code
        }
    }

    private func tear(_ path: String) {
        guard let content = contents[(path as NSString).lastPathComponent],
            let file = FileHandle(forWritingAtPath: path)
        else { return }
        let size = Int((try? file.seekToEnd()) ?? 0)
        try? file.write(contentsOf: Data(content[size..<min(size + 500, content.count)]))
    }
}
