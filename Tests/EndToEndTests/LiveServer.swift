import API
import Foundation
import Logging
import Providers
import Synchronization
import Tensors

/// The server inside the tests' own process, for what can't be asked of the binary: short times, a device that hangs.
enum LiveServer {
    private static let model = RunningServer.root.appendingPathComponent(
        "Tests/Fixtures/golden/lm/qwen3/model-Q8_0.gguf"
    ).path

    /// Serves the smallest fixture on `device` while `body` runs, on a thread of its own since it may block.
    static func run(
        on device: any Device, times: ConnectionTimes = ConnectionTimes(),
        _ body: @escaping @Sendable (_ port: Int) throws -> Void
    ) async throws {
        let logger = Logger(label: "live") { _ in SwiftLogNoOpLogHandler() }
        var options = ModelHost.Options()
        options.memoryBytes = 4 << 30
        let models = ModelHost(device: device, options: options, logger: logger)
        await models.add(id: "tiny", .here(path: model))
        _ = try await models.load("tiny")
        var serverOptions = ServerOptions(host: "127.0.0.1", port: 0, apiKey: nil, version: "test")
        serverOptions.times = times
        let (ports, told) = AsyncStream<Int>.makeStream()
        let server = Server(
            options: serverOptions, models: models, policy: InferencePolicy(allowed: [.local]), logger: logger
        ) { told.yield($0) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await server.run() }
            for await port in ports {
                try await onThread { try body(port) }
                break
            }
        }
        await models.stop()
    }

    private static func onThread(_ body: @escaping @Sendable () throws -> Void) async throws {
        try await withCheckedThrowingContinuation { continuation in
            Thread { continuation.resume(with: Result { try body() }) }.start()
        }
    }
}

/// A processor that waits before each step of a model: until it is released, or for a while.
final class SlowDevice: Device {
    private let inner: CPUDevice
    private let isHeld = Mutex(false)
    private let stepSeconds: Double

    init(stepSeconds: Double = 0) throws {
        guard let inner = CPUDevice(threads: 1) else { throw ServerFault(what: "there is no processor") }
        self.inner = inner
        self.stepSeconds = stepSeconds
    }

    func hold(_ isHeld: Bool) { self.isHeld.withLock { $0 = isHeld } }

    func embed(_ ids: [Int32], table: any Weight) -> Tensor {
        repeat { Thread.sleep(forTimeInterval: stepSeconds) } while isHeld.withLock { $0 }
        return inner.embed(ids, table: table)
    }

    var name: String { inner.name }
    func keeps(_ format: BlockFormat) -> Bool { inner.keeps(format) }
    func tensor(_ values: [Float], shape: [Int]) -> Tensor { inner.tensor(values, shape: shape) }
    func prepare(_ matrices: [any StoredMatrix]) throws -> any Weight { try inner.prepare(matrices) }
    func makeCache(_ shape: CacheShape) throws(TensorError) -> any KeyValueCache { try inner.makeCache(shape) }
    func rows(_ x: Tensor, _ indices: [Int]) -> Tensor { inner.rows(x, indices) }
    func rmsNorm(_ x: Tensor, weight: Tensor, epsilon: Float) -> Tensor {
        inner.rmsNorm(x, weight: weight, epsilon: epsilon)
    }
    func linear(_ x: Tensor, _ projections: [Projection]) -> [Tensor] { inner.linear(x, projections) }
    func linear(_ x: Tensor, _ weight: any Weight, addedTo residual: Tensor) -> Tensor {
        inner.linear(x, weight, addedTo: residual)
    }
    func gatedLinear(_ x: Tensor, gate: any Weight, up: any Weight) -> Tensor {
        inner.gatedLinear(x, gate: gate, up: up)
    }
    func attention(
        query: Tensor, key: Tensor, value: Tensor, heads: AttentionHeads, batch: Batch, rotary: RotaryAngles,
        cache: any KeyValueCache, layer: Int
    ) -> Tensor {
        inner.attention(
            query: query, key: key, value: value, heads: heads, batch: batch, rotary: rotary, cache: cache, layer: layer
        )
    }
    func experts(_ x: Tensor, mixture: ExpertMixture, addedTo residual: Tensor) -> Tensor {
        inner.experts(x, mixture: mixture, addedTo: residual)
    }
}
