import ArgumentParser
import Foundation
import Generation
import OrderedJSON
import Providers
import TOMLReader
import Tensors

/// Flags that every command which loads models takes.
struct MachineFlags: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("TOML file with settings.", valueName: "file"))
    var config: String?

    @Option(name: [.short, .long], help: "Threads that compute; one per usable core if not given.")
    var threads: Int?

    @Option(
        name: [.short, .long], help: "Tokens a conversation may have; up to 8192 if not given, less if memory is short."
    )
    var context: Int?

    @Option(
        name: .long, help: "How keys and values of past tokens are kept: bf16, f32, or int8 in half the memory.",
        transform: { try Configuration.cacheFormat($0, "--cache-type") })
    var cacheType: CacheFormat?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Tokens guessed from the text so far and tried at once, at most; 16 if not given, 0: none. The text is the same.",
            valueName: "tokens"))
    var draft: Int?
}

/// All settings, each from the first place that has it: flag, environment, file, default.
struct Configuration {
    let home: String
    let host: String
    let port: Int
    let apiKey: String?
    let threads: Int
    let context: Int?
    let parallel: Int
    let memoryBytes: Int?
    let cacheFormat: CacheFormat?
    let draftTokens: Int
    let instructionSet: String?
    let models: [String]
    let policy: InferencePolicy
    let mesh: MeshSettings
    let hubEndpoint: String
    let hubToken: String?

    init(
        flags: MachineFlags, host: String? = nil, port: Int? = nil, parallel: Int? = nil,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws {
        home = environment["HYBRIE_HOME"].map(Self.expanded) ?? Self.expanded("~/.hybrie")
        let file = try SettingsFile(flags.config ?? environment["HYBRIE_CONFIG"], home: home)
        func number(_ flag: Int?, _ variable: String, _ key: String, in range: ClosedRange<Int>) throws -> Int? {
            let found: (value: Int, from: String)?
            if let flag {
                found = (flag, "--\(key)")
            } else if let text = environment[variable] {
                guard let value = Int(text) else { throw ConfigurationError.notANumber(place: variable, text: text) }
                found = (value, variable)
            } else {
                found = try file.integer(key).map { ($0, "'\(key)' in \(file.name)") }
            }
            guard let found else { return nil }
            guard range.contains(found.value) else {
                throw ConfigurationError.outOfRange(place: found.from, value: found.value, range: range)
            }
            return found.value
        }
        self.host = try host ?? environment["HYBRIE_HOST"] ?? file.string("host") ?? "127.0.0.1"
        self.port = try number(port, "HYBRIE_PORT", "port", in: 0...65535) ?? 8080
        apiKey = try environment["HYBRIE_API_KEY"] ?? file.string("api_key")
        threads = try number(flags.threads, "HYBRIE_THREADS", "threads", in: 1...1024) ?? UsableCores.count
        context = try number(flags.context, "HYBRIE_CONTEXT", "context", in: 16...(1 << 24))
        self.parallel = try number(parallel, "HYBRIE_PARALLEL", "parallel", in: 1...256) ?? 16
        memoryBytes = try number(nil, "HYBRIE_MEMORY_MIB", "memory_mib", in: 64...(1 << 30)).map { $0 << 20 }
        cacheFormat =
            try flags.cacheType ?? environment["HYBRIE_CACHE_TYPE"].map {
                try Self.cacheFormat($0, "HYBRIE_CACHE_TYPE")
            }
            ?? file.string("cache_type").map { try Self.cacheFormat($0, "'cache_type' in \(file.name)") }
        draftTokens =
            try number(flags.draft, "HYBRIE_DRAFT", "draft", in: 0...64) ?? EngineOptions.usualDraftTokens
        instructionSet = environment["HYBRIE_ISA"]
        models =
            try environment["HYBRIE_MODELS"]?.split(separator: ",").map(String.init) ?? file.strings("models") ?? []
        let downloads =
            try environment["HYBRIE_ALLOW_DOWNLOADS"].map { try Self.bool($0, "HYBRIE_ALLOW_DOWNLOADS") }
            ?? file.bool("allow_downloads")
        let providers = try environment["INFERENCE_ALLOWED_PROVIDERS"] ?? file.string("allowed_providers")
        let isMeshOn =
            try environment["HYBRIE_MESH"].map { try Self.bool($0, "HYBRIE_MESH") } ?? file.bool("mesh", "enabled")
        policy = try InferencePolicy(list: providers, permitsDownloads: downloads, permitsMesh: isMeshOn)
        mesh = try MeshSettings(environment: environment, file: file, apiKey: apiKey, host: self.host)
        if let endpoints = try file.strings("hybrid", "cloud_endpoints"), !endpoints.isEmpty,
            !policy.allowed.contains(.hybrid)
        {
            throw PolicyError.refused("'hybrid.cloud_endpoints' in \(file.name)", rule: "INFERENCE_ALLOWED_PROVIDERS")
        }
        hubEndpoint = try environment["HF_ENDPOINT"] ?? file.string("hub_endpoint") ?? "https://huggingface.co"
        hubToken = environment["HF_TOKEN"]
        try file.refuseUnknown()
    }

    private static func expanded(_ path: String) -> String { (path as NSString).expandingTildeInPath }

    static func cacheFormat(_ text: String, _ place: String) throws -> CacheFormat {
        guard let format = CacheFormat(rawValue: text) else {
            throw ConfigurationError.notOneOf(place: place, text: text, known: CacheFormat.allCases.map(\.rawValue))
        }
        return format
    }

    private static func bool(_ text: String, _ place: String) throws -> Bool {
        switch text.lowercased() {
        case "1", "true", "yes", "on": return true
        case "0", "false", "no", "off": return false
        default: throw ConfigurationError.notABoolean(place: place, text: text)
        }
    }
}

/// A setting that can't be used.
enum ConfigurationError: Error, CustomStringConvertible {
    case unreadable(file: String)
    case malformed(file: String, reason: String)
    case notANumber(place: String, text: String)
    case notABoolean(place: String, text: String)
    case notOneOf(place: String, text: String, known: [String])
    case outOfRange(place: String, value: Int, range: ClosedRange<Int>)
    case unknownInstructionSet(String)

    var description: String {
        switch self {
        case .unreadable(let file): "the settings file '\(file)' can't be read; check its path and rights"
        case .malformed(let file, let reason): "\(file): \(reason); mend the file"
        case .notANumber(let place, let text): "\(place) is '\(text)'; it must be a whole number"
        case .notABoolean(let place, let text): "\(place) is '\(text)'; it must be true or false"
        case .notOneOf(let place, let text, let known):
            "\(place) is '\(text)'; it must be \(known.joined(separator: " or "))"
        case .outOfRange(let place, let value, let range):
            "\(place) is \(value); it must lie between \(range.lowerBound) and \(range.upperBound)"
        case .unknownInstructionSet(let name):
            "HYBRIE_ISA is '\(name)', which this processor can't run; use portable, avx2, avx512, avx512bf16 or neon, or leave it unset"
        }
    }
}
