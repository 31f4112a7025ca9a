/// Where inference may run, as the operator decided: `INFERENCE_ALLOWED_PROVIDERS`.
public struct InferencePolicy: Sendable, Equatable {
    /// Everything that can answer a request.
    public enum Provider: String, CaseIterable, Sendable {
        case local, hybrid, peers, openai, anthropic, gemini, mistral
    }

    /// Providers that may be used.
    public let allowed: Set<Provider>
    /// Whether weights may be fetched from outside. Off in local-only operation unless its own key switches it on.
    public let permitsDownloads: Bool
    /// Whether this node talks with other nodes. Off in local-only operation unless its own key switches it on.
    public let permitsMesh: Bool

    /// Whether inference stays on this machine.
    public var isLocalOnly: Bool { allowed == [.local] }

    /// A policy of these providers.
    /// - Parameters:
    ///   - permitsDownloads: what the operator's own key says; without one, downloads are off in local-only operation.
    ///   - permitsMesh: the same for traffic with other nodes.
    public init(allowed: Set<Provider>, permitsDownloads: Bool? = nil, permitsMesh: Bool? = nil) {
        self.allowed = allowed
        self.permitsDownloads = permitsDownloads ?? (allowed != [.local])
        self.permitsMesh = permitsMesh ?? (allowed != [.local])
    }

    /// Reads a comma list.
    /// - Parameter list: `nil` if nobody set one: then what is configured decides, and nothing but `local` can be yet, while
    ///   downloads and traffic with other nodes stay possible.
    /// - Throws: ``PolicyError/unknownProvider(_:)`` naming the first name that isn't known.
    public init(list: String?, permitsDownloads: Bool?, permitsMesh: Bool?) throws(PolicyError) {
        guard let list else {
            self.init(
                allowed: [.local], permitsDownloads: permitsDownloads ?? true, permitsMesh: permitsMesh ?? true)
            return
        }
        var allowed: Set<Provider> = []
        for part in list.split(separator: ",") {
            let name = part.filter { !$0.isWhitespace }
            guard let provider = Provider(rawValue: String(name)) else { throw .unknownProvider(String(name)) }
            allowed.insert(provider)
        }
        guard !allowed.isEmpty else { throw .unknownProvider("") }
        self.init(allowed: allowed, permitsDownloads: permitsDownloads, permitsMesh: permitsMesh)
    }

    /// Checks that a request may run as it asks.
    /// - Throws: ``PolicyError/refused(_:rule:)`` with the rule's name.
    public func check(_ mode: ExecutionMode) throws(PolicyError) {
        switch mode {
        case .local, .auto:
            guard allowed.contains(.local) else {
                throw .refused("local inference", rule: "INFERENCE_ALLOWED_PROVIDERS")
            }
        case .hybrid:
            guard allowed.contains(.hybrid) else {
                throw .refused("hybrid execution", rule: "INFERENCE_ALLOWED_PROVIDERS")
            }
            throw .refused("hybrid execution: no endpoint is configured", rule: "hybrid.cloud_endpoints")
        case .cloud:
            guard !allowed.isDisjoint(with: [.openai, .anthropic, .gemini, .mistral]) else {
                throw .refused("cloud execution", rule: "INFERENCE_ALLOWED_PROVIDERS")
            }
            throw .refused("cloud execution: no cloud provider is configured", rule: "providers")
        }
    }
}

/// Where a request asks to run: the header `x-hybrie-execution-mode`, or the prefix of the model's name.
public enum ExecutionMode: String, Sendable {
    case local, cloud, hybrid, auto

    /// The mode and the bare name of a model; the header wins over the prefix.
    /// - Throws: ``PolicyError/unknownMode(_:)``.
    public static func of(model: String, header: String?) throws(PolicyError) -> (mode: ExecutionMode, model: String) {
        var (prefix, name): (ExecutionMode?, String) = (nil, model)
        for candidate in [ExecutionMode.local, .cloud, .hybrid] where model.hasPrefix("\(candidate.rawValue)/") {
            (prefix, name) = (candidate, String(model.dropFirst(candidate.rawValue.count + 1)))
        }
        guard let header else { return (prefix ?? .auto, name) }
        guard let mode = ExecutionMode(rawValue: header) else { throw .unknownMode(header) }
        return (mode, name)
    }
}

/// What the policy forbids.
public enum PolicyError: Error, CustomStringConvertible, Sendable, Equatable {
    /// A name in `INFERENCE_ALLOWED_PROVIDERS` that isn't known.
    case unknownProvider(String)
    /// A value of `x-hybrie-execution-mode` that isn't known.
    case unknownMode(String)
    /// Something that a rule doesn't permit.
    case refused(String, rule: String)

    /// What was wrong, where, and what to do.
    public var description: String {
        switch self {
        case .unknownProvider(let name):
            "INFERENCE_ALLOWED_PROVIDERS names '\(name)', which is no provider; use any of "
                + InferencePolicy.Provider.allCases.map(\.rawValue).joined(separator: ", ")
        case .unknownMode(let mode): "x-hybrie-execution-mode is '\(mode)'; use local, cloud, hybrid or auto"
        case .refused(let what, let rule): "\(what) is refused by \(rule); ask for a local model or change that setting"
        }
    }
}
