// swift-tools-version:6.2
// The map of the house: which room may import which. ARCHITECTURE.md says what lives in each.
import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]
/// One file that runs without the Swift toolchain, and less of it in memory: Swift's and Foundation's libraries are linked in,
/// equal functions folded, and none offered to others.
let oneBinary: [LinkerSetting] = [
    .unsafeFlags(
        [
            "-static-stdlib", "-use-ld=lld", "-Xlinker", "--icf=safe", "-Xlinker", "--no-export-dynamic",
            "-lFoundationEssentials", "-lFoundationInternationalization", "-lCoreFoundation", "-l_FoundationICU",
            "-l_FoundationCShims", "-l_FoundationCollections", "-ldispatch", "-lBlocksRuntime", "-lstdc++",
        ],
        .when(platforms: [.linux], configuration: .release))
]
/// For rooms that hold pointers or parse what comes from outside.
let strict = settings + [.strictMemorySafety()]

let package = Package(
    name: "hybrie",
    platforms: [.macOS(.v15)],
    products: [.executable(name: "hybrie", targets: ["hybrie"])],
    dependencies: [
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-async-algorithms", from: "1.0.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
        .target(name: "OrderedJSON", swiftSettings: strict),
        .target(name: "TOMLReader", dependencies: ["OrderedJSON"], swiftSettings: strict),
        .testTarget(name: "TOMLReaderTests", dependencies: ["OrderedJSON", "TOMLReader"], swiftSettings: settings),
        .target(name: "CKernels", cSettings: [.unsafeFlags(["-O3"])]),
        .target(name: "Tensors", dependencies: ["CKernels"], swiftSettings: strict),
        .target(name: "Checkpoints", dependencies: ["OrderedJSON", "Tensors"], swiftSettings: strict),
        .target(name: "Tokenizers", dependencies: ["OrderedJSON"], swiftSettings: strict),
        .target(
            name: "Generation",
            dependencies: ["Checkpoints", "LanguageModels", "OrderedJSON", "Tensors", "Tokenizers"],
            swiftSettings: settings),
        .target(name: "LanguageModels", dependencies: ["Checkpoints", "Tensors"], swiftSettings: settings),
        .target(
            name: "ModelStore", dependencies: ["OrderedJSON", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: settings),
        .target(
            name: "Mesh",
            dependencies: [
                "ModelStore", "OrderedJSON", .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "GRDB", package: "GRDB.swift"), .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .target(
            name: "Providers",
            dependencies: [
                "Checkpoints", "Generation", "Mesh", "ModelStore", "Tensors",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "API",
            dependencies: [
                "Checkpoints", "Generation", "Mesh", "ModelStore", "OrderedJSON", "Providers", "Tokenizers",
                .product(name: "AsyncAlgorithms", package: "swift-async-algorithms"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "hybrie",
            dependencies: [
                "API", "Checkpoints", "Generation", "LanguageModels", "Mesh", "ModelStore", "OrderedJSON", "Providers",
                "Tensors", "Tokenizers",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                "TOMLReader",
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings, linkerSettings: oneBinary
        ),
        .executableTarget(
            name: "fuzz",
            dependencies: [
                "API", "Checkpoints", "Generation", "OrderedJSON", "TestSupport", "Tokenizers", "TOMLReader",
            ],
            path: "Fuzz", swiftSettings: settings),
        .testTarget(
            name: "APITests",
            dependencies: [
                "API", "Checkpoints", "Generation", "OrderedJSON", "Providers", "Tensors",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ], swiftSettings: settings),
        .testTarget(
            name: "ProvidersTests",
            dependencies: [
                "Checkpoints", "Generation", "Providers", "Tensors", .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: settings),
        // What several test rooms and the fuzzer share.
        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: settings),
        .testTarget(name: "FuzzTests", dependencies: ["fuzz"], swiftSettings: settings),
        .testTarget(
            name: "ModelStoreTests",
            dependencies: ["ModelStore", "OrderedJSON", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: settings),
        .testTarget(
            name: "MeshTests",
            dependencies: [
                "Mesh", "ModelStore", "OrderedJSON", .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .testTarget(name: "SimulationTests", dependencies: ["Mesh", "ModelStore"], swiftSettings: settings),
        .testTarget(name: "TidyTests", swiftSettings: settings),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "API", "Providers", "Tensors", "TestSupport", .product(name: "Logging", package: "swift-log"),
            ],
            exclude: ["requirements.txt", "openai_client.py", "many_clients.py", "pull_hub.py", "hub_client.py"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "CheckpointsTests", dependencies: ["Checkpoints", "OrderedJSON", "Tensors", "TestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "TensorsTests", dependencies: ["OrderedJSON", "Tensors", "TestSupport"], swiftSettings: settings),
        .testTarget(
            name: "TokenizersTests", dependencies: ["OrderedJSON", "TestSupport", "Tokenizers"], swiftSettings: settings
        ),
        .testTarget(
            name: "GenerationTests",
            dependencies: [
                "Generation", "LanguageModels", "Checkpoints", "OrderedJSON", "Tensors", "TestSupport", "Tokenizers",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "LanguageModelsTests", dependencies: ["LanguageModels", "OrderedJSON", "Checkpoints", "Tensors"],
            swiftSettings: settings),
        .testTarget(name: "OrderedJSONTests", dependencies: ["OrderedJSON"], swiftSettings: settings),
    ]
)
