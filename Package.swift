// swift-tools-version:6.2
// The map of the house: which room may import which. ARCHITECTURE.md says what lives in each.
import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]
/// For rooms that hold pointers or parse what comes from outside.
let strict = settings + [.strictMemorySafety()]

let package = Package(
    name: "hybrie",
    platforms: [.macOS(.v15)],
    targets: [
        .target(name: "OrderedJSON", swiftSettings: strict),
        .testTarget(name: "OrderedJSONTests", dependencies: ["OrderedJSON"], swiftSettings: settings),
    ]
)
